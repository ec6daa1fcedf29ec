use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, Write};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::FileExt;
use std::path::Path;

use rustix::fs::{self, AtFlags, CWD, FileType, Mode, OFlags};

use super::{Entry, Files, Kind, share, split};

/// A directory of this machine, held open: renaming it does not lose it.
#[derive(Debug)]
pub(crate) struct Disk {
    root: OwnedFd,
}

const DIRECTORY: OFlags = OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::CLOEXEC);

impl Disk {
    /// The directory at `path`, which may be reached by symbolic links.
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        Ok(Self { root: fs::openat(CWD, path, DIRECTORY, Mode::empty())? })
    }

    /// Opens the directory `path` below the root, through no symbolic link.
    fn directory(&self, path: &str) -> io::Result<OwnedFd> {
        let mut directory = self.root.as_fd().try_clone_to_owned()?;
        for name in path.split('/') {
            directory = open_directory(directory.as_fd(), name)?;
        }
        Ok(directory)
    }

    fn open_regular(&self, path: &str, access: OFlags) -> io::Result<File> {
        // A pipe without a writer must not block us, nor a terminal become ours.
        let flags = access | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY;
        let opened = self.at(path, |parent, name| {
            fs::openat(parent, name, flags | OFlags::CLOEXEC, Mode::empty())
        });
        let file = match opened {
            Ok(file) => File::from(file),
            Err(error) if is_loop(&error) => return Err(irregular(path)),
            Err(error) => return Err(error),
        };
        if !file.metadata()?.is_file() {
            return Err(irregular(path));
        }
        Ok(file)
    }

    /// Calls `operation` with the directory that holds `path`, and its name there.
    fn at<T>(
        &self,
        path: &str,
        operation: impl FnOnce(BorrowedFd<'_>, &str) -> rustix::io::Result<T>,
    ) -> io::Result<T> {
        let (parent, name) = split(path);
        if parent == "." {
            return Ok(operation(self.root.as_fd(), name)?);
        }
        Ok(operation(self.directory(parent)?.as_fd(), name)?)
    }
}

fn open_directory(parent: BorrowedFd<'_>, name: &str) -> io::Result<OwnedFd> {
    let opened = fs::openat(parent, name, DIRECTORY | OFlags::NOFOLLOW, Mode::empty());
    Ok(opened?)
}

impl Files for Disk {
    fn identity(&self) -> io::Result<(u64, u64)> {
        let stat = fs::fstat(&self.root)?;
        Ok((stat.st_dev as u64, stat.st_ino))
    }

    fn open(&self, path: &str) -> io::Result<File> {
        self.open_regular(path, OFlags::RDONLY)
    }

    fn reopen(&self, path: &str) -> io::Result<File> {
        self.open_regular(path, OFlags::RDWR)
    }

    fn list(&self, path: &str) -> io::Result<Vec<Entry>> {
        let directory = self.directory(path)?;
        let mut entries = Vec::new();
        for entry in fs::Dir::read_from(&directory)? {
            let entry = entry?;
            let name = OsStr::from_bytes(entry.file_name().to_bytes());
            if name == "." || name == ".." {
                continue;
            }
            let kind = match entry.file_type() {
                FileType::Unknown => kind_at(directory.as_fd(), name)?,
                known => Some(kind(known)),
            };
            // What vanished meanwhile was not there.
            entries.extend(kind.map(|kind| Entry { name: name.into(), kind }));
        }
        entries.sort();
        Ok(entries)
    }

    fn lock_file(&self, path: &str) -> io::Result<File> {
        let flags = OFlags::RDWR | OFlags::CREATE | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        self.at(path, |parent, name| fs::openat(parent, name, flags, FILE_MODE)).map(File::from)
    }

    fn create(&self, path: &str) -> io::Result<File> {
        let flags = OFlags::RDWR | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC;
        self.at(path, |parent, name| fs::openat(parent, name, flags, FILE_MODE)).map(File::from)
    }

    fn reflink(&self, _path: &str, file: &File, source: &File) -> io::Result<()> {
        Ok(share::reflink(file, source)?)
    }

    fn link(&self, source: &File, path: &str) -> io::Result<()> {
        self.at(path, |parent, name| share::link(source, parent, name))
    }

    fn write(&self, _path: &str, file: &mut File, bytes: &[u8]) -> io::Result<usize> {
        file.write(bytes)
    }

    fn write_at(&self, _path: &str, file: &File, offset: u64, bytes: &[u8]) -> io::Result<usize> {
        FileExt::write_at(file, bytes, offset)
    }

    fn sync(&self, _path: &str, file: &File) -> io::Result<()> {
        file.sync_all()
    }

    fn close(&self, _path: &str, file: File) -> io::Result<()> {
        match nix::unistd::close(file) {
            // It is closed, and what was written is as safe as before.
            Err(nix::errno::Errno::EINTR) => Ok(()),
            closed => Ok(closed?),
        }
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        let (from_parent, from_name) = split(from);
        let from_parent = self.directory(from_parent)?;
        self.at(to, |parent, name| fs::renameat(&from_parent, from_name, parent, name))
    }

    fn remove(&self, path: &str) -> io::Result<()> {
        self.at(path, |parent, name| fs::unlinkat(parent, name, AtFlags::empty()))
    }

    fn create_dir(&self, path: &str) -> io::Result<()> {
        self.at(path, |parent, name| fs::mkdirat(parent, name, DIRECTORY_MODE))
    }

    fn sync_dir(&self, path: &str) -> io::Result<()> {
        sync_directory(self.directory(path)?)
    }
}

/// Makes the names in an open directory durable.
///
/// XFS says so too when it has given up on the disk while it was at it, and what it had not written is
/// lost. It does not speak of the directory any more then.
pub(crate) fn sync_directory(directory: impl AsFd) -> io::Result<()> {
    fs::fsync(&directory)?;
    fs::fstat(&directory)?;
    Ok(())
}

/// As for everything that programs make: the umask says what remains of it.
const FILE_MODE: Mode = Mode::from_raw_mode(0o666);
const DIRECTORY_MODE: Mode = Mode::from_raw_mode(0o777);

fn kind(file_type: FileType) -> Kind {
    match file_type {
        FileType::RegularFile => Kind::File,
        FileType::Directory => Kind::Directory,
        _ => Kind::Other,
    }
}

/// For the filesystems that do not say it in the directory.
fn kind_at(parent: BorrowedFd<'_>, name: &OsStr) -> io::Result<Option<Kind>> {
    match fs::statat(parent, name, AtFlags::SYMLINK_NOFOLLOW) {
        Ok(stat) => Ok(Some(kind(FileType::from_raw_mode(stat.st_mode)))),
        Err(rustix::io::Errno::NOENT) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

fn is_loop(error: &io::Error) -> bool {
    error.raw_os_error() == Some(rustix::io::Errno::LOOP.raw_os_error())
}

fn irregular(path: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("`{path}` is not a regular file"))
}
