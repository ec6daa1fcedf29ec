use std::error::Error;
use std::fs;
use std::os::unix::fs::symlink;
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::time::{Duration, Instant};

use oci_image::{Config, json};
use oci_runtime::Spec;
use oci_runtime::spec::User;

fn config(user: &str) -> Config {
    let text = format!(
        r#"{{"architecture":"amd64","os":"linux","config":{{"User":"{user}"}},"rootfs":{{"type":"layers","diff_ids":[]}}}}"#
    );
    json::from_slice(text.as_bytes()).unwrap()
}

fn rootfs() -> tempfile::TempDir {
    let root = tempfile::tempdir().unwrap();
    fs::create_dir(root.path().join("etc")).unwrap();
    root
}

fn user(root: &Path, user: &str) -> Result<User, String> {
    let begin = Instant::now();
    let spec = Spec::from_image(&config(user), root);
    assert!(begin.elapsed() < Duration::from_secs(1), "took {:?}", begin.elapsed());
    let spec = spec.map_err(|error| {
        let source = error.source().map(|source| format!(": {source}")).unwrap_or_default();
        format!("{error}{source}")
    })?;
    Ok(spec.process.unwrap().user.unwrap())
}

#[test]
fn names_are_looked_up_in_the_root() {
    let root = rootfs();
    fs::write(root.path().join("etc/passwd"), "app:x:7:8::/:\n").unwrap();
    fs::write(root.path().join("etc/group"), "more:x:9:app\n").unwrap();
    let found = user(root.path(), "app").unwrap();
    assert_eq!((found.uid, found.gid, found.additional_gids), (Some(7), Some(8), vec![8, 9]));
}

#[test]
fn links_do_not_leave_the_root() {
    let outside = tempfile::tempdir().unwrap();
    fs::write(outside.path().join("passwd"), "app:x:666:666::/:\n").unwrap();
    let absolute = outside.path().join("passwd");
    let dots = Path::new("../../../../../../../../..").join(absolute.strip_prefix("/").unwrap());
    for target in [absolute, dots] {
        let root = rootfs();
        symlink(target, root.path().join("etc/passwd")).unwrap();
        let error = user(root.path(), "app").unwrap_err();
        assert!(error.contains("cannot look up the user"), "{error}");
    }
}

#[test]
fn links_inside_of_the_root_are_followed() {
    let root = rootfs();
    fs::create_dir_all(root.path().join("usr/share")).unwrap();
    fs::write(root.path().join("usr/share/passwd"), "app:x:7:8::/:\n").unwrap();
    symlink("/usr/share/passwd", root.path().join("etc/passwd")).unwrap();
    assert_eq!(user(root.path(), "app").unwrap().uid, Some(7));
}

fn fifo(path: &Path) {
    let kind = rustix::fs::FileType::Fifo;
    rustix::fs::mknodat(rustix::fs::CWD, path, kind, 0o666.into(), 0).unwrap();
}

fn directory(path: &Path) {
    fs::create_dir(path).unwrap();
}

fn link_to_itself(path: &Path) {
    symlink("passwd", path).unwrap();
}

fn socket(path: &Path) {
    drop(UnixListener::bind(path).unwrap());
}

#[test]
fn files_that_are_not_regular_are_refused_at_once() {
    for make in [fifo, directory, link_to_itself, socket] {
        let root = rootfs();
        make(&root.path().join("etc/passwd"));
        for text in ["app", "0", "7:app"] {
            let error = user(root.path(), text).unwrap_err();
            assert!(error.contains("`/etc/passwd` of the container"), "{error}");
        }
        assert_eq!(user(root.path(), "7:8").unwrap().uid, Some(7));
    }
}

#[test]
fn a_link_into_proc_finds_nothing() {
    let root = rootfs();
    symlink("/proc/self/fd/0", root.path().join("etc/passwd")).unwrap();
    assert!(user(root.path(), "app").unwrap_err().contains("cannot look up the user"));
}

#[test]
fn a_file_of_ten_gibibytes_is_refused_at_once() {
    let root = rootfs();
    let file = fs::File::create(root.path().join("etc/group")).unwrap();
    file.set_len(10 << 30).unwrap();
    let error = user(root.path(), "7").unwrap_err();
    assert!(error.ends_with("over the limit of 10485760 bytes"), "{error}");
    file.set_len(10 << 20).unwrap();
    assert_eq!(user(root.path(), "7").unwrap().uid, Some(7));
}

#[test]
fn a_device_is_not_opened() {
    oci_testing::needs!(root);
    let root = rootfs();
    let path = root.path().join("etc/passwd");
    let zero = rustix::fs::makedev(1, 5);
    let kind = rustix::fs::FileType::CharacterDevice;
    rustix::fs::mknodat(rustix::fs::CWD, &path, kind, 0o666.into(), zero).unwrap();
    assert!(user(root.path(), "app").unwrap_err().ends_with("not a regular file"));
}

#[test]
fn a_root_without_users_knows_numbers_only() {
    let root = tempfile::tempdir().unwrap();
    assert_eq!(user(root.path(), "7").unwrap().gid, Some(0));
    assert!(user(root.path(), "root").is_err());
    assert!(user(&root.path().join("missing"), "7").is_err());
}
