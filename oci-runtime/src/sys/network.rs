//! Bringing a network interface up.

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};

use super::checked;

/// Sets `IFF_UP` on `lo` of the network namespace that `socket` belongs to.
pub(crate) fn raise_loopback(socket: BorrowedFd<'_>) -> io::Result<()> {
    let mut request = [0u8; 40];
    request[..2].copy_from_slice(b"lo");
    let flags = libc::IFF_UP as libc::c_short;
    request[16..18].copy_from_slice(&flags.to_ne_bytes());
    // SAFETY: the request is a valid ifreq of 40 bytes, zeroed but for the name and the flags.
    checked(
        unsafe {
            libc::ioctl(socket.as_raw_fd(), libc::SIOCSIFFLAGS as libc::Ioctl, request.as_ptr())
        }
        .into(),
    )
    .map(drop)
}
