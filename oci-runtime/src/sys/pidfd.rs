//! Sending a signal to a process, and reading its exit status, by its pidfd.

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};

use super::checked;

/// Sends a signal by its number.
pub(crate) fn send_signal(pidfd: BorrowedFd<'_>, signal: i32) -> io::Result<()> {
    let none = std::ptr::null::<libc::siginfo_t>();
    // SAFETY: the pointer is null, as the kernel permits.
    checked(unsafe {
        libc::syscall(libc::SYS_pidfd_send_signal, pidfd.as_raw_fd(), signal, none, 0)
    })
    .map(drop)
}

/// The wait status of an ended process that need not be a child of this one. None: the kernel does not keep it.
pub(crate) fn exit_status(pidfd: BorrowedFd<'_>) -> io::Result<Option<i32>> {
    // struct pidfd_info, version 0: mask, cgroupid, then 32-bit fields of which the last is exit_code.
    let mut info = [0u64; 8];
    info[0] = PIDFD_INFO_EXIT;
    // SAFETY: the buffer is writable and as long as the request number says.
    let result = unsafe { libc::ioctl(pidfd.as_raw_fd(), PIDFD_GET_INFO, info.as_mut_ptr()) };
    match checked(result.into()) {
        Ok(_) if info[0] & PIDFD_INFO_EXIT != 0 => Ok(Some((info[7] >> 32) as u32 as i32)),
        Ok(_) => Ok(None),
        Err(error)
            if matches!(error.raw_os_error(), Some(libc::ENOTTY | libc::EINVAL | libc::ESRCH)) =>
        {
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

const PIDFD_INFO_EXIT: u64 = 1 << 3;
/// `_IOWR(0xff, 11, struct pidfd_info)` with the 64 bytes of its first version.
const PIDFD_GET_INFO: libc::Ioctl = 0xc040_ff0b_u32 as libc::Ioctl; // signed with musl
