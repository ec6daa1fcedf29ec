//! A directory that nothing done through it ever leaves.

mod attributes;
mod incomplete;
mod remove;
mod resolve;

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};

use oci_image::layer::EntryPath;
use rustix::fs::{CWD, FileType, Mode, OFlags, Stat};
use rustix::io::Errno;

pub(crate) use attributes::{Attributes, OVERLAY, Target, is_hosts_own, split_overlay, times};
pub(crate) use incomplete::MARKER;
pub(crate) use remove::Kept;

/// What a directory that is opened is opened with.
pub(crate) const DIRECTORY: OFlags =
    OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);

/// A directory that serves as the root of a filesystem: paths and links in it are followed as if it
/// were `/`, by the kernel (`openat2` with `RESOLVE_IN_ROOT`), whoever changes the tree meanwhile.
///
/// It is held by a file descriptor, so it stays the same directory if its path is given to another.
pub struct Root {
    fd: OwnedFd,
    path: PathBuf,
    /// `/proc/self/fd`, for the few system calls that take no descriptor.
    descriptors: OwnedFd,
    is_privileged: bool,
}

impl Root {
    /// Opens a directory.
    ///
    /// # Errors
    /// If it cannot be opened, if `/proc` is not mounted, or (kind `Unsupported`) if the kernel has no
    /// `openat2`: without it nothing here is safe, and there is no way around.
    pub fn open(path: impl AsRef<Path>) -> io::Result<Self> {
        let path = path.as_ref();
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let fd = rustix::fs::open(path, flags, Mode::empty())?;
        Self::from_fd(fd, path)
    }

    /// Makes the directory if there is none, and opens it. Its parent must exist.
    ///
    /// # Errors
    /// If it cannot be made, and those of [`open`](Self::open).
    pub fn create(path: impl AsRef<Path>) -> io::Result<Self> {
        let path = path.as_ref();
        match rustix::fs::mkdirat(CWD, path, Mode::from_raw_mode(0o755)) {
            Ok(()) | Err(Errno::EXIST) => Self::open(path),
            Err(error) => Err(error.into()),
        }
    }

    fn from_fd(fd: OwnedFd, path: &Path) -> io::Result<Self> {
        let root = Self {
            fd,
            path: path.to_owned(),
            descriptors: descriptors()?,
            is_privileged: rustix::process::geteuid().is_root(),
        };
        match root.directory(b"") {
            Ok(_) => Ok(root),
            Err(Errno::NOSYS | Errno::PERM) => Err(io::Error::new(
                io::ErrorKind::Unsupported,
                "the kernel does not offer `openat2`, which Linux has since 5.6",
            )),
            Err(error) => Err(error.into()),
        }
    }

    /// The path that the directory was opened by.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Opens a regular file for reading; symbolic links on the way are followed within the root.
    ///
    /// # Errors
    /// If there is none, or it is not a regular file: devices and pipes are never opened.
    pub fn open_file(&self, path: &EntryPath) -> io::Result<File> {
        let found = self.resolve(path.as_bytes(), OFlags::PATH)?;
        let stat = rustix::fs::fstat(&found)?;
        if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is not a regular file"));
        }
        Ok(self.reopen(found.as_fd(), OFlags::RDONLY)?.into())
    }

    /// Whether it holds nothing.
    pub(crate) fn is_empty(&self) -> io::Result<bool> {
        for entry in rustix::fs::Dir::read_from(&self.fd)? {
            if !matches!(entry?.file_name().to_bytes(), b"." | b"..") {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Opens again, by number, what `fd` holds open as a path only.
    pub(crate) fn reopen(&self, fd: BorrowedFd<'_>, flags: OFlags) -> Result<OwnedFd, Errno> {
        rustix::fs::openat(&self.descriptors, number(fd), flags | OFlags::CLOEXEC, Mode::empty())
    }

    /// Whether modes do not bind this process.
    pub(crate) fn is_privileged(&self) -> bool {
        self.is_privileged
    }

    /// `/proc/self/fd`.
    pub(crate) fn descriptors(&self) -> BorrowedFd<'_> {
        self.descriptors.as_fd()
    }
}

impl AsFd for Root {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

impl std::fmt::Debug for Root {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Root").field(&self.path).finish()
    }
}

/// Which file something is, among all of a machine's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Id {
    pub(crate) device: u64,
    pub(crate) inode: u64,
}

impl From<&Stat> for Id {
    fn from(stat: &Stat) -> Self {
        Self { device: stat.st_dev, inode: stat.st_ino }
    }
}

/// The name of a descriptor in `/proc/self/fd`.
pub(crate) fn number(fd: BorrowedFd<'_>) -> String {
    use std::os::fd::AsRawFd;
    fd.as_raw_fd().to_string()
}

fn descriptors() -> io::Result<OwnedFd> {
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let fd = rustix::fs::open("/proc/self/fd", flags, Mode::empty())?;
    match rustix::fs::fstatfs(&fd)?.f_type == rustix::fs::PROC_SUPER_MAGIC {
        true => Ok(fd),
        false => {
            Err(io::Error::new(io::ErrorKind::Unsupported, "`/proc` is not the proc filesystem"))
        }
    }
}
