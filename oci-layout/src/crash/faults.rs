//! A disk that fails once.

use std::fs::File;
use std::io::{self, Write};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use oci_image::Descriptor;
use oci_image::blob::{BlobSink, BlobSinkExt};
use oci_image::images::Images;
use rustix::io::Errno;

use super::limited::LimitedDisk;
use super::promise::{Promise, whole};
use super::scenario::{PARTIAL_STEPS, STEPS, Step};
use crate::files::{Disk, Entry, Files};
use crate::{Layout, LayoutOptions};

/// A directory whose operation of one number fails.
#[derive(Debug)]
struct Faulty {
    disk: Disk,
    done: AtomicUsize,
    fails: usize,
    errno: Errno,
    /// Whether what fails was done nevertheless, as if only the answer was lost.
    late: bool,
    /// Whether it was the sync of a directory: what it was to make durable is visible.
    was_sync_dir: AtomicBool,
}

impl Faulty {
    fn was_sync_dir(&self) -> bool {
        self.was_sync_dir.load(Ordering::Relaxed)
    }

    fn attempt<T>(&self, operation: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
        if self.done.fetch_add(1, Ordering::Relaxed) != self.fails {
            return operation();
        }
        if self.late {
            operation()?;
        }
        Err(self.errno.into())
    }
}

impl Files for Faulty {
    fn identity(&self) -> io::Result<(u64, u64)> {
        self.disk.identity()
    }

    fn open(&self, path: &str) -> io::Result<File> {
        self.attempt(|| self.disk.open(path))
    }

    fn reopen(&self, path: &str) -> io::Result<File> {
        self.attempt(|| self.disk.reopen(path))
    }

    fn list(&self, path: &str) -> io::Result<Vec<Entry>> {
        self.attempt(|| self.disk.list(path))
    }

    fn lock_file(&self, path: &str) -> io::Result<File> {
        self.attempt(|| self.disk.lock_file(path))
    }

    fn create(&self, path: &str) -> io::Result<File> {
        self.attempt(|| self.disk.create(path))
    }

    fn reflink(&self, path: &str, file: &File, source: &File) -> io::Result<()> {
        self.attempt(|| self.disk.reflink(path, file, source))
    }

    fn link(&self, source: &File, path: &str) -> io::Result<()> {
        self.attempt(|| self.disk.link(source, path))
    }

    fn write(&self, path: &str, file: &mut File, bytes: &[u8]) -> io::Result<usize> {
        self.attempt(|| self.disk.write(path, file, bytes))
    }

    fn write_at(&self, path: &str, file: &File, offset: u64, bytes: &[u8]) -> io::Result<usize> {
        self.attempt(|| self.disk.write_at(path, file, offset, bytes))
    }

    fn sync(&self, path: &str, file: &File) -> io::Result<()> {
        self.attempt(|| self.disk.sync(path, file))
    }

    fn close(&self, path: &str, file: File) -> io::Result<()> {
        self.attempt(|| self.disk.close(path, file))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        self.attempt(|| self.disk.rename(from, to))
    }

    fn remove(&self, path: &str) -> io::Result<()> {
        self.attempt(|| self.disk.remove(path))
    }

    fn create_dir(&self, path: &str) -> io::Result<()> {
        self.attempt(|| self.disk.create_dir(path))
    }

    fn sync_dir(&self, path: &str) -> io::Result<()> {
        if self.done.load(Ordering::Relaxed) == self.fails {
            self.was_sync_dir.store(true, Ordering::Relaxed);
        }
        self.attempt(|| self.disk.sync_dir(path))
    }
}

/// Runs the scenario over a disk that fails once, up to there. The step that fails is tried again and
/// must then succeed. Says how many steps failed, and whether the fault was met.
fn run(steps: &[Step], path: &Path, fails: usize, (errno, late): (Errno, bool)) -> (usize, bool) {
    let disk = Disk::open(path).unwrap();
    let (done, was_sync_dir) = (AtomicUsize::new(0), AtomicBool::new(false));
    let files = Arc::new(Faulty { disk, done, fails, errno, late, was_sync_dir });
    let mut promise = Promise::default();
    let mut failures = 0;
    for step in steps {
        let before = promise.clone();
        let attempt = |promise: &mut Promise| {
            let layout = LayoutOptions::new().create_in(path, files.clone())?;
            step(&layout, promise)
        };
        if let Err(error) = attempt(&mut promise) {
            failures += 1;
            let unfinished = std::mem::replace(&mut promise, before.clone());
            if before.exists {
                let names = whole_names(path);
                let done = error.kind() == crate::ErrorKind::NotDurable;
                assert!(
                    names == before.names || ((done || late) && names == unfinished.names),
                    "fault {fails} changed the names and said `{error}`"
                );
            }
            if let Err(again) = attempt(&mut promise) {
                // The first attempt had done it and could not say so.
                let unsure = late || files.was_sync_dir();
                let gone = again.kind() == crate::ErrorKind::NotFound;
                assert!(unsure && gone, "fault {fails}: {again}");
                promise = unfinished;
            }
        }
        if files.done.load(Ordering::Relaxed) > fails {
            assert_eq!(whole_names(path), promise.names, "fault {fails}");
            return (failures, true);
        }
    }
    (failures, false)
}

fn whole_names(path: &Path) -> std::collections::BTreeMap<String, oci_image::Digest> {
    let layout = Layout::open(path).unwrap();
    whole(&layout).unwrap();
    let entries = layout.list().unwrap().into_iter();
    entries.map(|entry| (entry.name.unwrap(), entry.descriptor.digest)).collect()
}

#[test]
fn an_operation_that_fails_changes_nothing_and_can_be_tried_again() {
    let faults = [(Errno::IO, false), (Errno::NOSPC, false), (Errno::IO, true)];
    let scenarios = [(STEPS, 200, 150), (PARTIAL_STEPS, 80, 40)];
    for (fault, (steps, operations, least)) in
        faults.into_iter().flat_map(|fault| scenarios.map(|scenario| (fault, scenario)))
    {
        let mut failures = 0;
        for fails in 0.. {
            let directory = super::directory();
            let (failed, met) = run(steps, directory.path(), fails, fault);
            failures += failed;
            if !met {
                assert!(fails > operations, "only {fails} operations");
                break;
            }
        }
        // Only what cleans up may fail unseen.
        assert!(failures > least, "only {failures} failures were reported");
    }
}

#[test]
fn what_is_visible_and_may_not_be_durable_is_said_to_be() {
    let directory = super::directory();
    let blob = Descriptor::empty_json();
    let mut seen = 0;
    for fails in 0.. {
        let path = directory.path().join(fails.to_string());
        Layout::create(&path).unwrap();
        let disk = Disk::open(&path).unwrap();
        let (done, was_sync_dir) = (AtomicUsize::new(0), AtomicBool::new(false));
        let files = Faulty { disk, done, fails, errno: Errno::IO, late: false, was_sync_dir };
        let layout = LayoutOptions::new().open_in(&path, Arc::new(files));
        let put = layout.as_ref().ok().map(|layout| layout.put(&blob, b"{}"));
        let visible = || Layout::open(&path).unwrap().blobs().check(&blob.digest).is_ok();
        if let Some(Err(error)) = put {
            let inner = error.get_ref().and_then(|inner| inner.downcast_ref::<crate::Error>());
            let done = inner.is_some_and(|it| it.kind() == crate::ErrorKind::NotDurable);
            assert_eq!(done, visible(), "fault {fails}: {error}");
            seen += usize::from(done);
        } else if let (Ok(layout), Some(Ok(()))) = (layout, put) {
            let Err(error) = layout.tag("v1", &blob) else { break };
            let named = Layout::open(&path).unwrap().resolve("v1").is_ok();
            assert_eq!(error.kind() == crate::ErrorKind::NotDurable, named, "fault {fails}");
            seen += usize::from(named);
        }
    }
    assert_eq!(seen, 2, "one blob, one index");
}

#[test]
fn what_could_not_be_synced_is_not_kept() {
    let directory = super::directory();
    let mut reported = 0;
    for fails in 0.. {
        let path = directory.path().join(fails.to_string());
        std::fs::create_dir(&path).unwrap();
        let files = LimitedDisk::new(&path).syncs(fails);
        let attempt = LayoutOptions::new().create_in(&path, Arc::new(files));
        let Err(error) = attempt else { break };
        reported += 1;
        assert_eq!(error.kind(), crate::ErrorKind::Io);
        let names = std::fs::read_dir(path.join(crate::lock::WORK)).unwrap();
        let names = names.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        assert_eq!(names.collect::<Vec<_>>(), ["lock"]);
    }
    assert_eq!(reported, 2);
}

#[test]
fn a_blob_that_cannot_be_synced_is_written_anew() {
    let directory = super::directory();
    let (path, blob) = (directory.path(), Descriptor::empty_json());
    let relaxed = LayoutOptions::new().durability(crate::Durability::Relaxed);
    relaxed.create(path).unwrap().put(&blob, b"{}").unwrap();
    let files = LimitedDisk::new(path).syncs(0);
    let layout = LayoutOptions::new().open_in(path, Arc::new(files)).unwrap();
    let mut writer = layout.create(&blob).unwrap().expect("what is not on the disk is not there");
    writer.write_all(b"{}").unwrap();
    writer.commit().unwrap_err();
    assert!(Layout::open(path).unwrap().create(&blob).unwrap().is_none());
}
