//! A system that never resolves paths within a root.

use std::os::fd::{BorrowedFd, OwnedFd};

use rustix::fs::OFlags;
use rustix::io::Errno;

use super::resolve::Links;

pub(super) fn probe(_: BorrowedFd<'_>) -> Result<(), Errno> {
    Err(Errno::NOSYS)
}

pub(super) fn open(_: BorrowedFd<'_>, _: &[u8], _: OFlags, _: Links) -> Result<OwnedFd, Errno> {
    Err(Errno::NOSYS)
}
