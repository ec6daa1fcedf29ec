//! How paths are resolved, by whatever means.

use std::os::fd::OwnedFd;

/// How often a lookup is retried that a concurrent rename disturbed.
pub(super) const ATTEMPTS: usize = 128;

/// What becomes of symbolic links on the way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Links {
    /// They are followed within the root, the last one too.
    Follow,
    /// They are refused with `ELOOP`.
    Refuse,
}

/// What has a name in a directory.
pub(super) enum Found {
    /// A directory, to go on in.
    Directory(OwnedFd),
    /// A symbolic link, and its text.
    Link(Vec<u8>),
    /// Anything else that can be opened.
    Other,
}
