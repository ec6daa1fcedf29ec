use std::io;

use oci_image::Digest;

use super::Blobs;
use crate::files::Kind;

/// What is in a directory of blobs.
#[derive(Debug, Default)]
pub(crate) struct Found {
    /// The files that are named as blobs are.
    pub(crate) blobs: Vec<Digest>,
    /// The paths of everything else.
    pub(crate) odd: Vec<String>,
}

impl Blobs {
    /// Looks through the directory.
    pub(crate) fn found(&self) -> io::Result<Found> {
        let mut found = Found::default();
        let top = if self.prefix.is_empty() { "." } else { self.prefix.trim_end_matches('/') };
        for algorithm in self.files.list(top)? {
            let name = algorithm.name.to_string_lossy();
            let path = format!("{}{name}", self.prefix);
            if algorithm.kind == Kind::Directory && algorithm.name.to_str().is_some() {
                self.look_through(&name, &path, &mut found)?;
            } else if path != crate::lock::WORK {
                found.odd.push(path);
            }
        }
        Ok(found)
    }

    fn look_through(&self, algorithm: &str, path: &str, found: &mut Found) -> io::Result<()> {
        if path == crate::lock::WORK {
            return Ok(());
        }
        for blob in self.files.list(path)? {
            let encoded = blob.name.to_str().filter(|_| blob.kind == Kind::File);
            match encoded.and_then(|encoded| format!("{algorithm}:{encoded}").parse().ok()) {
                Some(digest) => found.blobs.push(digest),
                None => found.odd.push(format!("{path}/{}", blob.name.to_string_lossy())),
            }
        }
        Ok(())
    }
}
