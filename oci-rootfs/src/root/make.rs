//! What is to be at a path, made if it is missing.

use std::ffi::OsStr;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use rustix::fs::{Mode, OFlags, mkdirat, openat};
use rustix::io::Errno;

use super::by_component::{self, Last, Make};
use super::resolve::Links;
use super::{Root, system};

impl Root {
    /// What is at a path, as [`find`](Self::find) gives it. What is missing is made: directories, of
    /// mode 0755 as far as the umask lets it be. A symbolic link that leads to nowhere is followed, and
    /// what it leads to is made, within the root.
    ///
    /// # Errors
    /// If it cannot be made, or something on the way is not a directory.
    pub fn make_directory(&self, path: impl AsRef<Path>) -> io::Result<OwnedFd> {
        self.make(path.as_ref(), &|directory, name, _| make_directory(directory, name))
    }

    /// As [`make_directory`](Self::make_directory), but the last name is made an empty file of mode 0644.
    ///
    /// # Errors
    /// As [`make_directory`](Self::make_directory).
    pub fn make_file(&self, path: impl AsRef<Path>) -> io::Result<OwnedFd> {
        let path = path.as_ref();
        if path.as_os_str().as_bytes().ends_with(b"/") {
            return Err(Errno::ISDIR.into());
        }
        self.make(path, &|directory, name, last| match last {
            Last::No => make_directory(directory, name),
            Last::Yes => make_file(directory, name),
        })
    }

    /// The directory that a path is in, made as by [`make_directory`](Self::make_directory), and the
    /// path's last name. What has that name, if anything, is not looked at.
    ///
    /// # Errors
    /// As [`make_directory`](Self::make_directory), and if the path does not end with a name.
    pub fn make_parent<'a>(
        &self,
        path: &'a (impl AsRef<Path> + ?Sized),
    ) -> io::Result<(OwnedFd, &'a OsStr)> {
        let path = path.as_ref().as_os_str().as_bytes();
        let end = path.iter().rposition(|byte| *byte != b'/').map_or(0, |at| at + 1);
        let start = path[..end].iter().rposition(|byte| *byte == b'/').map_or(0, |at| at + 1);
        let name = &path[start..end];
        if matches!(name, b"" | b"." | b"..") {
            return Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                "the path does not name a file",
            ));
        }
        let parent = self.make_directory(OsStr::from_bytes(&path[..start]))?;
        Ok((parent, OsStr::from_bytes(name)))
    }

    fn make(&self, path: &Path, make: Make<'_>) -> io::Result<OwnedFd> {
        if let Some(found) = self.find(path)? {
            return Ok(found);
        }
        let path = path.as_os_str().as_bytes();
        let make = Some(make);
        Ok(by_component::open_or_make(self.as_fd(), path, system::HANDLE, Links::Follow, make)?)
    }
}

fn make_directory(directory: BorrowedFd<'_>, name: &[u8]) -> Result<(), Errno> {
    is_made(mkdirat(directory, name, Mode::from_raw_mode(0o755)))
}

fn make_file(directory: BorrowedFd<'_>, name: &[u8]) -> Result<(), Errno> {
    // O_EXCL: without it a link that another process makes there now would be followed, out of the root.
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC;
    is_made(openat(directory, name, flags, Mode::from_raw_mode(0o644)).map(drop))
}

/// Another process may have made it first.
fn is_made(result: Result<(), Errno>) -> Result<(), Errno> {
    match result {
        Err(Errno::EXIST) => Ok(()),
        result => result,
    }
}
