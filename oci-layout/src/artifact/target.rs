use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::hash::{BuildHasher, RandomState};
use std::io::{self, Seek, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use oci_image::layer::EntryPath;
use rustix::fs::{self, AtFlags, CWD, Mode, OFlags};
use rustix::io::Errno;

use crate::files::reflink;

const DIRECTORY: OFlags =
    OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);
/// As for everything that programs make; the umask restricts them.
const FILE_MODE: Mode = Mode::from_raw_mode(0o666);
const DIRECTORY_MODE: Mode = Mode::from_raw_mode(0o777);

/// A directory that files are written to, held open.
#[derive(Debug)]
pub(super) struct Target(OwnedFd);

impl Target {
    /// The directory at `path`, which may be reached by symbolic links; made if it is not there.
    pub(super) fn create(path: &Path) -> io::Result<Self> {
        match fs::mkdirat(CWD, path, DIRECTORY_MODE) {
            Ok(()) | Err(Errno::EXIST) => {}
            Err(error) => return Err(error.into()),
        }
        let flags = DIRECTORY.difference(OFlags::NOFOLLOW);
        Ok(Self(fs::openat(CWD, path, flags, Mode::empty())?))
    }

    /// Begins the file at `path`, in a file of another name beside it.
    pub(super) fn begin(&self, path: &EntryPath) -> io::Result<Unfinished> {
        let (parent, name) = path.split().ok_or(io::ErrorKind::IsADirectory)?;
        let directory = self.directory(parent)?;
        loop {
            let own = format!(".{:016x}.part", RandomState::new().hash_one(std::process::id()));
            // O_EXCL: it follows no link either, whoever may have made one of that name.
            let flags = OFlags::RDWR | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC;
            match fs::openat(&directory, &*own, flags, FILE_MODE) {
                Err(Errno::EXIST) => {}
                opened => {
                    let file = File::from(opened?);
                    let name = OsStr::from_bytes(name).to_owned();
                    return Ok(Unfinished { file, directory, own, name, is_kept: false });
                }
            }
        }
    }

    /// Begins the file at `path` with the content of `source`: shared with it where the filesystem can, else copied.
    pub(super) fn copy(&self, path: &EntryPath, source: &File) -> io::Result<Unfinished> {
        let mut unfinished = self.begin(path)?;
        // However it fails, copying is possible or tells why not. The standard library copies by copy_file_range(2).
        if reflink(&unfinished.file, source).is_err() {
            let mut source = source.try_clone()?;
            source.rewind()?;
            io::copy(&mut source, &mut unfinished.file)?;
        }
        Ok(unfinished)
    }

    /// Opens the directory `path`, through no symbolic link, and makes what is not there: O_NOFOLLOW holds for the last
    /// component alone, so each is opened in the one before it.
    fn directory(&self, path: &[u8]) -> io::Result<OwnedFd> {
        let mut directory = self.0.as_fd().try_clone_to_owned()?;
        for name in path.split(|byte| *byte == b'/').filter(|name| !name.is_empty()) {
            let name = OsStr::from_bytes(name);
            match fs::mkdirat(&directory, name, DIRECTORY_MODE) {
                Ok(()) | Err(Errno::EXIST) => {}
                Err(error) => return Err(error.into()),
            }
            directory = fs::openat(&directory, name, DIRECTORY, Mode::empty())?;
        }
        Ok(directory)
    }
}

/// A file that gets its name when it is whole. Dropped before [`keep`](Self::keep) it is removed.
#[derive(Debug)]
pub(super) struct Unfinished {
    file: File,
    directory: OwnedFd,
    own: String,
    name: OsString,
    is_kept: bool,
}

impl Unfinished {
    pub(super) fn file(&self) -> &File {
        &self.file
    }

    /// Gives it its name, in the place of a file or symbolic link that has it.
    pub(super) fn keep(mut self) -> io::Result<()> {
        // Before the rename: after a power cut the name would otherwise have an empty file.
        self.file.sync_all()?;
        // rename(2) replaces a link, and does not follow it.
        fs::renameat(&self.directory, &*self.own, &self.directory, &*self.name)?;
        self.is_kept = true;
        Ok(())
    }
}

impl Write for Unfinished {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        if !self.is_kept {
            // What cannot be removed is visibly unfinished by its name.
            let _ = fs::unlinkat(&self.directory, &*self.own, AtFlags::empty());
        }
    }
}
