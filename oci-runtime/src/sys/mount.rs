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

/// How far a call on a mount reaches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scope {
    /// The mount alone.
    Mount,
    /// The mount and all mounts beneath it.
    Subtree,
}

impl Scope {
    /// From the word of the plan.
    pub(crate) fn recursive(recursive: bool) -> Self {
        if recursive { Self::Subtree } else { Self::Mount }
    }
}

/// Changes the mount that `mount` is the root of, and with [`Scope::Subtree`] all mounts beneath it.
pub(crate) fn set_attributes(
    mount: BorrowedFd<'_>,
    attributes: Attributes<'_>,
    scope: Scope,
) -> io::Result<()> {
    let namespace = attributes.user_namespace.map_or(0, |fd| fd.as_raw_fd() as u64);
    let argument: [u64; 4] = [attributes.set, attributes.clear, attributes.propagation, namespace];
    let recursive = if scope == Scope::Subtree { libc::AT_RECURSIVE } else { 0 };
    let flags = libc::AT_EMPTY_PATH | recursive;
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
