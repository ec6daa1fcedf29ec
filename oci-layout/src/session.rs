//! The work of a writer: unfinished files, and blobs that nothing names yet.
//!
//! A session is a locked file that lists the digests it pins. While its process lives, the
//! collector keeps what it lists and the files whose names begin with its own. When the process has died nobody holds the
//! lock, and all of it is garbage. A session is never synced: no writer survives a power cut.
//!
//! The order of a write is: write, fsync, close, rename, fsync of the directory. Each step keeps a promise:
//! without fsync before the rename, a power cut may leave the name with an empty file (ext4 and XFS delay allocation); without
//! close before it, an error that only close reports would come after readers have seen the file; without fsync of the
//! directory, the rename may be undone after the caller was told that the write is done.

use std::fs::File;
use std::hash::{BuildHasher, RandomState};
use std::io::{self, Write};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use oci_image::Digest;
use rustix::fs::FlockOperation;

use crate::files::{Files, if_there, split};
use crate::lock::{self, Lock, WORK};
use crate::{Durability, Error};

/// The session of a handle, begun by its first write.
#[derive(Debug)]
pub(crate) struct LazySession {
    files: Arc<dyn Files>,
    begun: Mutex<Option<Arc<Session>>>,
}

impl LazySession {
    /// A session to begin in the directory `files`.
    pub(crate) fn new(files: Arc<dyn Files>) -> Self {
        Self { files, begun: Mutex::new(None) }
    }

    /// The session. Beginning it takes the shared lock: the caller holds none.
    pub(crate) fn get(&self) -> io::Result<Arc<Session>> {
        let mut begun = self.begun.lock().unwrap_or_else(PoisonError::into_inner);
        match &*begun {
            Some(session) => Ok(Arc::clone(session)),
            None => {
                let session = Arc::new(Session::begin(&self.files)?);
                *begun = Some(Arc::clone(&session));
                Ok(session)
            }
        }
    }
}

/// A writer's session, open until it is dropped.
#[derive(Debug)]
pub(crate) struct Session {
    files: Arc<dyn Files>,
    path: String,
    pins: Mutex<File>,
    next: AtomicU64,
}

impl Session {
    /// Begins a session. Under the shared lock: between the creation of its file and the lock of that, the collector
    /// would take it for the session of a dead process.
    pub(crate) fn begin(files: &Arc<dyn Files>) -> io::Result<Self> {
        let _lock = Lock::shared(&**files)?;
        let (path, file) = create_unique(&**files)?;
        if let Err(error) = lock::wait(&file, FlockOperation::LockExclusive) {
            // The caller needs the error of the lock, not that of the removal.
            let _ = files.remove(&path);
            return Err(error);
        }
        let pins = Mutex::new(file);
        Ok(Self { files: Arc::clone(files), path, pins, next: AtomicU64::new(0) })
    }

    /// Keeps the collector from removing the blob of this digest while the session is open.
    ///
    /// Under the shared lock, and before the caller looks for the blob: a collector that has read the pins before has
    /// removed what it removes by the time that the lock is free. In the other order the blob could be found and then removed.
    pub(crate) fn pin(&self, digest: &Digest, _lock: &Lock) -> io::Result<()> {
        let mut file = self.pins.lock().unwrap_or_else(PoisonError::into_inner);
        let line = format!("{digest}\n");
        write_all(&*self.files, &self.path, &mut file, line.as_bytes())
    }

    /// Makes a file that gets its final name when it is whole.
    pub(crate) fn temporary(&self) -> io::Result<Temporary> {
        let path = self.temporary_path();
        let file = self.files.create(&path)?;
        Ok(Temporary { name: self.name(path, false), file, position: 0 })
    }

    /// Makes a temporary of a file that is there, by one more name for it.
    pub(crate) fn link(&self, source: &File) -> io::Result<Temporary> {
        let path = self.temporary_path();
        let file = source.try_clone()?;
        let link = Temporary { name: self.name(path, true), file, position: 0 };
        self.files.link(source, &link.name.path)?;
        Ok(link)
    }

    fn name(&self, path: String, linked: bool) -> Name {
        Name { files: Arc::clone(&self.files), path, kept: false, linked, map: None }
    }

    fn temporary_path(&self) -> String {
        format!("{}.{}", self.path, self.next.fetch_add(1, Ordering::Relaxed))
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        // Before the lock is released, which happens as the file is closed. What cannot be removed is removed by the collector.
        let _ = self.files.remove(&self.path);
    }
}

fn create_unique(files: &dyn Files) -> io::Result<(String, File)> {
    loop {
        let path = format!("{WORK}/{:016x}", RandomState::new().hash_one(std::process::id()));
        match files.create(&path) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            created => return Ok((path, created?)),
        }
    }
}

fn write_all(files: &dyn Files, path: &str, file: &mut File, mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        match files.write(path, file, bytes) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(length) => bytes = bytes.get(length..).unwrap_or_default(),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// An unfinished file. Dropped before [`keep`](Self::keep) it is removed.
#[derive(Debug)]
pub(crate) struct Temporary {
    // Dropped first: the name is removed while the lock of a partial is held, so no writer locks a file that is about
    // to lose its name.
    name: Name,
    file: File,
    /// How much was written in order. Behind it a partial may hold other parts.
    position: u64,
}

/// The name of an unfinished file. Dropped without being kept it is removed.
#[derive(Debug)]
struct Name {
    files: Arc<dyn Files>,
    path: String,
    kept: bool,
    /// Whether the file has other names.
    linked: bool,
    /// The map that belongs to the file of a partial, whose lock is held.
    map: Option<String>,
}

impl Write for Temporary {
    /// Appends; to a partial, at its position.
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let Name { files, path, .. } = &self.name;
        if !self.is_partial() {
            return files.write(path, &mut self.file, bytes);
        }
        let length = files.write_at(path, &self.file, self.position, bytes)?;
        self.position += length as u64;
        Ok(length)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Temporary {
    /// The file of a [partial](crate::partial), whose lock the caller has taken.
    pub(crate) fn locked(files: &Arc<dyn Files>, path: String, map: String, file: File) -> Self {
        let files = Arc::clone(files);
        let name = Name { files, path, kept: false, linked: false, map: Some(map) };
        Self { name, file, position: 0 }
    }

    /// Where [`write`](Write::write) continues in a partial.
    pub(crate) fn continue_at(&mut self, position: u64) {
        self.position = position;
    }

    /// Whether it is found again when it is [left](Self::leave).
    pub(crate) fn is_partial(&self) -> bool {
        self.name.map.is_some()
    }

    pub(crate) fn path(&self) -> &str {
        &self.name.path
    }

    pub(crate) fn file(&self) -> &File {
        &self.file
    }

    /// Takes the content of `source` without copying it. Before anything is written.
    pub(crate) fn reflink(&self, source: &File) -> io::Result<()> {
        self.name.files.reflink(&self.name.path, &self.file, source)
    }

    /// Writes all bytes from `offset` on. Several threads may, each to its own part.
    pub(crate) fn write_at(&self, mut offset: u64, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            match self.name.files.write_at(&self.name.path, &self.file, offset, bytes) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(length) => {
                    offset += length as u64;
                    bytes = bytes.get(length..).unwrap_or_default();
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Makes the content durable, if the durability asks for it. Before [`keep`](Self::keep): a name must never be
    /// durable before its content.
    pub(crate) fn sync(&self, durability: Durability) -> io::Result<()> {
        match durability {
            Durability::Relaxed => Ok(()),
            _ => self.name.files.sync(&self.name.path, &self.file),
        }
    }

    /// Closes the file and gives it its name, over whatever has it. If that fails the file is removed; if
    /// it cannot be made durable the error says so, by [`ErrorKind::NotDurable`](crate::ErrorKind::NotDurable).
    pub(crate) fn keep(self, path: &str, durability: Durability) -> io::Result<()> {
        let _lock = self.lock()?;
        let Self { file, mut name, .. } = self;
        if let Some(map) = name.map.take() {
            // The map before the rename: after a crash between the two, a file without a map is taken for whole up
            // to its length, which it is. A map that outlived its file would describe the next one.
            if_there(name.files.remove(&map))?;
        }
        name.files.close(&name.path, file)?;
        name.files.rename(&name.path, path)?;
        // If both names are links of one file, rename(2) does nothing and succeeds: the first name is removed on drop.
        name.kept = !name.linked;
        sync_parent(&*name.files, path, durability)
            .map_err(|error| Error::not_durable(path, error).into())
    }

    /// Closes the file and leaves it under its own name. If that fails it is removed.
    pub(crate) fn leave(self, durability: Durability) -> io::Result<()> {
        let _lock = self.lock()?;
        let Self { file, mut name, .. } = self;
        name.files.close(&name.path, file)?;
        sync_parent(&*name.files, &name.path, durability)?;
        name.kept = true;
        Ok(())
    }

    /// Holds the lock of a partial while its file is closed and renamed: flock is released with the last descriptor of an
    /// open file, and another writer must not open the file by its old name in between.
    fn lock(&self) -> io::Result<Option<File>> {
        self.is_partial().then(|| self.file.try_clone()).transpose()
    }
}

/// Makes the name `path` durable, if the durability asks for it.
pub(crate) fn sync_parent(files: &dyn Files, path: &str, durability: Durability) -> io::Result<()> {
    match durability {
        Durability::Relaxed => Ok(()),
        _ => files.sync_dir(split(path).0),
    }
}

impl Drop for Name {
    fn drop(&mut self) {
        if !self.kept {
            // What cannot be removed is removed by the collector.
            if let Some(map) = &self.map {
                let _ = self.files.remove(map);
            }
            let _ = self.files.remove(&self.path);
        }
    }
}
