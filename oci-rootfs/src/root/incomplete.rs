//! The mark of a tree that is being changed, or whose change was interrupted.

use std::io::{self, Read, Write};
use std::os::fd::AsFd;

use rustix::fs::{AtFlags, Mode, OFlags, openat, unlinkat};
use rustix::io::Errno;

use super::Root;

/// The file in the root that marks it: no layer can hold a name like this.
pub(crate) const MARKER: &[u8] = b".wh..oci-rootfs.incomplete";

/// How much of a mark is read.
const LIMIT: u64 = 4096;

impl Root {
    /// What was being done when a change of the tree was interrupted; `None` if the tree is whole.
    ///
    /// # Errors
    /// If the mark cannot be read.
    pub fn incomplete(&self) -> io::Result<Option<String>> {
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let file = match openat(self.as_fd(), MARKER, flags, Mode::empty()) {
            Ok(fd) => std::fs::File::from(fd),
            Err(Errno::NOENT) => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        let mut text = Vec::new();
        file.take(LIMIT).read_to_end(&mut text)?;
        Ok(Some(String::from_utf8_lossy(&text).into_owned()))
    }

    /// Marks the tree as being changed by `what`.
    pub(crate) fn begin(&self, what: &str) -> io::Result<()> {
        self.end()?;
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC;
        let fd = openat(self.as_fd(), MARKER, flags, Mode::from_raw_mode(0o600))?;
        std::fs::File::from(fd).write_all(what.as_bytes())
    }

    /// Removes the mark.
    pub(crate) fn end(&self) -> io::Result<()> {
        match unlinkat(self.as_fd(), MARKER, AtFlags::empty()) {
            Ok(()) | Err(Errno::NOENT) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }
}
