//! Paths to descriptors.

use std::os::fd::{AsFd, OwnedFd};

use rustix::fs::{Mode, OFlags, ResolveFlags};
use rustix::io::Errno;

use super::{DIRECTORY, Root};

/// How often a lookup is tried again that a concurrent rename disturbed.
const ATTEMPTS: usize = 128;

impl Root {
    /// Opens what `path` leads to; links are followed as if this were `/`, the last one too unless
    /// `flags` say otherwise.
    pub(crate) fn resolve(&self, path: &[u8], flags: OFlags) -> Result<OwnedFd, Errno> {
        self.open_by(path, flags, ResolveFlags::IN_ROOT | ResolveFlags::NO_MAGICLINKS)
    }

    /// Opens the directory that `path` leads to.
    pub(crate) fn directory(&self, path: &[u8]) -> Result<OwnedFd, Errno> {
        self.resolve(path, DIRECTORY.difference(OFlags::NOFOLLOW))
    }

    /// Opens the directory of a path that is known to have no links.
    pub(crate) fn physical_directory(&self, path: &[u8]) -> Result<OwnedFd, Errno> {
        self.physical(path, DIRECTORY)
    }

    /// Opens what is at a path that is known to have no links.
    pub(crate) fn physical(&self, path: &[u8], flags: OFlags) -> Result<OwnedFd, Errno> {
        let resolve =
            ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_MAGICLINKS;
        self.open_by(path, flags, resolve)
    }

    fn open_by(&self, path: &[u8], flags: OFlags, resolve: ResolveFlags) -> Result<OwnedFd, Errno> {
        let path = if path.is_empty() { b"." } else { path };
        let flags = flags | OFlags::CLOEXEC;
        for _ in 0..ATTEMPTS {
            match rustix::fs::openat2(self.as_fd(), path, flags, Mode::empty(), resolve) {
                // The kernel cannot tell whether a `..` left the root while something was renamed.
                Err(Errno::AGAIN | Errno::INTR) => {}
                result => return result,
            }
        }
        Err(Errno::AGAIN)
    }
}
