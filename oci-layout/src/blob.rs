//! The files below `blobs/`.

mod copy;
mod found;

use std::fs::File;
use std::io::{self, Read, Write};
use std::sync::Arc;

use oci_image::blob::{BlobSink, BlobSource, BlobWriter};
use oci_image::oci_digest::{Unverifiable, Verifier, VerifyReader};
use oci_image::{Descriptor, Digest};

use crate::files::{Files, split};
use crate::layout::Layout;
use crate::lock::{Lock, ensure_dir};
use crate::session::{LazySession, Temporary, sync_parent};
use crate::{Durability, Reuse};

pub(crate) use found::Found;

/// A directory of blobs, `<algorithm>/<encoded>`.
#[derive(Clone, Debug)]
pub(crate) struct Blobs {
    files: Arc<dyn Files>,
    /// Where the blobs are in `files`: `blobs/`, or nothing for a directory of blobs alone.
    prefix: &'static str,
    durability: Durability,
    reuse: Reuse,
    session: Arc<LazySession>,
}

impl Blobs {
    pub(crate) fn new(
        files: Arc<dyn Files>,
        prefix: &'static str,
        durability: Durability,
        reuse: Reuse,
        session: Arc<LazySession>,
    ) -> Self {
        Self { files, prefix, durability, reuse, session }
    }

    /// Where the blobs are.
    pub(crate) fn files(&self) -> &dyn Files {
        &*self.files
    }

    /// The path of a blob. Only a parsed digest makes one: it has no slash and is no dot-dot.
    pub(crate) fn path(&self, digest: &Digest) -> String {
        format!("{}{}/{}", self.prefix, digest.algorithm_name(), digest.encoded())
    }

    /// The file of a blob, unverified but for its size.
    fn file(&self, blob: &Descriptor) -> io::Result<Option<File>> {
        let path = self.path(&blob.digest);
        let file = match self.files.open(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            opened => opened?,
        };
        let actual = file.metadata()?.len();
        if actual != blob.size {
            let text = format!("`{path}` has {actual} bytes, not {}", blob.size);
            return Err(io::Error::new(io::ErrorKind::InvalidData, text));
        }
        Ok(Some(file))
    }

    /// The size of a blob, if it is there.
    pub(crate) fn size(&self, digest: &Digest) -> io::Result<Option<u64>> {
        match self.files.open(&self.path(digest)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            opened => Ok(Some(opened?.metadata()?.len())),
        }
    }

    /// Reads a blob through and says what is wrong with it.
    pub(crate) fn check(&self, digest: &Digest) -> io::Result<()> {
        let file = self.files.open(&self.path(digest))?;
        let size = file.metadata()?.len();
        read_through(VerifyReader::new(file, digest, size).map_err(unverifiable)?)
    }

    /// Takes a blob away.
    pub(crate) fn remove(&self, digest: &Digest) -> io::Result<()> {
        self.files.remove(&self.path(digest))
    }

    pub(crate) fn open(&self, blob: &Descriptor) -> io::Result<Option<VerifyReader<File>>> {
        let Some(file) = self.file(blob)? else { return Ok(None) };
        VerifyReader::new(file, &blob.digest, blob.size).map(Some).map_err(unverifiable)
    }

    pub(crate) fn create(&self, blob: &Descriptor) -> io::Result<Option<Writing<'_>>> {
        let verifier = blob.verifier().map_err(unverifiable)?;
        let session = self.session.get()?;
        {
            let lock = Lock::shared(&*self.files)?;
            session.pin(&blob.digest, &lock)?;
        }
        if self.has(blob)? {
            return Ok(None);
        }
        let temporary = session.temporary()?;
        Ok(Some(Writing { blobs: self, digest: blob.digest.clone(), verifier, temporary }))
    }

    /// Whether the blob is there, whole and as durable as this handle makes its own.
    fn has(&self, blob: &Descriptor) -> io::Result<bool> {
        let mut file = match self.file(blob) {
            Ok(Some(file)) => file,
            Ok(None) => return Ok(false),
            // Something else is in its place: it is to be written anew, over that.
            Err(error) if error.kind() == io::ErrorKind::InvalidData => return Ok(false),
            Err(error) => return Err(error),
        };
        if self.reuse == Reuse::Verified && !is_content(&mut file, blob)? {
            return Ok(false);
        }
        let path = self.path(&blob.digest);
        // Another writer may have promised less, or may not be done. What the disk does not take is
        // written anew: to sync it again would succeed, and prove nothing.
        if self.durability == Durability::Synced && self.files.sync(&path, &file).is_err() {
            return Ok(false);
        }
        self.settle(&blob.digest)?;
        Ok(true)
    }

    /// Makes the blob's name durable, down from the root, if that is asked for.
    fn settle(&self, digest: &Digest) -> io::Result<()> {
        let path = self.path(digest);
        sync_parent(&*self.files, split(&path).0, self.durability)?;
        sync_parent(&*self.files, &path, self.durability)
    }
}

fn is_content(file: &mut File, blob: &Descriptor) -> io::Result<bool> {
    match read_through(VerifyReader::new(file, &blob.digest, blob.size).map_err(unverifiable)?) {
        Err(error) if error.kind() == io::ErrorKind::InvalidData => Ok(false),
        read => read.map(|()| true),
    }
}

fn read_through(reader: impl Read) -> io::Result<()> {
    each_chunk(reader, |_| Ok(()))
}

/// Reads to the end, and calls `each` with what is read at once.
fn each_chunk(
    mut reader: impl Read,
    mut each: impl FnMut(&[u8]) -> io::Result<()>,
) -> io::Result<()> {
    let mut buffer = vec![0; BUFFER];
    loop {
        match reader.read(&mut buffer) {
            Ok(0) => return Ok(()),
            Ok(length) => each(buffer.get(..length).unwrap_or(&buffer))?,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

/// How much is read at once, in bytes.
pub(crate) const BUFFER: usize = 256 << 10;

pub(crate) fn unverifiable(error: Unverifiable) -> io::Error {
    io::Error::new(io::ErrorKind::Unsupported, error)
}

/// A blob that is being written.
pub(crate) struct Writing<'a> {
    blobs: &'a Blobs,
    digest: Digest,
    verifier: Verifier,
    temporary: Temporary,
}

impl Write for Writing<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if bytes.len() as u64 > self.verifier.remaining() {
            // Refuses with the error that says so, before a byte too many is on the disk.
            self.verifier.update(bytes).map_err(invalid)?;
        }
        let length = self.temporary.write(bytes)?;
        self.verifier.update(bytes.get(..length).unwrap_or(bytes)).map_err(invalid)?;
        Ok(length)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl BlobWriter for Writing<'_> {
    fn commit(self: Box<Self>) -> io::Result<()> {
        let Self { blobs, digest, verifier, temporary } = *self;
        verifier.finish().map_err(invalid)?;
        temporary.sync(blobs.durability)?;
        let path = blobs.path(&digest);
        let (directory, _) = split(&path);
        ensure_dir(&*blobs.files, directory)?;
        sync_parent(&*blobs.files, directory, blobs.durability)?;
        temporary.keep(&path, blobs.durability)
    }
}

fn invalid(error: oci_image::oci_digest::VerifyError) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, error)
}

impl BlobSource for Layout {
    fn open(&self, blob: &Descriptor) -> io::Result<Option<Box<dyn Read + Send + '_>>> {
        let reader = self.blobs().open(blob)?;
        Ok(reader.map(|reader| Box::new(reader) as Box<dyn Read + Send>))
    }
}

/// What a handle writes, and what it finds there already, is safe from the collector until the handle
/// is dropped.
impl BlobSink for Layout {
    fn create(&self, blob: &Descriptor) -> io::Result<Option<Box<dyn BlobWriter + '_>>> {
        let writing = self.blobs().create(blob)?;
        Ok(writing.map(|writing| Box::new(writing) as Box<dyn BlobWriter>))
    }
}
