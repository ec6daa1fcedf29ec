//! All the unsafe code of the workspace: system calls that rustix does not have, or has as unsafe functions.
//!
//! Every function here is safe to call, takes `BorrowedFd` and returns the kernel's error as it is.

pub(crate) mod bpf;
pub(crate) mod clone;
pub(crate) mod descriptors;
pub(crate) mod execute;
pub(crate) mod keyring;
pub(crate) mod mount;
pub(crate) mod namespace;
pub(crate) mod network;
pub(crate) mod pidfd;
pub(crate) mod schedule;
pub(crate) mod seccomp;
pub(crate) mod signal;

use std::io;

/// The result of a system call: a negative value means that `errno` says why.
fn checked(result: libc::c_long) -> io::Result<libc::c_long> {
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(result) }
}
