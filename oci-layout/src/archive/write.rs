use std::collections::HashMap;
use std::fmt;
use std::io::{self, Read, Seek, Write};
use std::sync::{Mutex, MutexGuard, PoisonError};

use oci_image::blob::{BlobSink, BlobSource, BlobWriter};
use oci_image::graph::Walk;
use oci_image::oci_digest::VerifyWriter;
use oci_image::{Descriptor, Digest, Index, LayoutFile, MediaType, json};
use tempfile::SpooledTempFile;

use super::tar_writer::TarWriter;
use crate::index::{check_name, give_name};
use crate::{Error, ErrorKind};

/// How much of a blob waits in memory, in bytes, before it waits in a temporary file.
const MEMORY: usize = 1 << 20;

/// Writes an image layout as a tar archive, in one pass.
///
/// The same blobs in the same order give the same bytes.
///
/// ```
/// use oci_image::blob::BlobSinkExt;
/// use oci_image::{Descriptor, MediaType};
/// use oci_layout::ArchiveWriter;
///
/// let archive = ArchiveWriter::new(Vec::new())?;
/// let blob = Descriptor::of(MediaType::EMPTY_JSON, "{}");
/// archive.put(&blob, b"{}")?;
/// archive.tag("example", &blob)?;
/// let tar: Vec<u8> = archive.finish()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// As a [`BlobSink`] it keeps each blob back until it is verified, in memory or in a temporary file
/// without a name: what is written cannot be taken back. [`append`](Self::append) keeps nothing back.
pub struct ArchiveWriter<W: Write> {
    state: Mutex<State<W>>,
}

struct State<W: Write> {
    tar: TarWriter<W>,
    /// The blobs, and how large they are.
    written: HashMap<Digest, u64>,
    index: Index,
}

impl<W: Write> ArchiveWriter<W> {
    /// Begins an archive.
    ///
    /// # Errors
    /// If it cannot be written to `out`.
    pub fn new(out: W) -> Result<Self, Error> {
        let mut index = Index::new();
        index.media_type = Some(MediaType::IMAGE_INDEX);
        let mut tar = TarWriter::new(out);
        let layout = json::to_vec(&LayoutFile::new())
            .map_err(|error| Error::invalid("cannot write the layout file", error))?;
        tar.file("oci-layout", layout.len() as u64, layout.as_slice()).map_err(failed)?;
        tar.directory("blobs/").map_err(failed)?;
        Ok(Self { state: Mutex::new(State { tar, written: HashMap::new(), index }) })
    }

    /// Writes everything that `roots` reach in `source`, children after what points to them, and
    /// lists the roots, with their names if they have any.
    ///
    /// # Errors
    /// If a blob is missing, unless it [may be elsewhere](Descriptor::may_be_elsewhere); if one is wrong, after which the
    /// archive cannot be finished; or if the archive cannot be written.
    pub fn append(&self, source: &dyn BlobSource, roots: &[Descriptor]) -> Result<(), Error> {
        for node in Walk::new(roots.iter().cloned()).over(source) {
            let blob = node.map_err(failed)?.descriptor;
            let about = || format!("cannot write blob `{}` to the archive", blob.digest);
            let mut state = self.state();
            if state.written.contains_key(&blob.digest) {
                continue;
            }
            match source.open(&blob).map_err(|error| Error::io(about(), error))? {
                Some(reader) => {
                    state.blob(&blob, reader).map_err(|error| Error::io(about(), error))?;
                }
                None if blob.may_be_elsewhere() => {}
                None => {
                    let text = format!(
                        "cannot write blob `{}` to the archive: the source does not have it",
                        blob.digest
                    );
                    return Err(Error::new(ErrorKind::NotFound, text));
                }
            }
        }
        self.state().index.manifests.extend(roots.iter().cloned());
        Ok(())
    }

    /// Names something. What had the name loses its place in the index, and so does what is named
    /// here if it was listed without a name.
    ///
    /// # Errors
    /// If the name is not one that an index may hold.
    pub fn tag(&self, name: &str, image: &Descriptor) -> Result<(), Error> {
        check_name(name, "an archive")?;
        give_name(&mut self.state().index, name, image);
        Ok(())
    }

    /// Writes the index and the end, and returns what was written to.
    ///
    /// # Errors
    /// If it cannot be written, or if a blob was not written whole.
    pub fn finish(self) -> Result<W, Error> {
        let mut state = self.state.into_inner().unwrap_or_else(PoisonError::into_inner);
        let index = json::to_vec(&state.index)
            .map_err(|error| Error::invalid("cannot write the index of the archive", error))?;
        state.tar.file("index.json", index.len() as u64, index.as_slice()).map_err(failed)?;
        state.tar.finish().map_err(failed)
    }

    /// The size of a blob that was written.
    pub(super) fn size(&self, digest: &Digest) -> Option<u64> {
        self.state().written.get(digest).copied()
    }

    /// Writes a blob that is verified, if it was not written before.
    pub(super) fn store(&self, blob: &Descriptor, content: impl Read) -> io::Result<()> {
        let mut state = self.state();
        match state.written.contains_key(&blob.digest) {
            true => Ok(()),
            false => state.blob(blob, content),
        }
    }

    /// Writes a file that is not a blob.
    pub(super) fn file(&self, name: &str, content: &[u8]) -> Result<(), Error> {
        self.state().tar.file(name, content.len() as u64, content).map_err(failed)
    }

    /// Lists what is written, as it is named.
    pub(super) fn list(&self, images: impl IntoIterator<Item = Descriptor>) {
        self.state().index.manifests.extend(images);
    }

    /// A panic may have cut a file short; the tar writer refuses to continue then.
    fn state(&self) -> MutexGuard<'_, State<W>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

pub(super) fn failed(error: io::Error) -> Error {
    Error::io("cannot write the archive", error)
}

impl<W: Write> State<W> {
    fn blob(&mut self, blob: &Descriptor, content: impl Read) -> io::Result<()> {
        self.tar.file(&blob.digest.blob_path(), blob.size, content)?;
        self.written.insert(blob.digest.clone(), blob.size);
        Ok(())
    }
}

impl<W: Write + Send> BlobSink for ArchiveWriter<W> {
    fn create(&self, blob: &Descriptor) -> io::Result<Option<Box<dyn BlobWriter + '_>>> {
        if self.state().written.contains_key(&blob.digest) {
            return Ok(None);
        }
        let content = SpooledTempFile::new(MEMORY);
        let content = VerifyWriter::new(content, &blob.digest, blob.size)?;
        Ok(Some(Box::new(Waiting { archive: self, blob: blob.clone(), content })))
    }
}

/// A blob that waits until it is verified: what is written to the archive cannot be taken back.
struct Waiting<'a, W: Write> {
    archive: &'a ArchiveWriter<W>,
    blob: Descriptor,
    content: VerifyWriter<SpooledTempFile>,
}

impl<W: Write + Send> Write for Waiting<'_, W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.content.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<W: Write + Send> BlobWriter for Waiting<'_, W> {
    fn commit(self: Box<Self>) -> io::Result<()> {
        let mut content = self.content.finish()?;
        content.rewind()?;
        let mut state = self.archive.state();
        if state.written.contains_key(&self.blob.digest) {
            return Ok(());
        }
        state.blob(&self.blob, content)
    }
}

impl<W: Write> fmt::Debug for ArchiveWriter<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ArchiveWriter").finish_non_exhaustive()
    }
}
