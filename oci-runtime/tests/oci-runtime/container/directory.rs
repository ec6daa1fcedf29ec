//! What a process leaves that is killed while it deletes a container.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use oci_runtime::{Runtime, Stdio};

use super::fixture::Fixture;

/// A directory of a container that was on its way out, and nobody is left to remove.
fn leftover(runtime: &Path) -> PathBuf {
    let dir = runtime.join("gone");
    fs::create_dir(&dir).unwrap();
    for name in ["state.json", "config.json", "lock", "start.sock"] {
        fs::write(dir.join(name), "").unwrap();
    }
    let leaving = runtime.join(format!(".{}", fs::metadata(&dir).unwrap().ino()));
    fs::rename(&dir, &leaving).unwrap();
    leaving
}

#[test]
fn a_list_has_no_leftover_and_leaves_none() {
    let dir = tempfile::tempdir().unwrap();
    let runtime = Runtime::open(dir.path()).unwrap();
    let leftover = leftover(dir.path());
    assert!(runtime.list().unwrap().is_empty());
    assert!(!leftover.exists());
}

#[test]
fn a_leftover_that_another_process_removes_is_left_to_it() {
    let dir = tempfile::tempdir().unwrap();
    let runtime = Runtime::open(dir.path()).unwrap();
    let leftover = leftover(dir.path());
    let lock = fs::File::open(leftover.join("lock")).unwrap();
    lock.lock().unwrap();
    assert!(runtime.list().unwrap().is_empty());
    assert_eq!(fs::read_dir(&leftover).unwrap().count(), 4);
    lock.unlock().unwrap();
    assert!(runtime.list().unwrap().is_empty());
    assert!(!leftover.exists());
}

#[test]
#[ignore = "needs user namespaces and busybox"]
fn creating_and_deleting_leave_no_leftover() {
    let fixture = Fixture::new().shell("true");
    let first = leftover(&fixture.dir.path().join("run"));
    let container = fixture.create(Stdio::null()).unwrap();
    assert!(!first.exists());
    let second = leftover(&fixture.dir.path().join("run"));
    container.force_delete().unwrap();
    assert!(!second.exists());
}
