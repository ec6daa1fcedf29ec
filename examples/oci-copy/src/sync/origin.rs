use std::fs;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use oci_image::distribution::referrers_tag;
use oci_image::reference::ReferenceError;
use oci_image::{Digest, Reference};

use crate::Result;

/// Where many images are.
pub(crate) enum Origin {
    /// `docker://HOST/REPOSITORY[:TAG]`.
    Repository(Reference),
    /// `oci:DIRECTORY`: the tags of a layout.
    Layout(PathBuf),
    /// `dir:DIRECTORY`: the directories below one that hold an image each.
    Directory(PathBuf),
    /// What a file lists.
    File(PathBuf),
}

impl FromStr for Origin {
    type Err = ReferenceError;

    fn from_str(text: &str) -> Result<Self, ReferenceError> {
        Ok(match text.split_once(':') {
            Some(("docker", name)) if name.starts_with("//") => {
                Self::Repository(name.trim_start_matches('/').parse()?)
            }
            Some(("oci", path)) => Self::Layout(path.into()),
            Some(("dir", path)) => Self::Directory(path.into()),
            _ => Self::File(text.into()),
        })
    }
}

/// How deep the directories of a sync are one below the other.
const DEPTH: usize = 64;

/// The directories at and below `path` that hold an image, in the order of their names.
pub(super) fn images_below(path: &Path) -> Result<Vec<PathBuf>> {
    let (mut found, mut open) = (Vec::new(), vec![(path.to_owned(), 0)]);
    while let Some((path, depth)) = open.pop() {
        if path.join("manifest.json").exists() {
            found.push(path);
            continue;
        }
        let about = |error| format!("cannot read `{}`: {error}", path.display());
        for entry in fs::read_dir(&path).map_err(about)? {
            let entry = entry.map_err(about)?;
            // A link is not followed: it may lead round.
            if entry.file_type().map_err(about)?.is_dir() && depth < DEPTH {
                open.push((entry.path(), depth + 1));
            }
        }
    }
    if found.is_empty() {
        return Err(format!("cannot find an image at or below `{}`", path.display()).into());
    }
    found.sort_unstable();
    Ok(found)
}

/// Whether it is the tag under which clients keep a list of referrers where the registry keeps none.
pub(super) fn is_list_of_referrers(tag: &str) -> bool {
    let subject = tag.replacen('-', ":", 1).parse::<Digest>();
    subject.is_ok_and(|subject| referrers_tag(&subject).as_str() == tag)
}
