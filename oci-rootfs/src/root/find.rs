//! What is at a path.

use std::fs::File;
use std::io::{self, Read};
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use rustix::fs::{FileType, fstat};
use rustix::io::Errno;

use super::resolve::Links;
use super::{Root, system};

impl Root {
    /// What is at a path, as a handle that only names it (`O_PATH`): neither a device nor a pipe is opened by that. `None`: nothing is there. Symbolic links are followed within the root.
    ///
    /// Where there is no `O_PATH`, as on macOS, a handle is open for reading, and only directories
    /// and regular files have one.
    ///
    /// # Errors
    /// If the path cannot be resolved: too many links, no permission.
    pub fn find(&self, path: impl AsRef<Path>) -> io::Result<Option<OwnedFd>> {
        self.handle(path.as_ref(), Links::Follow)
    }

    /// What is at a path that has no symbolic link in it, as [`find`](Self::find) gives it.
    ///
    /// # Errors
    /// As [`find`](Self::find), and if there is a link (`ELOOP`).
    pub fn find_without_links(&self, path: impl AsRef<Path>) -> io::Result<Option<OwnedFd>> {
        self.handle(path.as_ref(), Links::Refuse)
    }

    /// Opens a regular file for reading. Symbolic links are followed within the root.
    ///
    /// Its type is checked before it is opened: opening a pipe would block, and opening a device may have effects.
    ///
    /// # Errors
    /// If there is none (kind `NotFound`), or it is not a regular file (kind `InvalidInput`). On Linux
    /// also if `/proc` is not mounted.
    pub fn open_file(&self, path: impl AsRef<Path>) -> io::Result<File> {
        let path = path.as_ref().as_os_str().as_bytes();
        let handle = self.open_at(path, system::HANDLE, Links::Follow)?;
        if FileType::from_raw_mode(fstat(&handle)?.st_mode) != FileType::RegularFile {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is not a regular file"));
        }
        self.descriptors.open_file(&handle)
    }

    /// The content of a regular file of at most `limit` bytes; `None` if nothing is there.
    ///
    /// # Errors
    /// As [`open_file`](Self::open_file), and if it is larger (kind `FileTooLarge`) or cannot be read.
    pub fn read_file(&self, path: impl AsRef<Path>, limit: u64) -> io::Result<Option<Vec<u8>>> {
        let file = match self.open_file(path) {
            Err(error) if is_missing(&error) => return Ok(None),
            result => result?,
        };
        let mut content = Vec::new();
        file.take(limit.saturating_add(1)).read_to_end(&mut content)?;
        if content.len() as u64 > limit {
            let message = format!("it is over the limit of {limit} bytes");
            return Err(io::Error::new(io::ErrorKind::FileTooLarge, message));
        }
        Ok(Some(content))
    }

    fn handle(&self, path: &Path, links: Links) -> io::Result<Option<OwnedFd>> {
        match self.open_at(path.as_os_str().as_bytes(), system::HANDLE, links) {
            Ok(handle) => Ok(Some(handle)),
            Err(Errno::NOENT | Errno::NOTDIR) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }
}

fn is_missing(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}
