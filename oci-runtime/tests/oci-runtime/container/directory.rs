//! The directory of containers: what cannot be read in it, and what a killed process left there.

use std::ffi::OsStr;
use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use oci_runtime::{Bundle, ErrorKind, Runtime, Spec, Stdio};

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
fn a_directory_that_other_users_may_write_to_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let open_with = |mode| {
        fs::set_permissions(dir.path(), Permissions::from_mode(mode)).unwrap();
        Runtime::open(dir.path()).map(drop)
    };
    for mode in [0o700, 0o750, 0o755] {
        open_with(mode).unwrap_or_else(|error| panic!("{mode:o}: {error}"));
    }
    for mode in [0o777, 0o1777, 0o770, 0o720, 0o702] {
        assert!(open_with(mode).is_err(), "{mode:o}");
    }
}

#[test]
fn a_directory_of_another_user_is_refused() {
    oci_testing::needs!(root);
    let dir = tempfile::tempdir().unwrap();
    Runtime::open(dir.path()).unwrap();
    std::os::unix::fs::chown(dir.path(), Some(65_534), None).unwrap();
    Runtime::open(dir.path()).unwrap_err();
}

#[test]
fn a_state_that_cannot_be_read_hides_no_other_container() {
    let dir = tempfile::tempdir().unwrap();
    let runtime = Runtime::open(dir.path()).unwrap();
    for (id, state) in [("broken", "{"), ("empty", "")] {
        fs::create_dir(dir.path().join(id)).unwrap();
        fs::write(dir.path().join(id).join("state.json"), state).unwrap();
    }
    fs::create_dir(dir.path().join("just-begun")).unwrap();
    let containers = runtime.list().unwrap();
    let ids: Vec<&str> = containers.iter().map(|container| container.id().as_str()).collect();
    assert_eq!(ids, ["broken", "empty", "just-begun"]);
    for container in containers.iter().take(2) {
        let error = container.state().unwrap_err();
        let expected = format!("cannot read the state of container `{}`", container.id());
        assert_eq!((error.kind(), error.to_string()), (ErrorKind::System, expected));
        // What it was is not known: it may run.
        assert_eq!(container.force_delete().unwrap_err().kind(), ErrorKind::System);
    }
}

/// The state of a container, and what hooks are told of it, is JSON.
#[test]
fn a_bundle_whose_path_is_not_utf_8_is_refused() {
    use std::os::unix::ffi::OsStrExt;
    let dir = tempfile::tempdir().unwrap();
    let runtime = Runtime::open(dir.path().join("run")).unwrap();
    let bundle = Bundle::new(dir.path().join(OsStr::from_bytes(b"b\xff")), Spec::linux_default());
    let error = runtime.create("one", &bundle, Stdio::null()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Bundle);
    assert!(error.to_string().ends_with("` is not UTF-8"), "{error}");
    assert!(runtime.list().unwrap().is_empty());
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
fn creating_and_deleting_leave_no_leftover() {
    oci_testing::needs!(user_namespaces, busybox);
    let fixture = Fixture::new().shell("true");
    let first = leftover(&fixture.dir.path().join("run"));
    let container = fixture.create(Stdio::null()).unwrap();
    assert!(!first.exists());
    let second = leftover(&fixture.dir.path().join("run"));
    container.force_delete().unwrap();
    assert!(!second.exists());
}
