//! Artifacts as files: those that are pushed, and those that are written to a directory.

mod directory;
mod files;
mod target;

use std::path::Path;

use oci_image::blob::BlobSourceExt;
use oci_image::{Descriptor, Document, Manifest};

pub use directory::ArtifactDirectory;
pub use files::ArtifactFiles;

use crate::{Error, Layout};

impl Layout {
    /// Writes the files of an artifact to a directory, which is made if it is not there. What is written, and what is
    /// refused, is that of [`ArtifactDirectory`].
    ///
    /// Each is a reflink of the blob where the filesystem can do that, so that its bytes are stored once; otherwise it is
    /// a copy. Either is verified before it has its name.
    ///
    /// # Errors
    /// As [`ArtifactDirectory::create`]; if a blob is missing or wrong, or if a file cannot be written.
    pub fn write_artifact(
        &self,
        artifact: &Descriptor,
        directory: impl AsRef<Path>,
    ) -> Result<(), Error> {
        let action = self.about(&format!("cannot write artifact `{}` of", artifact.digest));
        let failed = |error| Error::io(&*action, error);
        let manifest: Document<Manifest> = self.document(artifact).map_err(failed)?;
        let directory = ArtifactDirectory::create(directory, &manifest)?;
        for blob in directory.blobs() {
            let file = self.blobs().file(blob).map_err(failed)?;
            let file = file.ok_or_else(|| self.no_such(blob.digest.as_str()))?;
            directory.share(blob, &file).map_err(failed)?;
        }
        Ok(())
    }
}
