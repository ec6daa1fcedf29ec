use std::fs::File;
use std::io::{self, Seek, Write};
use std::path::Path;
use std::sync::Arc;

use oci_image::annotations::{MODEL_FILE_PATH, file_path};
use oci_image::blob::{BlobSink, BlobWriter};
use oci_image::layer::EntryPath;
use oci_image::oci_digest::{VerifyReader, VerifyWriter};
use oci_image::{Descriptor, Document, Manifest};

use super::target::{Target, Unfinished};
use crate::{Error, ErrorKind};

/// A directory that the files of an artifact are written to: a sink for a pull of it.
///
/// A file is a layer with a [path](file_path), its title, and lies there below the directory. No path leaves the
/// directory: one with a component `..` is refused, one that begins with a slash begins at the directory, and symbolic
/// links below it are not followed. A file that is there is replaced, as is a symbolic link in the place of
/// the file. What has no path, such as the config, is not written.
///
/// A file is visible when it is whole and verified. The bytes of one that has more than one path are pulled once.
#[derive(Clone, Debug)]
pub struct ArtifactDirectory {
    target: Arc<Target>,
    files: Arc<[(EntryPath, Descriptor)]>,
}

impl ArtifactDirectory {
    /// The directory at `path`, which is made if it is not there, for the files of `artifact`.
    ///
    /// # Errors
    /// Of kind [`Invalid`](ErrorKind::Invalid) if a path is not one or two files have the same;
    /// [`NotFound`](ErrorKind::NotFound) if no layer has a path; [`Unsupported`](ErrorKind::Unsupported) if a layer is an
    /// archive of files of a model, which has to be unpacked.
    pub fn create(path: impl AsRef<Path>, artifact: &Document<Manifest>) -> Result<Self, Error> {
        let path = path.as_ref();
        let files = files(artifact)?;
        let target = Target::create(path)
            .map_err(|error| Error::io(format!("cannot write to `{}`", path.display()), error))?;
        Ok(Self { target: Arc::new(target), files: files.into() })
    }

    /// The paths of the files, in the order of the artifact.
    pub fn paths(&self) -> impl Iterator<Item = &EntryPath> {
        self.files.iter().map(|(path, _)| path)
    }

    /// Each blob of a file once.
    pub(super) fn blobs(&self) -> impl Iterator<Item = &Descriptor> {
        let is_first = |position: &usize, blob: &Descriptor| {
            !self.files.iter().take(*position).any(|(_, other)| other.digest == blob.digest)
        };
        let numbered = self.files.iter().enumerate();
        numbered.filter(move |(at, (_, blob))| is_first(at, blob)).map(|(_, (_, blob))| blob)
    }

    /// Writes a blob out of the file `source`.
    pub(super) fn share(&self, blob: &Descriptor, source: &File) -> io::Result<()> {
        let Some(first) = self.paths_of(blob).next() else { return Ok(()) };
        let unfinished = self.target.copy(first, source)?;
        // Not the source: that may be written to meanwhile, and this may not.
        let mut written = unfinished.file();
        written.rewind()?;
        io::copy(&mut VerifyReader::new(written, &blob.digest, blob.size)?, &mut io::sink())?;
        self.keep(blob, unfinished)
    }

    fn paths_of<'a>(&'a self, blob: &Descriptor) -> impl Iterator<Item = &'a EntryPath> {
        let digest = blob.digest.clone();
        self.files.iter().filter(move |(_, it)| it.digest == digest).map(|(path, _)| path)
    }

    /// Gives what is whole all of its names.
    fn keep(&self, blob: &Descriptor, unfinished: Unfinished) -> io::Result<()> {
        for path in self.paths_of(blob).skip(1) {
            self.target.copy(path, unfinished.file())?.keep()?;
        }
        unfinished.keep()
    }
}

impl BlobSink for ArtifactDirectory {
    fn create(&self, blob: &Descriptor) -> io::Result<Option<Box<dyn BlobWriter + '_>>> {
        let Some(first) = self.paths_of(blob).next() else { return Ok(None) };
        let unfinished = self.target.begin(first)?;
        let content = VerifyWriter::new(unfinished, &blob.digest, blob.size)?;
        Ok(Some(Box::new(Writing { directory: self, blob: blob.clone(), content })))
    }
}

/// A file on its way.
struct Writing<'a> {
    directory: &'a ArtifactDirectory,
    blob: Descriptor,
    content: VerifyWriter<Unfinished>,
}

impl Write for Writing<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.content.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.content.flush()
    }
}

impl BlobWriter for Writing<'_> {
    fn commit(self: Box<Self>) -> io::Result<()> {
        let Self { directory, blob, content } = *self;
        directory.keep(&blob, content.finish()?)
    }
}

/// The files of an artifact.
fn files(artifact: &Document<Manifest>) -> Result<Vec<(EntryPath, Descriptor)>, Error> {
    let refused = |layer: &Descriptor, kind, reason: String| {
        let message = format!("cannot write layer `{}` to a file", layer.digest);
        Error::because(kind, message, reason)
    };
    let mut files: Vec<(EntryPath, Descriptor)> = Vec::new();
    for layer in &artifact.layers {
        let Some(path) = file_path(layer) else {
            if layer.annotations.contains_key(MODEL_FILE_PATH) {
                let reason = format!("its type `{}` is an archive: unpack it", layer.media_type);
                return Err(refused(layer, ErrorKind::Unsupported, reason));
            }
            continue;
        };
        let invalid = |reason: String| {
            let reason = format!("its path `{}` {reason}", path.escape_debug());
            refused(layer, ErrorKind::Invalid, reason)
        };
        let parsed = EntryPath::parse(path.as_bytes())
            .map_err(|error| invalid(format!("is refused: {error}")))?;
        if parsed.is_root() {
            return Err(invalid("is the directory itself".into()));
        }
        match files.iter().find(|(other, _)| *other == parsed) {
            Some((_, other)) if other.digest != layer.digest => {
                return Err(invalid(format!("is that of `{}`, too", other.digest)));
            }
            Some(_) => {}
            None => files.push((parsed, layer.clone())),
        }
    }
    if files.is_empty() {
        let message = format!("cannot write artifact `{}`", artifact.descriptor().digest);
        let reason = "none of its layers has the annotation `org.opencontainers.image.title`";
        return Err(Error::because(ErrorKind::NotFound, message, reason));
    }
    Ok(files)
}
