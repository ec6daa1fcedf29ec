//! Who uses which layers.

use std::fs::{self, File};
use std::io::{self, ErrorKind};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use rustix::fs::{FlockOperation, flock};
use rustix::io::{Errno, retry_on_intr};

/// The lock of a file or a directory, until this is dropped or the process ends.
#[derive(Debug)]
pub(super) struct Lease(File);

impl Drop for Lease {
    /// flock(2): the lock is that of the open file, which a child process shares until it executes
    /// another program. Closed here alone, it would stay locked until then.
    fn drop(&mut self) {
        let _ = flock(&self.0, FlockOperation::Unlock);
    }
}

impl AsFd for Lease {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

/// Locks a directory together with others that use it; `None` if there is none.
pub(super) fn share(path: &Path) -> io::Result<Option<Lease>> {
    let Some(directory) = unless_missing(File::open(path))? else { return Ok(None) };
    retry_on_intr(|| flock(&directory, FlockOperation::LockShared))?;
    // It may have been moved away while this waited.
    leased(directory, path)
}

/// Locks a directory against all others if nobody uses it.
pub(super) fn try_alone(path: &Path) -> io::Result<Option<Lease>> {
    let Some(directory) = unless_missing(File::open(path))? else { return Ok(None) };
    if try_flock(&directory)? { leased(directory, path) } else { Ok(None) }
}

/// Locks a file against all others, which is made if there is none.
pub(super) fn lock(path: &Path) -> io::Result<Lease> {
    loop {
        let file = open(path)?;
        retry_on_intr(|| flock(&file, FlockOperation::LockExclusive))?;
        // Pruning may have removed it while this waited.
        if let Some(lease) = leased(file, path)? {
            return Ok(lease);
        }
    }
}

/// As [`lock`], if nobody else has locked it.
pub(super) fn try_lock(path: &Path) -> io::Result<Option<Lease>> {
    let file = open(path)?;
    if try_flock(&file)? { leased(file, path) } else { Ok(None) }
}

/// The lock that was taken, if the file is still the one at the path.
fn leased(file: File, path: &Path) -> io::Result<Option<Lease>> {
    let lease = Lease(file);
    Ok(is_at(&lease.0, path)?.then_some(lease))
}

fn open(path: &Path) -> io::Result<File> {
    File::options().write(true).create(true).truncate(false).open(path)
}

fn try_flock(file: &File) -> io::Result<bool> {
    match retry_on_intr(|| flock(file, FlockOperation::NonBlockingLockExclusive)) {
        Err(Errno::WOULDBLOCK) => Ok(false),
        result => Ok(result.map(|()| true)?),
    }
}

fn unless_missing<T>(result: io::Result<T>) -> io::Result<Option<T>> {
    match result {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        result => result.map(Some),
    }
}

fn is_at(file: &File, path: &Path) -> io::Result<bool> {
    let held = file.metadata()?;
    let found = unless_missing(fs::metadata(path))?;
    Ok(found.is_some_and(|found| (found.dev(), found.ino()) == (held.dev(), held.ino())))
}
