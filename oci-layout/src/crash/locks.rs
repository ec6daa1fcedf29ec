//! Which locks are held when something is done. That others wait for them shows only at times.

use std::collections::BTreeSet;
use std::fs;
use std::sync::{Arc, Mutex};

use oci_image::Descriptor;
use oci_image::blob::{BlobSink, BlobSinkExt};
use rustix::io::Errno;

use super::limited::LimitedDisk;
use crate::files::{Disk, Files, split};
use crate::lock::{WORK, try_lock};
use crate::partial::is_partial;
use crate::{Garbage, LayoutOptions};

/// Sees what is done that needs a lock, and whether that was free.
#[derive(Debug, Default)]
pub(super) struct Watch {
    seen: Mutex<BTreeSet<String>>,
    unlocked: Mutex<BTreeSet<String>>,
}

impl Watch {
    /// What needs the lock of the layout.
    pub(super) fn see(&self, disk: &Disk, operation: &str, path: &str) {
        let what = match split(path) {
            (_, name) if is_partial(name) => "a partial",
            (WORK, name) if !name.contains('.') => "a session",
            (directory, _) if directory.starts_with("blobs/") => "a blob",
            ("blobs", _) => "blobs",
            (".", name) => name,
            _ => return,
        };
        let needs_lock = match operation {
            // A blob gets its name whenever it is whole.
            "rename" => what != "a blob",
            // A session, and its partial, by whoever has it.
            "remove" => what == "a blob",
            "list" => what == "blobs",
            _ => true,
        };
        if needs_lock {
            self.note(disk, format!("{operation} {what}"), &format!("{WORK}/lock"));
        }
    }

    /// A partial stays locked when it is closed, until it has its name.
    pub(super) fn see_closed(&self, disk: &Disk, path: &str) {
        if is_partial(split(path).1) {
            self.note(disk, "close a partial".into(), path);
        }
    }

    fn note(&self, disk: &Disk, what: String, lock: &str) {
        let is_free = disk.open(lock).and_then(|file| try_lock(&file)).unwrap_or(true);
        if is_free {
            self.unlocked.lock().unwrap().insert(what.clone());
        }
        self.seen.lock().unwrap().insert(what);
    }
}

#[test]
fn whatever_the_collector_or_another_writer_could_disturb_is_done_under_a_lock() {
    let directory = super::directory();
    let disk = Arc::new(LimitedDisk::new(directory.path()));
    let open = || LayoutOptions::new().create_in(directory.path(), disk.clone()).unwrap();
    let seen = || std::mem::take(&mut *disk.watch.seen.lock().unwrap());
    let layout = open();
    let blob = Descriptor::of("text/plain".into(), "content");
    for part in [&b"cont"[..], b"ent"] {
        let mut writer = layout.resume(&blob).unwrap().unwrap();
        writer.write_all(part).unwrap();
        match writer.start() {
            0 => writer.keep().unwrap(),
            _ => writer.commit().unwrap(),
        }
    }
    layout.tag("name", &blob).unwrap();
    layout.untag("name").unwrap();
    let written = [
        "close a partial",
        "create a partial",
        "create a session",
        "rename index.json",
        "rename oci-layout",
        "reopen a partial",
        "write a session",
    ];
    assert_eq!(seen(), written.map(String::from).into());

    // What is removed is what no handle has written.
    drop(layout);
    let layout = open();
    fs::write(directory.path().join(blob.digest.blob_path()), "damaged").unwrap();
    let faults = layout.fsck().unwrap();
    assert_eq!(seen(), ["list blobs".to_owned()].into());
    assert_eq!(layout.repair(&faults).unwrap().len(), 1, "{faults:?}");
    assert_eq!(seen(), ["remove a blob".to_owned()].into());
    layout.put(&blob, b"content").unwrap();
    drop(layout);
    seen();
    open().collect_garbage().unwrap();
    assert_eq!(seen(), ["list blobs", "remove a blob"].map(String::from).into());
    assert_eq!(*disk.watch.unlocked.lock().unwrap(), BTreeSet::new());
}

#[test]
fn read_only_callers_that_may_not_lock_read_all_the_same() {
    let directory = super::directory();
    drop(LayoutOptions::new().create(directory.path()).unwrap());
    for errno in [Errno::ACCESS, Errno::ROFS] {
        let disk = LimitedDisk::new(directory.path()).lock(errno);
        let layout = LayoutOptions::new().create_in(directory.path(), Arc::new(disk)).unwrap();
        assert_eq!(layout.fsck().unwrap(), Vec::new());
        assert_eq!(layout.garbage().unwrap(), Garbage::default());
        layout.collect_garbage().unwrap_err();
    }
}
