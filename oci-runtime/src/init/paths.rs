//! Paths inside of a root that may be hostile.

use std::ffi::OsStr;
use std::os::fd::OwnedFd;

use oci_rootfs::Root;
use rustix::fs::{Mode, OFlags, openat};
use rustix::io::Errno;

use super::error::{Context, StepError};

/// What is to be at a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Directory,
    File,
}

/// A handle of what is at a path. None: nothing is there.
pub(crate) fn find(root: &Root, path: &str) -> Result<Option<OwnedFd>, StepError> {
    root.find(path).context(|| format!("find `{path}` in the root filesystem"))
}

/// A handle of what is at a path, after making what is missing of it.
pub(crate) fn make(root: &Root, path: &str, kind: Kind) -> Result<OwnedFd, StepError> {
    let made = match kind {
        Kind::Directory => root.make_directory(path),
        Kind::File => root.make_file(path),
    };
    made.context(|| format!("make `{path}` in the root filesystem"))
}

/// A handle of what is at a path that has no symbolic link in it.
pub(crate) fn find_plain(root: &Root, path: &str) -> Result<OwnedFd, StepError> {
    Ok(root.find_without_links(path)?.ok_or(Errno::NOENT)?)
}

/// The directory that a path is in, made if it is missing, and the last name of the path.
pub(crate) fn parent<'a>(root: &Root, path: &'a str) -> Result<(OwnedFd, &'a OsStr), StepError> {
    root.make_parent(path).context(|| format!("make the directory of `{path}`"))
}

/// Opens a file at a path that has no symbolic link in it.
pub(crate) fn open_plain(root: &Root, path: &str, flags: OFlags) -> Result<OwnedFd, StepError> {
    let (directory, name) = path.rsplit_once('/').unwrap_or(("", path));
    let directory = find_plain(root, directory)?;
    // Of the last name itself O_NOFOLLOW refuses a link.
    let flags = flags | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    Ok(openat(directory, name, flags, Mode::empty())?)
}
