//! Something in a tree.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use oci_image::layer::{Device, EntryPath, Kind, Timestamp};
use rustix::fs::{FileType, Mode, OFlags, Stat, fstat, openat, readlinkat};
use rustix::io::Errno;

use super::error::{PackError, Reason};
use crate::root::{Id, Root};

/// Something in a tree, held by a descriptor that only says where it is.
pub(super) struct Node {
    pub(super) path: EntryPath,
    pub(super) fd: OwnedFd,
    pub(super) stat: Stat,
}

impl Node {
    /// What has this name in a directory; `None` if nothing has.
    pub(super) fn open(
        directory: BorrowedFd<'_>,
        parent: &EntryPath,
        name: &[u8],
    ) -> Result<Option<Self>, PackError> {
        let path = parent.join(name).map_err(|_| Reason::Depth { path: parent.clone() })?;
        let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        match openat(directory, name, flags, Mode::empty()) {
            Ok(fd) => Self::new(path, fd).map(Some),
            Err(Errno::NOENT) => Ok(None),
            Err(error) => Err(PackError::file("find", &path, error)),
        }
    }

    /// The root of a tree.
    pub(super) fn top(root: &Root) -> Result<Self, PackError> {
        let path = EntryPath::ROOT;
        match root.physical_directory(b"") {
            Ok(fd) => Self::new(path, fd),
            Err(error) => Err(PackError::file("open", &path, error)),
        }
    }

    fn new(path: EntryPath, fd: OwnedFd) -> Result<Self, PackError> {
        let stat = fstat(&fd).map_err(|error| PackError::file("look at", &path, error))?;
        Ok(Self { path, fd, stat })
    }

    pub(super) fn id(&self) -> Id {
        Id::from(&self.stat)
    }

    pub(super) fn file_type(&self) -> FileType {
        FileType::from_raw_mode(self.stat.st_mode)
    }

    pub(super) fn is_directory(&self) -> bool {
        self.file_type() == FileType::Directory
    }

    /// Whether there may be more names of it.
    pub(super) fn is_linked(&self) -> bool {
        !self.is_directory() && self.stat.st_nlink > 1
    }

    pub(super) fn mtime(&self) -> Timestamp {
        // The kernel gives no nanoseconds out of range.
        let nanoseconds = u32::try_from(self.stat.st_mtime_nsec).unwrap_or_default();
        Timestamp::new(self.stat.st_mtime, nanoseconds).unwrap_or_default()
    }

    /// What it is; `None` for what no layer can hold.
    pub(super) fn kind(&self) -> Result<Option<Kind>, PackError> {
        let device = || Device {
            major: rustix::fs::major(self.stat.st_rdev),
            minor: rustix::fs::minor(self.stat.st_rdev),
        };
        Ok(Some(match self.file_type() {
            FileType::RegularFile => Kind::File { size: self.stat.st_size.unsigned_abs() },
            FileType::Directory => Kind::Directory,
            FileType::Symlink => Kind::Symlink { target: self.target()? },
            FileType::CharacterDevice => Kind::CharDevice(device()),
            FileType::BlockDevice => Kind::BlockDevice(device()),
            FileType::Fifo => Kind::Fifo,
            _ => return Ok(None),
        }))
    }

    /// The text of a link.
    pub(super) fn target(&self) -> Result<Vec<u8>, PackError> {
        readlinkat(&self.fd, "", Vec::new())
            .map(|target| target.into_bytes())
            .map_err(|error| PackError::file("read the link", &self.path, error))
    }

    /// Opens exactly this regular file or directory for reading.
    pub(super) fn read(&self, root: &Root) -> Result<OwnedFd, PackError> {
        let flags = match self.is_directory() {
            true => OFlags::RDONLY | OFlags::DIRECTORY,
            false => OFlags::RDONLY | OFlags::NOCTTY | OFlags::NONBLOCK,
        };
        root.reopen(self.fd.as_fd(), flags)
            .map_err(|error| PackError::file("read", &self.path, error))
    }
}
