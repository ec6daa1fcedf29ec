//! All file operations of a store.
//!
//! Nothing else in the store touches a file, so a test that records the calls of this trait knows
//! everything that a crash can leave half done. Paths are relative to the store's directory and
//! consist of names that the store chose or took from a parsed digest.

mod disk;
#[cfg(target_os = "linux")]
mod linux;
#[cfg(not(target_os = "linux"))]
mod unix;

use std::fmt;
use std::fs::File;
use std::io::{self, Read};

pub(crate) use disk::{Disk, sync_directory};
#[cfg(target_os = "linux")]
use linux as share;
#[cfg(not(target_os = "linux"))]
use unix as share;

/// Gives an empty file the content of `source` by sharing its blocks, until one of them is written to.
pub(crate) fn reflink(file: &File, source: &File) -> io::Result<()> {
    Ok(share::reflink(file, source)?)
}

/// What the store asks of a directory. One implementation is the disk; the others are in tests.
pub(crate) trait Files: fmt::Debug + Send + Sync {
    /// What identifies the directory, by whatever path it is reached: device and inode.
    fn identity(&self) -> io::Result<(u64, u64)>;

    /// Opens a regular file for reading. Symbolic links and anything else are refused.
    fn open(&self, path: &str) -> io::Result<File>;

    /// Opens a regular file for reading and writing, as [`open`](Self::open) does.
    fn reopen(&self, path: &str) -> io::Result<File>;

    /// The names in a directory and what they are.
    fn list(&self, path: &str) -> io::Result<Vec<Entry>>;

    /// Opens a file to lock it, making an empty one if there is none.
    fn lock_file(&self, path: &str) -> io::Result<File>;

    /// Makes a file that is not there yet.
    fn create(&self, path: &str) -> io::Result<File>;

    /// Gives the empty file that [`create`](Self::create) made at `path` the content of `source`, of this
    /// directory or another, by sharing its blocks until one of them is written to.
    fn reflink(&self, path: &str, file: &File, source: &File) -> io::Result<()>;

    /// Gives an open file, of this directory or another, one more name, which is not there yet.
    fn link(&self, source: &File, path: &str) -> io::Result<()>;

    /// Appends to a file that [`create`](Self::create) made at `path`.
    fn write(&self, path: &str, file: &mut File, bytes: &[u8]) -> io::Result<usize>;

    /// Writes to a file of this directory, from `offset` on, whatever is there.
    fn write_at(&self, path: &str, file: &File, offset: u64, bytes: &[u8]) -> io::Result<usize>;

    /// Makes what was written to the file durable.
    fn sync(&self, path: &str, file: &File) -> io::Result<()>;

    /// Closes the file, and returns errors that were not reported when it was written: network filesystems
    /// may report only now that there is no space.
    fn close(&self, path: &str, file: File) -> io::Result<()>;

    /// Gives the file another name, over whatever has that name.
    fn rename(&self, from: &str, to: &str) -> io::Result<()>;

    /// Removes a file.
    fn remove(&self, path: &str) -> io::Result<()>;

    /// Makes a directory.
    fn create_dir(&self, path: &str) -> io::Result<()>;

    /// Makes the names in a directory durable.
    fn sync_dir(&self, path: &str) -> io::Result<()>;
}

/// A name in a directory.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Entry {
    pub(crate) name: std::ffi::OsString,
    pub(crate) kind: Kind,
}

/// What a name in a directory is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    File,
    Directory,
    Other,
}

/// `None` if there is no such file: between a listing and the next call other processes remove theirs.
pub(crate) fn if_there<T>(outcome: io::Result<T>) -> io::Result<Option<T>> {
    match outcome {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        outcome => outcome.map(Some),
    }
}

/// All of a file of at most `limit` bytes, and one byte more of a larger one, which the reader of JSON then
/// refuses.
pub(crate) fn read_limited(file: File, limit: usize) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    file.take(limit as u64 + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// The directory that holds `path`, and its name there.
pub(crate) fn split(path: &str) -> (&str, &str) {
    path.rsplit_once('/').unwrap_or((".", path))
}
