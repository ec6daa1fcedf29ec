//! Paths that the kernel resolves within the root, since Linux 5.6.

use std::os::fd::{BorrowedFd, OwnedFd};

use rustix::fs::{Mode, OFlags, ResolveFlags};
use rustix::io::Errno;

use super::resolve::{ATTEMPTS, Links};

/// Whether the kernel offers it.
pub(super) fn probe(root: BorrowedFd<'_>) -> Result<(), Errno> {
    open(root, b".", OFlags::PATH, Links::Refuse).map(drop)
}

/// Opens what is at `path`. `EAGAIN`: renames disturbed the lookup each time.
pub(super) fn open(
    root: BorrowedFd<'_>,
    path: &[u8],
    flags: OFlags,
    links: Links,
) -> Result<OwnedFd, Errno> {
    // NO_MAGICLINKS: a link of procfs leads to what a process has open, wherever that is, and
    // IN_ROOT does not hold it back (openat2(2)).
    let mut resolve = ResolveFlags::IN_ROOT | ResolveFlags::NO_MAGICLINKS;
    if links == Links::Refuse {
        resolve |= ResolveFlags::NO_SYMLINKS;
    }
    for _ in 0..ATTEMPTS {
        match rustix::fs::openat2(root, path, flags | OFlags::CLOEXEC, Mode::empty(), resolve) {
            // After any rename on the machine the kernel cannot tell whether a `..` left the root.
            Err(Errno::AGAIN | Errno::INTR) => {}
            result => return result,
        }
    }
    Err(Errno::AGAIN)
}
