//! Paths to descriptors.

use std::os::fd::{AsFd, OwnedFd};

use rustix::fs::OFlags;
use rustix::io::Errno;

use super::resolve::Links;
use super::{Resolver, Root, by_component, openat2};

impl Root {
    /// Opens what is at `path`, which never creates anything.
    pub(super) fn open_at(
        &self,
        path: &[u8],
        flags: OFlags,
        links: Links,
    ) -> Result<OwnedFd, Errno> {
        let path = if path.is_empty() { b"." } else { path };
        match self.resolver {
            Resolver::Openat2 => match openat2::open(self.as_fd(), path, flags, links) {
                // Someone renames without pause. A walk by component is not disturbed by that.
                Err(Errno::AGAIN) => by_component::open(self.as_fd(), path, flags, links),
                result => result,
            },
            Resolver::ByComponent => by_component::open(self.as_fd(), path, flags, links),
        }
    }
}
