//! Something in a tree.

use std::os::fd::{AsFd, OwnedFd};

use oci_image::layer::{Device, EntryPath, Kind, Timestamp};
use rustix::fs::{FileType, Mode, OFlags, Stat, fstat, openat, readlinkat};
use rustix::io::{Errno, fcntl_dupfd_cloexec};

use super::content::Content;
use super::error::{PackError, Reason};
use super::overlay::Overlaid;
use crate::root::{DIRECTORY, Id, Root, Target, times};

/// Something in a tree, held by a descriptor that only names it.
pub(super) struct Node {
    pub(super) path: EntryPath,
    pub(super) fd: OwnedFd,
    pub(super) stat: Stat,
    /// What an overlay makes of it, in one.
    pub(super) overlaid: Option<Box<Overlaid>>,
}

impl Node {
    /// What has this name in a directory, if anything.
    pub(super) fn open(
        directory: impl AsFd,
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
        Self::directory(root, &path).map_err(|error| PackError::file("open", &path, error))
    }

    /// The directory at a path that has no links.
    pub(super) fn directory(root: &Root, path: &EntryPath) -> Result<Self, Errno> {
        let fd = root.physical(path.as_bytes(), DIRECTORY.union(OFlags::PATH))?;
        let stat = fstat(&fd)?;
        Ok(Self { path: path.clone(), fd, stat, overlaid: None })
    }

    fn new(path: EntryPath, fd: OwnedFd) -> Result<Self, PackError> {
        let stat = fstat(&fd).map_err(|error| PackError::file("look at", &path, error))?;
        Ok(Self { path, fd, stat, overlaid: None })
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
        times(&self.stat).1
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
        if let Some(content) = self.overlaid.as_ref().and_then(|overlaid| overlaid.content.as_ref())
        {
            return fcntl_dupfd_cloexec(content, 0)
                .map_err(|error| PackError::file("read", &self.path, error));
        }
        let flags = match self.is_directory() {
            true => OFlags::RDONLY | OFlags::DIRECTORY,
            false => OFlags::RDONLY | OFlags::NOCTTY | OFlags::NONBLOCK,
        };
        self.reading(root, || root.reopen(self.fd.as_fd(), flags))
            .map_err(|error| PackError::file("read", &self.path, error))
    }

    /// The content of this regular file.
    pub(super) fn content(&self, root: &Root) -> Result<Content, PackError> {
        Content::new(self.read(root)?.into())
            .map_err(|error| PackError::file("look at", &self.path, error))
    }

    /// Reads something of a file. If this process is its owner and only its mode forbids that, as in trees
    /// that were unpacked without privileges, the mode is changed for the time of the read.
    pub(super) fn reading<T>(
        &self,
        root: &Root,
        read: impl Fn() -> Result<T, Errno>,
    ) -> Result<T, Errno> {
        match read() {
            Err(Errno::ACCESS) if self.is_ours() => {}
            result => return result,
        }
        let (target, mode) = (Target::path(&self.fd), self.stat.st_mode & 0o7777);
        let more = if self.is_directory() { 0o500 } else { 0o400 };
        target.set_mode(root, mode | more).map_err(|_| Errno::ACCESS)?;
        let result = read();
        target.set_mode(root, mode)?;
        result
    }

    fn is_ours(&self) -> bool {
        let (user, group) = (rustix::process::geteuid(), rustix::process::getegid());
        (self.stat.st_uid, self.stat.st_gid) == (user.as_raw(), group.as_raw())
            && matches!(self.file_type(), FileType::RegularFile | FileType::Directory)
    }
}
