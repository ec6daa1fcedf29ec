//! A directory with a root filesystem, and what to do with it.

use std::path::{Path, PathBuf};

use oci_image::json;

use crate::{Error, ErrorKind, Spec};

/// A directory that holds a root filesystem, and the specification of the container to make of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Bundle {
    dir: PathBuf,
    spec: Spec,
}

impl Bundle {
    /// A bundle whose specification is in memory; paths of the specification begin at `dir`.
    pub fn new(dir: impl Into<PathBuf>, spec: Spec) -> Self {
        Self { dir: dir.into(), spec }
    }

    /// Opens a bundle on disk and reads its `config.json`.
    ///
    /// # Errors
    /// If the directory is not there or its `config.json` is not a specification.
    pub fn open(dir: impl AsRef<Path>) -> Result<Self, Error> {
        let dir = dir.as_ref();
        let absolute = std::path::absolute(dir).map_err(|error| {
            Error::because(ErrorKind::Bundle, format!("open bundle `{}`", dir.display()), error)
        })?;
        let config = absolute.join("config.json");
        let doing = format!("read `{}`", config.display());
        let text = read(&config)
            .map_err(|error| Error::because(ErrorKind::Bundle, doing.clone(), error))?;
        let spec = json::from_slice(&text)
            .map_err(|error| Error::because(ErrorKind::Bundle, doing, error))?;
        Ok(Self::new(absolute, spec))
    }

    /// The directory that relative paths of the specification begin at.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// The specification.
    pub fn spec(&self) -> &Spec {
        &self.spec
    }

    /// The specification, to be changed before a container is made.
    pub fn spec_mut(&mut self) -> &mut Spec {
        &mut self.spec
    }
}

/// Reads a document up to its limit, and a byte more so that the limit is seen to be passed.
fn read(path: &Path) -> std::io::Result<Vec<u8>> {
    use std::io::Read;
    let mut text = Vec::new();
    let file = std::fs::File::open(path)?;
    file.take(json::DOCUMENT_LIMIT as u64 + 1).read_to_end(&mut text)?;
    Ok(text)
}
