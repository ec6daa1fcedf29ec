//! Systems without handles that only name a file: directories and regular files are opened for
//! reading, and nothing else is.

use std::fs::File;
use std::io;
use std::os::fd::{BorrowedFd, OwnedFd};

use rustix::fs::{AtFlags, FileType, Mode, OFlags, openat, readlinkat, statat};
use rustix::io::Errno;

use super::resolve::Found;

/// What a handle is opened with. Where a pipe takes the place of a file, its writer is not waited for.
pub(super) const HANDLE: OFlags = OFlags::RDONLY.union(OFlags::NONBLOCK).union(OFlags::NOCTTY);

/// Looks at a name, without following it. What is neither directory, link nor regular file is refused,
/// as to open it might do something.
pub(super) fn look(directory: BorrowedFd<'_>, name: &[u8]) -> Result<Found, Errno> {
    let stat = statat(directory, name, AtFlags::SYMLINK_NOFOLLOW)?;
    match FileType::from_raw_mode(stat.st_mode) {
        FileType::Directory => {
            let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
            Ok(Found::Directory(openat(directory, name, flags, Mode::empty())?))
        }
        FileType::Symlink => Ok(Found::Link(readlinkat(directory, name, Vec::new())?.into_bytes())),
        FileType::RegularFile => Ok(Found::Other),
        _ => Err(Errno::OPNOTSUPP),
    }
}

/// A handle is open for reading already.
#[derive(Debug, Default)]
pub(super) struct Descriptors(());

impl Descriptors {
    /// The file that a handle of a regular file holds.
    pub(super) fn open_file(&self, handle: &OwnedFd) -> io::Result<File> {
        Ok(handle.try_clone()?.into())
    }
}
