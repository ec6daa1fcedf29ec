//! Moving into new or existing namespaces, and the kind of a namespace by its descriptor.

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};

use super::checked;

/// Moves this single-threaded process into the new namespaces of `flags` (`CLONE_NEW*`).
pub(crate) fn unshare(flags: i32) -> io::Result<()> {
    // SAFETY: takes no pointer; CLONE_FILES, which could part threads from their descriptors, is never passed.
    checked(unsafe { libc::unshare(flags) }.into()).map(drop)
}

/// Joins the namespaces of `flags` that `target` (a namespace or a pidfd) belongs to.
pub(crate) fn join(target: BorrowedFd<'_>, flags: i32) -> io::Result<()> {
    // SAFETY: takes a valid descriptor and no pointer.
    checked(unsafe { libc::setns(target.as_raw_fd(), flags) }.into()).map(drop)
}

/// The `CLONE_NEW*` flag of the kind of namespace that `namespace` is.
pub(crate) fn kind(namespace: BorrowedFd<'_>) -> io::Result<i32> {
    // SAFETY: this ioctl takes no argument.
    let kind = checked(unsafe { libc::ioctl(namespace.as_raw_fd(), NS_GET_NSTYPE) }.into())?;
    i32::try_from(kind).map_err(io::Error::other)
}

/// `_IO(0xb7, 0x3)`.
const NS_GET_NSTYPE: libc::Ioctl = 0xb703;
