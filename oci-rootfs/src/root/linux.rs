//! Handles that only name a file (`O_PATH`), and `/proc/self/fd`, by which they are opened.

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::sync::OnceLock;

use rustix::fs::{FileType, Mode, OFlags, PROC_SUPER_MAGIC, fstat, fstatfs, openat, readlinkat};
use rustix::io::Errno;

use super::resolve::Found;

/// The flags of a handle: neither a device nor a pipe is opened by it.
pub(super) const HANDLE: OFlags = OFlags::PATH;

/// Looks at a name, without following it.
pub(super) fn look(directory: BorrowedFd<'_>, name: &[u8]) -> Result<Found, Errno> {
    let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let fd = openat(directory, name, flags, Mode::empty())?;
    match FileType::from_raw_mode(fstat(&fd)?.st_mode) {
        FileType::Directory => Ok(Found::Directory(fd)),
        FileType::Symlink => {
            // By the handle: the name may belong to another file by now.
            let text = readlinkat(&fd, "", Vec::new())?.into_bytes();
            match is_magic(&fd, &text)? {
                true => Err(Errno::LOOP),
                false => Ok(Found::Link(text)),
            }
        }
        _ => Ok(Found::Other),
    }
}

/// Whether the link is one of procfs that leads to what a process has open, as far as its text tells: it
/// is absolute or like `pipe:[1]`, where the plain links of procfs are `self/mounts` and the like.
fn is_magic(link: &OwnedFd, text: &[u8]) -> Result<bool, Errno> {
    Ok((text.starts_with(b"/") || text.contains(&b':'))
        && fstatfs(link)?.f_type == PROC_SUPER_MAGIC)
}

/// `/proc/self/fd`, opened when it is needed first.
#[derive(Debug, Default)]
pub(super) struct Descriptors(OnceLock<OwnedFd>);

impl Descriptors {
    /// Opens it.
    pub(super) fn open(&self) -> io::Result<BorrowedFd<'_>> {
        if let Some(fd) = self.0.get() {
            return Ok(fd.as_fd());
        }
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let fd = rustix::fs::open("/proc/self/fd", flags, Mode::empty())?;
        // A filesystem that somebody else mounted there could open other files for us.
        if fstatfs(&fd)?.f_type != PROC_SUPER_MAGIC {
            let message = "`/proc` is not the proc filesystem";
            return Err(io::Error::new(io::ErrorKind::Unsupported, message));
        }
        Ok(self.0.get_or_init(|| fd).as_fd())
    }

    /// Opens a handle of a regular file for reading: exactly this file, whatever has its name now.
    pub(super) fn open_file(&self, handle: &OwnedFd) -> io::Result<File> {
        let flags = OFlags::RDONLY | OFlags::CLOEXEC;
        let fd = openat(self.open()?, number(handle.as_fd()), flags, Mode::empty())?;
        Ok(fd.into())
    }
}

/// The name of a descriptor in `/proc/self/fd`.
pub(crate) fn number(fd: BorrowedFd<'_>) -> String {
    fd.as_raw_fd().to_string()
}
