//! The lock of a layout.
//!
//! One file, locked by `flock`: shared while a blob is pinned, exclusive while the index changes or garbage is
//! collected. Readers take no lock. The kernel releases it when the process dies, so no lock is ever stale. (A lock by
//! `fcntl` is also released when the process closes any other descriptor of the file.) The file is never removed: a
//! process that waits would get the lock of a file without a name, and the next one that of a new file.

use std::fs::File;
use std::io;

use rustix::fs::{FlockOperation, flock};
use rustix::io::{Errno, retry_on_intr};

use crate::files::{Files, Kind};
use crate::trace;

/// Where the store keeps what is not part of the layout: the lock, pins, unfinished files.
pub(crate) const WORK: &str = ".in-flight";

const LOCK: &str = ".in-flight/lock";

/// The layout's lock, held until this is dropped.
#[derive(Debug)]
pub(crate) struct Lock {
    _file: File,
}

impl Lock {
    /// Waits until no other handle holds the lock exclusively.
    pub(crate) fn shared(files: &dyn Files) -> io::Result<Self> {
        let file = lock_file(files)?;
        wait(&file, FlockOperation::LockShared)?;
        Ok(Self { _file: file })
    }

    /// Waits until no other handle holds the lock.
    pub(crate) fn exclusive(files: &dyn Files) -> io::Result<Self> {
        let file = lock_file(files)?;
        wait(&file, FlockOperation::LockExclusive)?;
        Ok(Self { _file: file })
    }

    /// The exclusive lock for a read-only caller. `None`, and nothing is made, in a layout that no writer of this
    /// library has used, or if the caller may not lock.
    pub(crate) fn read_only(files: &dyn Files) -> io::Result<Option<Self>> {
        if !has_writers(files)? {
            return Ok(None);
        }
        match Self::exclusive(files) {
            Err(error) if is_refused(&error) => Ok(None),
            locked => locked.map(Some),
        }
    }
}

fn lock_file(files: &dyn Files) -> io::Result<File> {
    match files.lock_file(LOCK) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            ensure_dir(files, WORK)?;
            files.lock_file(LOCK)
        }
        opened => opened,
    }
}

/// Whether a writer of this library has used the layout.
pub(crate) fn has_writers(files: &dyn Files) -> io::Result<bool> {
    let names = files.list(".")?;
    Ok(names.iter().any(|entry| entry.name == WORK && entry.kind == Kind::Directory))
}

fn is_refused(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem)
}

/// Makes a directory if there is none; says whether it had to.
pub(crate) fn ensure_dir(files: &dyn Files, path: &str) -> io::Result<bool> {
    match files.create_dir(path) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(false),
        Err(error) => Err(error),
    }
}

/// Takes the lock of a file, exclusively, unless another handle holds it; says whether it was free.
pub(crate) fn try_lock(file: &File) -> io::Result<bool> {
    match flock(file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(true),
        Err(Errno::WOULDBLOCK) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// Waits for the lock of a file. A signal with a handler interrupts the call; the wait continues.
pub(crate) fn wait(file: &File, operation: FlockOperation) -> io::Result<()> {
    let at_once = match operation {
        FlockOperation::LockShared => FlockOperation::NonBlockingLockShared,
        _ => FlockOperation::NonBlockingLockExclusive,
    };
    match retry_on_intr(|| flock(file, at_once)) {
        Err(Errno::WOULDBLOCK) => {}
        locked => return Ok(locked?),
    }
    trace::lock_awaited(operation);
    retry_on_intr(|| flock(file, operation))?;
    trace::lock_taken(operation);
    Ok(())
}
