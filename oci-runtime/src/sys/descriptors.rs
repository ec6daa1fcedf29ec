//! Closing descriptors, and whether this program runs with more rights than its caller.

use std::io;
use std::os::fd::{FromRawFd, OwnedFd, RawFd};

use super::checked;

/// Closes every descriptor from `first` on.
pub(crate) fn close_from(first: RawFd) -> io::Result<()> {
    // SAFETY: the init owns no descriptor yet when it calls this, or ends without using or dropping one again: nothing
    // is closed under an owner that would notice.
    checked(unsafe { libc::syscall(libc::SYS_close_range, first, libc::c_uint::MAX, 0) }).map(drop)
}

/// A copy of the descriptor of a number, which exec closes.
pub(crate) fn copy(number: RawFd) -> io::Result<OwnedFd> {
    // SAFETY: the call fails for a number that is not open, and changes nothing about one that is.
    let copy = checked(unsafe { libc::fcntl(number, libc::F_DUPFD_CLOEXEC, 3) }.into())?;
    // SAFETY: the kernel has just made it, and nobody else knows it.
    Ok(unsafe { OwnedFd::from_raw_fd(copy as RawFd) })
}

/// Marks every descriptor from `first` on to be closed by exec.
pub(crate) fn close_from_on_exec(first: RawFd) -> io::Result<()> {
    // SAFETY: changes a flag of descriptors and closes none.
    checked(unsafe {
        libc::syscall(libc::SYS_close_range, first, libc::c_uint::MAX, libc::CLOSE_RANGE_CLOEXEC)
    })
    .map(drop)
}

/// Whether the kernel marked this program as running with more rights than its caller (set-user-id and the like).
pub(crate) fn is_secure_execution() -> bool {
    // SAFETY: getauxval reads the auxiliary vector and takes no pointer.
    unsafe { libc::getauxval(libc::AT_SECURE) != 0 }
}
