use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, fchown};
use std::path::Path;
use std::time::{Duration, Instant};

use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;

/// How long another process may hold the lock.
const LOCK_WAIT: Duration = Duration::from_secs(10);
/// How often the lock is tried.
const LOCK_POLL: Duration = Duration::from_millis(5);

/// Locks the directory until the handle is dropped: a file that is replaced cannot hold a lock, and one beside it would
/// be left behind.
pub(super) fn lock(directory: &Path) -> io::Result<File> {
    let file = File::open(directory)?;
    let start = Instant::now();
    loop {
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Err(Errno::WOULDBLOCK | Errno::INTR) if start.elapsed() < LOCK_WAIT => {
                std::thread::sleep(LOCK_POLL);
            }
            Err(Errno::WOULDBLOCK | Errno::INTR) => {
                let reason = "another process holds the lock of the directory";
                return Err(io::Error::new(io::ErrorKind::TimedOut, reason));
            }
            // NFS locks no directories (EBADF), other filesystems lock nothing: what changed is noticed there.
            Ok(()) | Err(_) => return Ok(file),
        }
    }
}

pub(super) fn sync(directory: &Path) -> io::Result<()> {
    File::open(directory)?.sync_all()
}

pub(super) fn make_directory(path: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(path)
}

pub(super) fn owned_alone(options: &mut OpenOptions) {
    options.mode(0o600);
}

/// Root that logs in for a user leaves the file to that user.
pub(super) fn keep_owner(path: &Path, new: &File) -> io::Result<()> {
    let Ok(old) = fs::metadata(path) else { return Ok(()) };
    let created = new.metadata()?;
    if (old.uid(), old.gid()) == (created.uid(), created.gid()) {
        return Ok(());
    }
    fchown(new, Some(old.uid()), Some(old.gid()))
}
