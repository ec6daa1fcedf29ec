//! What another process does to a partial after it was opened and before it is locked.

use std::fs;
use std::sync::Arc;

use oci_image::Descriptor;
use oci_image::blob::{BlobSink, BlobSourceExt};

use super::limited::LimitedDisk;
use crate::LayoutOptions;

#[test]
fn a_partial_that_was_committed_meanwhile_is_not_written_to() {
    let directory = super::directory();
    let open = |disk| LayoutOptions::new().create_in(directory.path(), Arc::new(disk)).unwrap();
    let disk = || LimitedDisk::new(directory.path());
    let blob = Descriptor::of("text/plain".into(), "content");
    let layout = open(disk());
    let mut writer = layout.resume(&blob).unwrap().unwrap();
    writer.write_all(b"cont").unwrap();
    writer.keep().unwrap();

    let layout = open(disk().renames_reopened("committed"));
    let mut writer = layout.resume(&blob).unwrap().unwrap();
    assert_eq!(writer.start(), 0);
    writer.write_all(b"content").unwrap();
    writer.commit().unwrap();
    assert_eq!(layout.read(&blob, 7).unwrap(), b"content");
    assert_eq!(fs::read(directory.path().join("committed")).unwrap(), b"cont");
}

#[test]
fn a_partial_that_was_committed_meanwhile_is_not_garbage() {
    let directory = super::directory();
    let open = |disk| LayoutOptions::new().create_in(directory.path(), Arc::new(disk)).unwrap();
    let blob = Descriptor::of("text/plain".into(), "content");
    let layout = open(LimitedDisk::new(directory.path()));
    let mut writer = layout.resume(&blob).unwrap().unwrap();
    writer.write_all(b"cont").unwrap();
    writer.keep().unwrap();

    let disk = LimitedDisk::new(directory.path());
    let layout = open(disk.renames_opened("committed"));
    assert_eq!(layout.garbage().unwrap().partials, Vec::new());
    assert_eq!(fs::read(directory.path().join("committed")).unwrap(), b"cont");
}
