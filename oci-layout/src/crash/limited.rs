use std::fs::File;
use std::io;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use rustix::io::Errno;

use super::locks::Watch;
use crate::files::{Disk, Entry, Files, split};
use crate::partial::is_partial;

/// A directory of a filesystem that cannot do all that others can, or where others are at work.
#[derive(Debug)]
pub(super) struct LimitedDisk {
    disk: Disk,
    syncs: AtomicUsize,
    reflink: Option<Errno>,
    link: Option<Errno>,
    lock: Option<Errno>,
    renamed: Mutex<Option<String>>,
    opened: Mutex<Option<String>>,
    pub(super) watch: Watch,
}

impl LimitedDisk {
    pub(super) fn new(path: &Path) -> Self {
        let disk = Disk::open(path).unwrap();
        let syncs = AtomicUsize::new(usize::MAX);
        let (renamed, opened) = (Mutex::default(), Mutex::default());
        let watch = Watch::default();
        Self { disk, syncs, reflink: None, link: None, lock: None, renamed, opened, watch }
    }

    /// Files cannot be synced after so many times.
    pub(super) fn syncs(mut self, left: usize) -> Self {
        self.syncs = AtomicUsize::new(left);
        self
    }

    /// What reflinks fail with.
    pub(super) fn reflink(mut self, errno: Errno) -> Self {
        self.reflink = Some(errno);
        self
    }

    /// What hard links fail with.
    pub(super) fn link(mut self, errno: Errno) -> Self {
        self.link = Some(errno);
        self
    }

    /// What opening the file of the lock fails with.
    pub(super) fn lock(mut self, errno: Errno) -> Self {
        self.lock = Some(errno);
        self
    }

    /// Another process renames the first file that is reopened, before anything else is done with it.
    pub(super) fn renames_reopened(self, to: &str) -> Self {
        Self { renamed: Mutex::new(Some(to.into())), ..self }
    }

    /// Another process renames the first partial that is opened for reading, before anything else is done with it.
    pub(super) fn renames_opened(self, to: &str) -> Self {
        Self { opened: Mutex::new(Some(to.into())), ..self }
    }
}

impl Files for LimitedDisk {
    fn identity(&self) -> io::Result<(u64, u64)> {
        self.disk.identity()
    }

    fn open(&self, path: &str) -> io::Result<File> {
        let file = self.disk.open(path)?;
        if is_partial(split(path).1)
            && let Some(name) = self.opened.lock().unwrap().take()
        {
            self.disk.rename(path, &name)?;
        }
        Ok(file)
    }

    fn reopen(&self, path: &str) -> io::Result<File> {
        self.watch.see(&self.disk, "reopen", path);
        let file = self.disk.reopen(path)?;
        if let Some(name) = self.renamed.lock().unwrap().take() {
            self.disk.rename(path, &name)?;
        }
        Ok(file)
    }

    fn list(&self, path: &str) -> io::Result<Vec<Entry>> {
        self.watch.see(&self.disk, "list", path);
        self.disk.list(path)
    }

    fn lock_file(&self, path: &str) -> io::Result<File> {
        match self.lock {
            Some(errno) => Err(errno.into()),
            None => self.disk.lock_file(path),
        }
    }

    fn create(&self, path: &str) -> io::Result<File> {
        self.watch.see(&self.disk, "create", path);
        self.disk.create(path)
    }

    fn reflink(&self, path: &str, file: &File, source: &File) -> io::Result<()> {
        match self.reflink {
            Some(errno) => Err(errno.into()),
            None => self.disk.reflink(path, file, source),
        }
    }

    fn link(&self, source: &File, path: &str) -> io::Result<()> {
        match self.link {
            Some(errno) => Err(errno.into()),
            None => self.disk.link(source, path),
        }
    }

    fn write(&self, path: &str, file: &mut File, bytes: &[u8]) -> io::Result<usize> {
        self.watch.see(&self.disk, "write", path);
        self.disk.write(path, file, bytes)
    }

    fn write_at(&self, path: &str, file: &File, offset: u64, bytes: &[u8]) -> io::Result<usize> {
        self.disk.write_at(path, file, offset, bytes)
    }

    fn sync(&self, path: &str, file: &File) -> io::Result<()> {
        let left = self.syncs.load(Ordering::Relaxed);
        if left == 0 {
            return Err(Errno::IO.into());
        }
        self.syncs.store(left - 1, Ordering::Relaxed);
        self.disk.sync(path, file)
    }

    fn close(&self, path: &str, file: File) -> io::Result<()> {
        self.disk.close(path, file)?;
        self.watch.see_closed(&self.disk, path);
        Ok(())
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        self.watch.see(&self.disk, "rename", to);
        self.disk.rename(from, to)
    }

    fn remove(&self, path: &str) -> io::Result<()> {
        self.watch.see(&self.disk, "remove", path);
        self.disk.remove(path)
    }

    fn create_dir(&self, path: &str) -> io::Result<()> {
        self.disk.create_dir(path)
    }

    fn sync_dir(&self, path: &str) -> io::Result<()> {
        self.disk.sync_dir(path)
    }
}
