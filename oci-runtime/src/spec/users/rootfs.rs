use std::fs::File;
use std::io::{self, Read};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::fs::{FileType, Mode, OFlags, ResolveFlags};

use super::Users;

impl Users {
    /// The most bytes of `/etc/passwd` or `/etc/group`: 10 MiB.
    pub const FILE_LIMIT: u64 = 10 << 20;

    /// Reads `/etc/passwd` and `/etc/group` of a root filesystem; one that is missing is empty.
    ///
    /// Links resolve inside of the root. Nothing but a regular file is opened, so a FIFO or a device
    /// in its place neither blocks nor acts.
    ///
    /// # Errors
    /// If a file is not regular, is over [`Users::FILE_LIMIT`] or cannot be read, or if the kernel has
    /// no openat2.
    pub fn read(root: impl AsFd) -> io::Result<Self> {
        let root = root.as_fd();
        Ok(Self { passwd: read(root, "etc/passwd")?, group: read(root, "etc/group")? })
    }
}

fn read(root: BorrowedFd<'_>, path: &str) -> io::Result<Vec<u8>> {
    match read_regular(root, path) {
        Ok(text) => Ok(text),
        Err(error) if is_missing(&error) => Ok(Vec::new()),
        Err(error) => {
            Err(io::Error::new(error.kind(), format!("`/{path}` of the container: {error}")))
        }
    }
}

fn is_missing(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}

/// Looks before it opens: opening a device or a FIFO has effects of its own.
fn read_regular(root: BorrowedFd<'_>, path: &str) -> io::Result<Vec<u8>> {
    let size = regular_size(&open(root, path, OFlags::PATH)?)?;
    if size > Users::FILE_LIMIT {
        return Err(too_large());
    }
    let file = open(root, path, OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY)?;
    regular_size(&file)?;
    let mut text = Vec::new();
    File::from(file).take(Users::FILE_LIMIT + 1).read_to_end(&mut text)?;
    if text.len() as u64 > Users::FILE_LIMIT {
        return Err(too_large());
    }
    Ok(text)
}

fn open(root: BorrowedFd<'_>, path: &str, flags: OFlags) -> io::Result<OwnedFd> {
    let resolve = ResolveFlags::IN_ROOT | ResolveFlags::NO_MAGICLINKS;
    Ok(rustix::fs::openat2(root, path, flags | OFlags::CLOEXEC, Mode::empty(), resolve)?)
}

fn regular_size(file: &OwnedFd) -> io::Result<u64> {
    let stat = rustix::fs::fstat(file)?;
    if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "not a regular file"));
    }
    Ok(u64::try_from(stat.st_size).unwrap_or(u64::MAX))
}

fn too_large() -> io::Error {
    let limit = Users::FILE_LIMIT;
    io::Error::new(io::ErrorKind::FileTooLarge, format!("over the limit of {limit} bytes"))
}
