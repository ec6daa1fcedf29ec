use std::fs::File;
use std::io;
use std::path::Path;
use std::sync::{Mutex, MutexGuard};

use crate::files::{Disk, Entry, Files};

/// An operation that changes the disk, or a promise made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Op {
    CreateDir(String),
    Create(String),
    Write(String, Vec<u8>),
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
}

impl Recorder {
    pub(super) fn new(path: &Path) -> Self {
        Self { disk: Disk::open(path).unwrap(), operations: Mutex::default() }
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
    fn open(&self, path: &str) -> io::Result<File> {
        self.disk.open(path)
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

    fn write(&self, path: &str, file: &mut File, bytes: &[u8]) -> io::Result<usize> {
        let length = self.disk.write(path, file, bytes)?;
        self.log().push(Op::Write(path.into(), bytes[..length].to_vec()));
        Ok(length)
    }

    fn sync(&self, path: &str, file: &File) -> io::Result<()> {
        self.done(self.disk.sync(path, file), Op::Sync(path.into()))
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
