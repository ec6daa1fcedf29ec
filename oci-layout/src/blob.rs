//! The files below `blobs/`.

mod content;
mod copy;
mod found;
mod unnamed;
mod writing;

use std::fs::File;
use std::io::{self, Read, Write};
use std::sync::Arc;

use oci_image::oci_digest::{Verified, VerifyReader};
use oci_image::{Descriptor, Digest};

use crate::files::{Files, split};
use crate::lock::{Lock, ensure_dir};
use crate::partial;
use crate::session::{LazySession, Session, Temporary, sync_parent};
use crate::{Durability, LayoutOptions, PartialLimits, Reuse, trace};

use content::Content;
pub(crate) use copy::{Begun, Copy};
pub(crate) use found::Found;
use unnamed::Unnamed;
use writing::Writing;

/// A directory of blobs, `<algorithm>/<encoded>`.
#[derive(Clone, Debug)]
pub(crate) struct Blobs {
    files: Arc<dyn Files>,
    /// Where the blobs are in `files`: `blobs/`, or nothing for a directory of blobs alone.
    prefix: &'static str,
    durability: Durability,
    reuse: Reuse,
    partials: PartialLimits,
    session: Arc<LazySession>,
}

impl Blobs {
    pub(crate) fn new(
        files: Arc<dyn Files>,
        prefix: &'static str,
        session: Arc<LazySession>,
        options: &LayoutOptions,
    ) -> Self {
        let LayoutOptions { durability, reuse, partials, .. } = *options;
        Self { files, prefix, durability, reuse, partials, session }
    }

    /// Where the blobs are.
    pub(crate) fn files(&self) -> &dyn Files {
        &*self.files
    }

    /// The path of a blob. Only a parsed digest makes one: it has no slash and is not `..`.
    pub(crate) fn path(&self, digest: &Digest) -> String {
        let path = digest.blob_path();
        match path.strip_prefix("blobs/") {
            Some(below) if self.prefix.is_empty() => below.to_owned(),
            _ => path,
        }
    }

    /// The file of a blob, unverified but for its size.
    pub(crate) fn file(&self, blob: &Descriptor) -> io::Result<Option<File>> {
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
        read_through(self.open_whatever_size(digest)?)
    }

    /// Opens what is there of a blob, of which only the digest is known.
    pub(crate) fn open_whatever_size(&self, digest: &Digest) -> io::Result<VerifyReader<File>> {
        let file = self.files.open(&self.path(digest))?;
        let size = file.metadata()?.len();
        Ok(VerifyReader::new(file, digest, size)?)
    }

    /// Removes a blob.
    pub(crate) fn remove(&self, digest: &Digest) -> io::Result<()> {
        self.files.remove(&self.path(digest))
    }

    pub(crate) fn open(&self, blob: &Descriptor) -> io::Result<Option<VerifyReader<File>>> {
        let Some(file) = self.file(blob)? else { return Ok(None) };
        Ok(Some(VerifyReader::new(file, &blob.digest, blob.size)?))
    }

    pub(crate) fn create(&self, blob: &Descriptor) -> io::Result<Option<Writing<'_>>> {
        let Some(session) = self.begin(blob)? else { return Ok(None) };
        let content = Content::new(session.temporary()?, blob.verifier()?);
        Ok(Some(Writing::new(self, session, blob, content)))
    }

    pub(crate) fn resume(&self, blob: &Descriptor) -> io::Result<Option<Writing<'_>>> {
        let Some(session) = self.begin(blob)? else { return Ok(None) };
        // What cannot be removed now is removed the next time, or by the collector.
        let _ = partial::prune(self.files(), &self.partials);
        let partial = {
            // Without the lock of the layout the collector could remove a partial that was not locked when it looked.
            let _lock = Lock::shared(&*self.files)?;
            partial::open(&self.files, blob)?
        };
        match partial {
            Some(partial) => {
                trace::partial_resumed(&blob.digest, &partial.held);
                Writing::resume(self, session, blob, partial).map(Some)
            }
            // Another writer continues it: this one begins from the first byte.
            None => {
                let content = Content::new(session.temporary()?, blob.verifier()?);
                Ok(Some(Writing::new(self, session, blob, content)))
            }
        }
    }

    pub(crate) fn create_unnamed(&self) -> io::Result<Unnamed<'_>> {
        Unnamed::new(self, self.session.get()?)
    }

    /// Writes a blob without hashing it. Says whether it had to be written.
    pub(crate) fn put_verified(
        &self,
        blob: &Descriptor,
        content: Verified<&[u8]>,
    ) -> io::Result<bool> {
        blob.check_names(&content)?;
        let Some(session) = self.begin(blob)? else { return Ok(false) };
        let mut temporary = session.temporary()?;
        temporary.write_all(&content)?;
        self.commit(temporary, &blob.digest)?;
        Ok(true)
    }

    /// Pins a blob that can be verified; gives the session, or `None` if the blob is there.
    fn begin(&self, blob: &Descriptor) -> io::Result<Option<Arc<Session>>> {
        blob.verifier()?;
        let session = self.session.get()?;
        {
            let lock = Lock::shared(&*self.files)?;
            session.pin(&blob.digest, &lock)?;
        }
        Ok((!self.has(blob)?).then_some(session))
    }

    /// Gives a file, whose content is that of the blob, the blob's name.
    fn commit(&self, temporary: Temporary, digest: &Digest) -> io::Result<()> {
        temporary.sync(self.durability)?;
        let path = self.path(digest);
        let (directory, _) = split(&path);
        ensure_dir(&*self.files, directory)?;
        // The algorithm's directory is made durable before the name in it: a power cut would take both. Also if it was
        // there, as the writer that made it may not have synced it yet.
        sync_parent(&*self.files, directory, self.durability)?;
        temporary.keep(&path, self.durability)
    }

    /// Whether the blob is there, whole and as durable as this handle makes its own.
    fn has(&self, blob: &Descriptor) -> io::Result<bool> {
        let mut file = match self.file(blob) {
            Ok(Some(file)) => file,
            Ok(None) => return Ok(false),
            // Something else is in its place, and is replaced.
            Err(error) if error.kind() == io::ErrorKind::InvalidData => return Ok(false),
            Err(error) => return Err(error),
        };
        if self.reuse == Reuse::Verified && !is_content(&mut file, blob)? {
            return Ok(false);
        }
        let path = self.path(&blob.digest);
        // Another writer may have written it without syncing, or may be about to sync it. If the sync fails the blob is
        // written to a new file: a second sync of this one would succeed and prove nothing (fsync(2)).
        if self.durability != Durability::Relaxed && self.files.sync(&path, &file).is_err() {
            return Ok(false);
        }
        self.settle(&blob.digest)?;
        Ok(true)
    }

    /// Makes the blob's name durable, the directory above before the one below, if the durability asks for it.
    fn settle(&self, digest: &Digest) -> io::Result<()> {
        let path = self.path(digest);
        sync_parent(&*self.files, split(&path).0, self.durability)?;
        sync_parent(&*self.files, &path, self.durability)
    }
}

fn is_content(file: &mut File, blob: &Descriptor) -> io::Result<bool> {
    match read_through(VerifyReader::new(file, &blob.digest, blob.size)?) {
        Err(error) if error.kind() == io::ErrorKind::InvalidData => Ok(false),
        read => read.map(|()| true),
    }
}

/// Reads to the end, and drops what it reads.
fn read_through(mut reader: impl Read) -> io::Result<()> {
    let mut buffer = vec![0; BUFFER];
    loop {
        match reader.read(&mut buffer) {
            Ok(0) => return Ok(()),
            Err(error) if error.kind() != io::ErrorKind::Interrupted => return Err(error),
            _ => {}
        }
    }
}

/// How many blobs a thread hashes side by side at most: more are not faster.
pub(crate) const AT_ONCE: usize = 8;

/// How much is read at once, in bytes.
pub(crate) const BUFFER: usize = 256 << 10;
