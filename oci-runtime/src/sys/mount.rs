//! mount_setattr.

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};

use super::checked;

/// Attributes to set and to clear on a mount, with `MOUNT_ATTR_*` and `MS_*` bits as the kernel names them.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Attributes<'fd> {
    pub(crate) set: u64,
    pub(crate) clear: u64,
    pub(crate) propagation: u64,
    pub(crate) user_namespace: Option<BorrowedFd<'fd>>,
}

/// Changes the mount that `mount` is the root of, and with `recursive` all below it.
pub(crate) fn set_attributes(
    mount: BorrowedFd<'_>,
    attributes: Attributes<'_>,
    recursive: bool,
) -> io::Result<()> {
    let namespace = attributes.user_namespace.map_or(0, |fd| fd.as_raw_fd() as u64);
    let argument: [u64; 4] = [attributes.set, attributes.clear, attributes.propagation, namespace];
    let flags = libc::AT_EMPTY_PATH | if recursive { libc::AT_RECURSIVE } else { 0 };
    // SAFETY: the path is an empty C string, the argument a valid mount_attr of 32 bytes.
    checked(unsafe {
        libc::syscall(
            libc::SYS_mount_setattr,
            mount.as_raw_fd(),
            c"".as_ptr(),
            flags,
            argument.as_ptr(),
            size_of_val(&argument),
        )
    })
    .map(drop)
}
