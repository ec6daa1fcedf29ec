//! What unpacking and packing ask of a root.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::fs::{Mode, OFlags, openat};
use rustix::io::Errno;

use super::resolve::Links;
use super::{Root, number};

/// What a directory that is opened is opened with.
pub(crate) const DIRECTORY: OFlags =
    OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);

impl Root {
    /// Opens the directory that `path` leads to.
    pub(crate) fn directory(&self, path: &[u8]) -> Result<OwnedFd, Errno> {
        self.open_at(path, DIRECTORY.difference(OFlags::NOFOLLOW), Links::Follow)
    }

    /// Opens the directory of a path that is known to have no links.
    pub(crate) fn physical_directory(&self, path: &[u8]) -> Result<OwnedFd, Errno> {
        self.physical(path, DIRECTORY)
    }

    /// Opens what is at a path that is known to have no links.
    pub(crate) fn physical(&self, path: &[u8], flags: OFlags) -> Result<OwnedFd, Errno> {
        self.open_at(path, flags, Links::Refuse)
    }

    /// Whether it holds nothing.
    pub(crate) fn is_empty(&self) -> io::Result<bool> {
        for entry in rustix::fs::Dir::read_from(self)? {
            if !matches!(entry?.file_name().to_bytes(), b"." | b"..") {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Whether this process may ignore modes.
    pub(crate) fn is_privileged(&self) -> bool {
        rustix::process::geteuid().is_root()
    }

    /// Fails if `/proc/self/fd` is missing, by which [`descriptors`](Self::descriptors) are found.
    pub(crate) fn check_proc(&self) -> io::Result<()> {
        self.descriptors.open().map(drop)
    }

    /// `/proc/self/fd`, for the few system calls that take no descriptor.
    pub(crate) fn descriptors(&self) -> Result<BorrowedFd<'_>, Errno> {
        self.descriptors
            .open()
            .map_err(|error| Errno::from_io_error(&error).unwrap_or(Errno::NOSYS))
    }

    /// Opens again, by number, what `fd` holds open as a path only.
    pub(crate) fn reopen(&self, fd: BorrowedFd<'_>, flags: OFlags) -> Result<OwnedFd, Errno> {
        openat(self.descriptors()?, number(fd.as_fd()), flags | OFlags::CLOEXEC, Mode::empty())
    }
}
