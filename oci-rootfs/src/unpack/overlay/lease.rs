//! Who uses which layers.

use std::fs::{self, File};
use std::io::{self, ErrorKind};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use rustix::fs::{FlockOperation, flock};
use rustix::io::{Errno, retry_on_intr};

/// Locks a directory together with others that use it; `None` if there is none. The lock ends with
/// what is returned, or with the process.
pub(super) fn share(path: &Path) -> io::Result<Option<File>> {
    let Some(directory) = unless_missing(File::open(path))? else { return Ok(None) };
    retry_on_intr(|| flock(&directory, FlockOperation::LockShared))?;
    // It may have been moved away while this waited.
    Ok(is_at(&directory, path)?.then_some(directory))
}

/// Locks a directory against all others if nobody uses it.
pub(super) fn try_alone(path: &Path) -> io::Result<Option<File>> {
    let Some(directory) = unless_missing(File::open(path))? else { return Ok(None) };
    Ok((try_flock(&directory)? && is_at(&directory, path)?).then_some(directory))
}

/// Locks a file against all others, which is made if there is none.
pub(super) fn lock(path: &Path) -> io::Result<File> {
    loop {
        let file = open(path)?;
        retry_on_intr(|| flock(&file, FlockOperation::LockExclusive))?;
        // Pruning may have removed it while this waited.
        if is_at(&file, path)? {
            return Ok(file);
        }
    }
}

/// As [`lock`], if nobody else has locked it.
pub(super) fn try_lock(path: &Path) -> io::Result<Option<File>> {
    let file = open(path)?;
    Ok((try_flock(&file)? && is_at(&file, path)?).then_some(file))
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
