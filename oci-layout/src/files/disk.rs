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

    /// Opens the directory `path` below the root, through no symbolic link: O_NOFOLLOW holds for the last component
    /// alone, so each is opened in the one before it. A link in the place of `blobs` would lead writers elsewhere.
    fn directory(&self, path: &str) -> io::Result<OwnedFd> {
        let mut directory = self.root.as_fd().try_clone_to_owned()?;
        for name in path.split('/') {
            directory = open_directory(directory.as_fd(), name)?;
        }
        Ok(directory)
    }

    fn open_regular(&self, path: &str, access: OFlags) -> io::Result<File> {
        // O_NONBLOCK: opening a pipe would wait for its other end. O_NOCTTY: a terminal would become the controlling one.
        let flags = access | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY;
        let opened = self.at(path, |parent, name| {
            fs::openat(parent, name, flags | OFlags::CLOEXEC, Mode::empty())
        });
        let file = match opened {
            Ok(file) => File::from(file),
            Err(error) if is_loop(&error) => return Err(irregular(path)),
            Err(error) => return Err(error),
        };
        // By the descriptor: between a stat of the name and its open another file could take the name.
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
            // What was removed meanwhile is left out.
            entries.extend(kind.map(|kind| Entry { name: name.into(), kind }));
        }
        entries.sort();
        Ok(entries)
    }

    fn lock_file(&self, path: &str) -> io::Result<File> {
        // Without O_TRUNC and without O_EXCL: all processes must lock the same file.
        let flags = OFlags::RDWR | OFlags::CREATE | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        self.at(path, |parent, name| fs::openat(parent, name, flags, FILE_MODE)).map(File::from)
    }

    fn create(&self, path: &str) -> io::Result<File> {
        // O_EXCL: a file that exists, or the target of a link, is never written to.
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
        // Linux reports a failed write-back once and may then take the pages for clean (fsync(2)): after an error the
        // content is written to a new file, as a second fsync of this one would succeed and prove nothing.
        file.sync_all()
    }

    fn close(&self, _path: &str, file: File) -> io::Result<()> {
        // Dropping the file would hide the error: NFS and quotas may report only now that there is no space (close(2)).
        match nix::unistd::close(file) {
            // Closed all the same. It is not retried: the number may belong to a file of another thread by now.
            Err(nix::errno::Errno::EINTR) => Ok(()),
            closed => Ok(closed?),
        }
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        // rename(2) replaces atomically: readers and a crash see the old file or the new one, never a part.
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

/// Makes the names in an open directory durable: a rename survives a power cut only after fsync of the directory.
///
/// An XFS that shuts down while it syncs, and loses what it had not written, may still let fsync succeed. The directory
/// cannot be looked at any more then, so fstat fails.
pub(crate) fn sync_directory(directory: impl AsFd) -> io::Result<()> {
    fs::fsync(&directory)?;
    fs::fstat(&directory)?;
    Ok(())
}

/// As for everything that programs make; the umask restricts them.
const FILE_MODE: Mode = Mode::from_raw_mode(0o666);
const DIRECTORY_MODE: Mode = Mode::from_raw_mode(0o777);

fn kind(file_type: FileType) -> Kind {
    match file_type {
        FileType::RegularFile => Kind::File,
        FileType::Directory => Kind::Directory,
        _ => Kind::Other,
    }
}

/// For filesystems whose directories do not record it.
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
