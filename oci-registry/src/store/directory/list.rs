use std::fs;
use std::io;
use std::path::Path;

use oci_image::RepositoryName;

use super::super::{Collection, invalid};
use super::root::Root;
use super::{found, path};

impl Root {
    /// Calls `visit` with each name of a collection.
    pub(super) fn list(
        &self,
        name: &RepositoryName,
        collection: &Collection,
        visit: &mut dyn FnMut(&str),
    ) -> io::Result<()> {
        let directory = path::collection(&self.path, name, collection);
        match collection {
            Collection::Blobs | Collection::Manifests => names(&directory, &mut |algorithm| {
                names(&directory.join(algorithm), &mut |encoded| {
                    visit(&format!("{algorithm}:{encoded}"));
                    Ok(())
                })
            }),
            Collection::Tags | Collection::Referrers(_) => names(&directory, &mut |name| {
                visit(name);
                Ok(())
            }),
        }
    }

    pub(super) fn knows(&self, name: &RepositoryName) -> io::Result<bool> {
        is_repository(&path::repository(&self.path, name))
    }

    pub(super) fn repositories(&self, visit: &mut dyn FnMut(&RepositoryName)) -> io::Result<()> {
        let root = path::repositories(&self.path);
        walk(&root, &root, visit)
    }
}

fn names(directory: &Path, visit: &mut dyn FnMut(&str) -> io::Result<()>) -> io::Result<()> {
    for entry in found(fs::read_dir(directory))?.into_iter().flatten() {
        let name = entry?.file_name();
        visit(name.to_str().ok_or_else(|| invalid("odd file name"))?)?;
    }
    Ok(())
}

/// Visits the repositories in a directory; names are of 127 components at most, and so deep does this go.
fn walk(root: &Path, directory: &Path, visit: &mut dyn FnMut(&RepositoryName)) -> io::Result<()> {
    let name = directory.strip_prefix(root).ok().and_then(Path::to_str);
    if let Some(name) = name.and_then(|name| name.parse().ok())
        && is_repository(directory)?
    {
        visit(&name);
    }
    // It may have been made by a write that failed meanwhile.
    for entry in found(fs::read_dir(directory))?.into_iter().flatten() {
        let entry = entry?;
        let is_own = entry.file_name().as_encoded_bytes().starts_with(b"_");
        if !is_own && entry.file_type()?.is_dir() {
            walk(root, &entry.path(), visit)?;
        }
    }
    Ok(())
}

/// A directory is a repository, and not just on the way to one, if something was written to it.
fn is_repository(path: &Path) -> io::Result<bool> {
    for kind in ["_blobs", "_manifests"] {
        if found(fs::metadata(path.join(kind)))?.is_some() {
            return Ok(true);
        }
    }
    Ok(false)
}
