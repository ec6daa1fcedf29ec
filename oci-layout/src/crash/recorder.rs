use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard};

use rustix::io::Errno;

use crate::files::{Disk, Entry, Files};

/// An operation that changes the disk, or a promise made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Op {
    CreateDir(String),
    Create(String),
    /// One more name for a file of another layout, with its content, which need not be durable.
    Link(String, Vec<u8>),
    Write(String, Vec<u8>),
    WriteAt(String, u64, Vec<u8>),
    Sync(String),
    Rename(String, String),
    Remove(String),
    SyncDir(String),
    Acknowledge,
}

/// A directory that logs what is done to it.
#[derive(Debug)]
pub(super) struct Recorder {
    disk: Disk,
    operations: Mutex<Vec<Op>>,
    reflinks: AtomicUsize,
}

impl Recorder {
    pub(super) fn new(path: &Path) -> Self {
        let disk = Disk::open(path).unwrap();
        Self { disk, operations: Mutex::default(), reflinks: AtomicUsize::default() }
    }

    pub(super) fn acknowledge(&self) {
        self.log().push(Op::Acknowledge);
    }

    pub(super) fn operations(&self) -> Vec<Op> {
        self.log().clone()
    }

    fn log(&self) -> MutexGuard<'_, Vec<Op>> {
        self.operations.lock().unwrap()
    }

    fn done<T>(&self, outcome: io::Result<T>, operation: Op) -> io::Result<T> {
        if outcome.is_ok() {
            self.log().push(operation);
        }
        outcome
    }
}

impl Files for Recorder {
    fn identity(&self) -> io::Result<(u64, u64)> {
        self.disk.identity()
    }

    fn open(&self, path: &str) -> io::Result<File> {
        self.disk.open(path)
    }

    fn reopen(&self, path: &str) -> io::Result<File> {
        self.disk.reopen(path)
    }

    fn list(&self, path: &str) -> io::Result<Vec<Entry>> {
        self.disk.list(path)
    }

    fn lock_file(&self, path: &str) -> io::Result<File> {
        self.disk.lock_file(path)
    }

    fn create(&self, path: &str) -> io::Result<File> {
        self.done(self.disk.create(path), Op::Create(path.into()))
    }

    /// Every second time, whatever the filesystem can: the other way is to be seen too.
    fn reflink(&self, path: &str, file: &File, source: &File) -> io::Result<()> {
        if self.reflinks.fetch_add(1, Ordering::Relaxed).is_multiple_of(2) {
            return Err(Errno::OPNOTSUPP.into());
        }
        let content = content(source)?;
        file.write_all_at(&content, 0)?;
        self.log().push(Op::Write(path.into(), content));
        Ok(())
    }

    fn link(&self, source: &File, path: &str) -> io::Result<()> {
        self.done(self.disk.link(source, path), Op::Link(path.into(), content(source)?))
    }

    fn write(&self, path: &str, file: &mut File, bytes: &[u8]) -> io::Result<usize> {
        let length = self.disk.write(path, file, bytes)?;
        self.log().push(Op::Write(path.into(), bytes[..length].to_vec()));
        Ok(length)
    }

    fn write_at(&self, path: &str, file: &File, offset: u64, bytes: &[u8]) -> io::Result<usize> {
        let length = self.disk.write_at(path, file, offset, bytes)?;
        self.log().push(Op::WriteAt(path.into(), offset, bytes[..length].to_vec()));
        Ok(length)
    }

    fn sync(&self, path: &str, file: &File) -> io::Result<()> {
        self.done(self.disk.sync(path, file), Op::Sync(path.into()))
    }

    fn close(&self, path: &str, file: File) -> io::Result<()> {
        self.disk.close(path, file)
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        self.done(self.disk.rename(from, to), Op::Rename(from.into(), to.into()))
    }

    fn remove(&self, path: &str) -> io::Result<()> {
        self.done(self.disk.remove(path), Op::Remove(path.into()))
    }

    fn create_dir(&self, path: &str) -> io::Result<()> {
        self.done(self.disk.create_dir(path), Op::CreateDir(path.into()))
    }

    fn sync_dir(&self, path: &str) -> io::Result<()> {
        self.done(self.disk.sync_dir(path), Op::SyncDir(path.into()))
    }
}

fn content(file: &File) -> io::Result<Vec<u8>> {
    let mut content = vec![0; file.metadata()?.len() as usize];
    file.read_exact_at(&mut content, 0)?;
    Ok(content)
}
