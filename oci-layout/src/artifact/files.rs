use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Cursor, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use oci_image::blob::BlobSource;
use oci_image::build::Artifact;
use oci_image::oci_digest::{HashWriter, VerifyReader};
use oci_image::{Algorithm, Descriptor, Digest, MediaType};

use crate::Error;

/// Files of this machine as the blobs of an artifact, to be pushed from where they are.
///
/// ```
/// use oci_image::blob::BlobSourceExt;
/// use oci_image::build::Artifact;
/// use oci_layout::ArtifactFiles;
///
/// let directory = tempfile::tempdir()?;
/// let path = directory.path().join("report.txt");
/// std::fs::write(&path, "fine")?;
///
/// let mut files = ArtifactFiles::new();
/// let report = files.add(&path, "text/plain".into())?;
/// let artifact = Artifact::new("application/vnd.example.report".into()).file("report.txt", report);
/// let artifact = files.build(artifact)?;
/// // For a client: repository.push(&files, &artifact).tag("v1").await?;
/// assert_eq!(files.read(&artifact, 1000)?.len() as u64, artifact.size);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct ArtifactFiles {
    blobs: HashMap<Digest, Content>,
}

#[derive(Clone, Debug)]
enum Content {
    File(PathBuf),
    Bytes(Arc<[u8]>),
}

impl ArtifactFiles {
    /// Without files yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds the file at `path`, and gives what names its content. It is read once now, and again when it is
    /// pushed: content that has changed meanwhile is an error then.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn add(
        &mut self,
        path: impl AsRef<Path>,
        media_type: MediaType,
    ) -> Result<Descriptor, Error> {
        let path = path.as_ref();
        let failed = |error| Error::io(format!("cannot read `{}`", path.display()), error);
        let mut file = File::open(path).map_err(failed)?;
        let mut hash = HashWriter::new(io::sink(), Algorithm::Sha256);
        io::copy(&mut file, &mut hash).map_err(failed)?;
        let (_, digest, size) = hash.finish();
        self.blobs.insert(digest.clone(), Content::File(path.to_owned()));
        Ok(Descriptor::new(media_type, digest, size))
    }

    /// Adds a blob of these bytes, such as a config, and gives what names it.
    pub fn add_bytes(&mut self, bytes: impl Into<Arc<[u8]>>, media_type: MediaType) -> Descriptor {
        let bytes = bytes.into();
        let blob = Descriptor::of(media_type, &bytes);
        self.blobs.insert(blob.digest.clone(), Content::Bytes(bytes));
        blob
    }

    /// Adds the manifest of an artifact of these blobs, and gives what names it. The blob `{}` need not have been added.
    ///
    /// # Errors
    /// If the manifest is over a limit.
    pub fn build(&mut self, artifact: Artifact) -> Result<Descriptor, Error> {
        let manifest = artifact
            .build()
            .map_err(|error| Error::invalid("cannot write the manifest of the artifact", error))?;
        let empty = Content::Bytes(Arc::from(&b"{}"[..]));
        self.blobs.entry(Digest::EMPTY_JSON).or_insert(empty);
        let descriptor = manifest.descriptor().clone();
        self.blobs.insert(descriptor.digest.clone(), Content::Bytes(manifest.bytes().into()));
        Ok(descriptor)
    }
}

impl BlobSource for ArtifactFiles {
    fn open(&self, blob: &Descriptor) -> io::Result<Option<Box<dyn Read + Send + '_>>> {
        Ok(match self.blobs.get(&blob.digest) {
            None => None,
            Some(Content::Bytes(bytes)) => Some(Box::new(Cursor::new(bytes))),
            Some(Content::File(path)) => {
                Some(Box::new(VerifyReader::new(File::open(path)?, &blob.digest, blob.size)?))
            }
        })
    }
}
