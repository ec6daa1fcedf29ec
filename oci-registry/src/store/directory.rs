use std::fs::{self, File};
use std::io::{self, Read, Seek as _, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use oci_digest::Digest;
use oci_image::RepositoryName;
use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;
use uuid::Uuid;

use super::{Backend, Blob, Collection, Content, Record, Stage};

mod change;
mod durable;

use change::Change;
use durable::{make_directory, remove_file};

/// A file for each blob and each record.
///
/// ```text
/// .lock                                      held while it is open
/// uploads/UUID                               not yet committed; removed when it is opened
/// repositories/NAME/_blobs/ALGORITHM/ENCODED
///                   _manifests/ALGORITHM/ENCODED          one line: media type; then the manifest
///                   _tags/TAG                             a digest
///                   _referrers/ALGORITHM/ENCODED/ALGORITHM:ENCODED   a descriptor
/// ```
///
/// A digest too long for a file name is `_long/` and the SHA-256 of its text in place of `ALGORITHM/ENCODED`.
///
/// No component of a name begins with an underscore, so repositories nest freely. A blob that is
/// mounted is a hard link, so that removing it here never removes it there.
#[derive(Debug)]
pub(super) struct Directory {
    root: Arc<Root>,
    /// Unlocked when it is closed.
    _lock: File,
}

/// Where all files are.
#[derive(Debug)]
struct Root {
    path: PathBuf,
    /// Held while directories are made: one that is there but not yet on disk must not be used.
    making: Mutex<()>,
}

impl Root {
    fn new(path: &Path) -> Self {
        Self { path: path.into(), making: Mutex::new(()) }
    }

    fn making(&self) -> MutexGuard<'_, ()> {
        // What a panic leaves is a directory that is made or not.
        self.making.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A name for a file that is not yet, or no longer, of the store.
    fn temporary(&self) -> PathBuf {
        self.path.join("uploads").join(Uuid::new_v4().to_string())
    }
}

/// Why a directory cannot be a store.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DirectoryError {
    /// Another process, or another store of this process, has it open.
    #[error("cannot open the store in `{}`: another process or store has it open", path.display())]
    InUse {
        /// The directory.
        path: PathBuf,
    },
    /// It cannot be made or read.
    #[error("cannot open the store in `{}`", path.display())]
    Io {
        /// The directory.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
}

impl Directory {
    pub(super) fn open(path: &Path) -> Result<Self, DirectoryError> {
        let failed = |source| DirectoryError::Io { path: path.into(), source };
        make_directory(path, &mut Vec::new()).map_err(failed)?;
        let lock = File::create(path.join(".lock")).map_err(failed)?;
        match flock(&lock, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => {}
            Err(Errno::WOULDBLOCK) => {
                return Err(DirectoryError::InUse { path: path.into() });
            }
            Err(error) => return Err(failed(error.into())),
        }
        let directory = Self { root: Arc::new(Root::new(path)), _lock: lock };
        directory.clean().map_err(failed)?;
        Ok(directory)
    }

    /// Removes what an earlier process did not commit.
    fn clean(&self) -> io::Result<()> {
        make_directory(&self.root.path.join("repositories"), &mut Vec::new())?;
        make_directory(&self.root.path.join("uploads"), &mut Vec::new())?;
        for upload in fs::read_dir(self.root.path.join("uploads"))? {
            fs::remove_file(upload?.path())?;
        }
        Ok(())
    }

    fn create(&self) -> Staged {
        Staged { file: None, is_made: false, path: self.root.temporary(), root: self.root.clone() }
    }
}

fn repository(root: &Path, name: &RepositoryName) -> PathBuf {
    root.join("repositories").join(name.as_str())
}

fn blob(root: &Path, name: &RepositoryName, digest: &Digest) -> PathBuf {
    repository(root, name).join("_blobs").join(of_digest(digest))
}

/// Digests, as of a subject that is not here, may be longer than the 255 bytes of a file name.
fn of_digest(digest: &Digest) -> PathBuf {
    let parts = [digest.algorithm_name(), digest.encoded()];
    if parts.iter().all(|part| part.len() <= 255) {
        parts.iter().collect()
    } else {
        // No algorithm begins with an underscore.
        Path::new("_long").join(Digest::sha256(digest.as_str()).encoded())
    }
}

fn collection(root: &Path, name: &RepositoryName, collection: &Collection) -> PathBuf {
    let repository = repository(root, name);
    match collection {
        Collection::Tags => repository.join("_tags"),
        Collection::Referrers(subject) => repository.join("_referrers").join(of_digest(subject)),
    }
}

fn record(root: &Path, name: &RepositoryName, record: &Record) -> PathBuf {
    match record {
        Record::Manifest(digest) => {
            repository(root, name).join("_manifests").join(of_digest(digest))
        }
        Record::Tag(tag) => collection(root, name, &Collection::Tags).join(tag.as_str()),
        Record::Referrer { subject, referrer } => {
            let subject = Collection::Referrers(subject.clone());
            collection(root, name, &subject).join(referrer.as_str())
        }
    }
}

impl Backend for Directory {
    fn stage(&self) -> io::Result<Box<dyn Stage>> {
        Ok(Box::new(self.create()))
    }

    fn open(&self, name: &RepositoryName, digest: &Digest) -> io::Result<Option<Blob>> {
        let Some(file) = found(File::open(blob(&self.root.path, name, digest)))? else {
            return Ok(None);
        };
        Ok(Some(Blob::new(file.metadata()?.len(), OnDisk(file))))
    }

    fn link(
        &self,
        from: &RepositoryName,
        to: &RepositoryName,
        digest: &Digest,
    ) -> io::Result<bool> {
        let (source, target) =
            (blob(&self.root.path, from, digest), blob(&self.root.path, to, digest));
        if found(fs::metadata(&source))?.is_none() {
            return Ok(false);
        }
        let mut change = Change::new(&self.root);
        let linked = change.link(&source, target)?;
        if linked {
            change.keep();
        }
        Ok(linked)
    }

    fn unlink(&self, name: &RepositoryName, digest: &Digest) -> io::Result<bool> {
        remove_file(&blob(&self.root.path, name, digest))
    }

    fn read(&self, name: &RepositoryName, key: &Record) -> io::Result<Option<Bytes>> {
        let value = found(fs::read(record(&self.root.path, name, key)))?;
        Ok(value.map(Into::into))
    }

    fn write(&self, name: &RepositoryName, records: &[(Record, Vec<u8>)]) -> io::Result<()> {
        let stage = |(key, value): &(Record, Vec<u8>)| {
            let mut staged = self.create();
            staged.write_all(value)?;
            staged.file()?.sync_all()?;
            Ok((staged, record(&self.root.path, name, key)))
        };
        // A full disk is met here, where there is nothing yet to undo.
        let staged = records.iter().map(stage).collect::<io::Result<Vec<_>>>()?;
        let mut change = Change::new(&self.root);
        for (staged, path) in staged {
            change.place(&staged, path)?;
        }
        change.keep();
        Ok(())
    }

    fn remove(&self, name: &RepositoryName, key: &Record) -> io::Result<bool> {
        remove_file(&record(&self.root.path, name, key))
    }

    fn list(
        &self,
        name: &RepositoryName,
        listed: &Collection,
        visit: &mut dyn FnMut(&str),
    ) -> io::Result<()> {
        let entries = found(fs::read_dir(collection(&self.root.path, name, listed)))?;
        for entry in entries.into_iter().flatten() {
            let name = entry?.file_name();
            visit(name.to_str().ok_or_else(|| super::invalid("odd file name"))?);
        }
        Ok(())
    }

    fn knows(&self, name: &RepositoryName) -> io::Result<bool> {
        is_repository(&repository(&self.root.path, name))
    }

    fn repositories(&self, visit: &mut dyn FnMut(&RepositoryName)) -> io::Result<()> {
        let root = self.root.path.join("repositories");
        walk(&root, &root, visit)
    }
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

fn found<T>(result: io::Result<T>) -> io::Result<Option<T>> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// An open file keeps its content when its name is removed.
struct OnDisk(File);

impl Content for OnDisk {
    fn read_at(&self, first: u64, length: usize) -> io::Result<Bytes> {
        // One blob is read by one response, so its position is not shared.
        let mut file = &self.0;
        file.seek(SeekFrom::Start(first))?;
        let mut bytes = vec![0; length];
        file.read_exact(&mut bytes)?;
        Ok(bytes.into())
    }
}

struct Staged {
    /// Open while it is written.
    file: Option<File>,
    /// It was open once.
    is_made: bool,
    path: PathBuf,
    root: Arc<Root>,
}

impl Staged {
    /// The file, to be written at its end.
    fn file(&mut self) -> io::Result<&mut File> {
        let file = match self.file.take() {
            Some(file) => file,
            None => {
                let mut options = File::options();
                options.read(true).append(true).create_new(!self.is_made).open(&self.path)?
            }
        };
        self.is_made = true;
        Ok(self.file.insert(file))
    }
}

impl Drop for Staged {
    fn drop(&mut self) {
        // After a commit nothing has this name; a file that stays is removed by the next start.
        let _ = fs::remove_file(&self.path);
    }
}

impl Write for Staged {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file()?.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Stage for Staged {
    fn reread(&mut self) -> io::Result<Box<dyn Read + '_>> {
        let file = self.file()?;
        file.rewind()?;
        Ok(Box::new(file))
    }

    fn close(&mut self) {
        self.file = None;
    }

    fn commit(mut self: Box<Self>, name: &RepositoryName, digest: &Digest) -> io::Result<()> {
        self.file()?.sync_all()?;
        let mut change = Change::new(&self.root);
        change.place(&self, blob(&self.root.path, name, digest))?;
        change.keep();
        Ok(())
    }
}
