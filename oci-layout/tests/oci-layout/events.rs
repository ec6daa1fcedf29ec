//! Events of `tracing`: what the layout reports.

use std::fs::{self, File};
use std::io::Write;
use std::sync::Mutex;

use oci_image::blob::BlobSink;
use oci_image::{Descriptor, Level};
use oci_layout::Layout;
use oci_testing::events::Events;
use rustix::fs::{FlockOperation, flock};

use crate::fixture::{empty, image, put};

#[test]
fn a_wait_for_the_lock_is_reported_before_and_after() {
    let (_directory, layout) = empty();
    let image = image(&layout, "layer");
    let lock = File::open(layout.path().join(".in-flight/lock")).unwrap();
    flock(&lock, FlockOperation::LockExclusive).unwrap();
    let lock = Mutex::new(Some(lock));
    // The lock becomes free only when the wait is reported: otherwise this would wait for ever.
    let events = Events::collect_and("oci_layout", move |line| {
        if line.contains("waiting for a lock") {
            drop(lock.lock().unwrap().take());
        }
    });
    layout.tag("v1", &image).unwrap();
    assert_eq!(
        events.text(),
        "DEBUG message=waiting for a lock operation=LockExclusive\n\
         DEBUG message=lock taken operation=LockExclusive\n"
    );
}

#[test]
fn a_collection_reports_what_it_keeps_and_removes() {
    let (_directory, layout) = empty();
    layout.tag("v1", &image(&layout, "layer")).unwrap();
    let garbage = put(&layout, "garbage");
    let path = layout.path().to_owned();
    drop(layout);
    let layout = Layout::open(path).unwrap();
    let events = Events::collect("oci_layout");
    layout.collect_garbage().unwrap();
    let expected = format!(
        "DEBUG message=blobs checked for garbage garbage=1 kept=3\n\
         TRACE message=garbage removed digest={}\n\
         DEBUG message=garbage collected blobs=1 partials=0 leftovers=0 bytes=7\n",
        garbage.digest
    );
    assert_eq!(events.text(), expected);
}

#[test]
fn a_partial_that_is_resumed_is_reported_with_its_size() {
    let (_directory, layout) = empty();
    let blob = Descriptor::of("text/plain".into(), "hello, world");
    let mut writer = layout.resume(&blob).unwrap().unwrap();
    writer.write_all(b"hello").unwrap();
    writer.keep().unwrap();
    let events = Events::collect("oci_layout");
    assert_eq!(layout.resume(&blob).unwrap().unwrap().start(), 5);
    let expected = format!("DEBUG message=resuming partial blob digest={} bytes=5\n", blob.digest);
    assert_eq!(events.text(), expected);
}

#[test]
fn a_repair_reports_what_it_removed() {
    let (_directory, layout) = empty();
    let blob = put(&layout, "content");
    let path = blob.digest.blob_path();
    fs::write(layout.path().join(&path), "damaged").unwrap();
    let faults = layout.fsck().unwrap();
    let events = Events::collect("oci_layout");
    let repaired = layout.repair(&faults).unwrap();
    assert!(repaired.iter().all(|fault| fault.kind.level() == Level::Error));
    let expected: String =
        repaired.iter().map(|fault| format!("DEBUG message=repaired fault={fault}\n")).collect();
    assert!(!expected.is_empty());
    assert_eq!(events.text(), expected);
}
