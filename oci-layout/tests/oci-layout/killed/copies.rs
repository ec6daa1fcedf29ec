//! Images that are copied from another layout.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use oci_image::images::Images;
use oci_layout::{ErrorKind, Layout};

use super::{Injection, Scenario, layout, sweep, tidy};
use crate::copy::reflinks;
use crate::fixture::{image, index_of, names, read_whole, sound};

const NAMES: [&str; 2] = ["one", "two"];

/// Files of the source get one more name, or are reflinks where the filesystem knows them.
const SHARED: Scenario = Scenario {
    prepare,
    steps: &[|place| copy(place, NAMES[0]), |place| copy(place, NAMES[1])],
    check,
    go_on: |place| {
        go_on(place);
        let source = source(place);
        for (from, to) in files(place) {
            assert_eq!(inode(&from) == inode(&to), !reflinks(&source), "{from:?}");
        }
    },
};

/// Files that are not of the mode of those made here are not linked.
const BY_BYTES: Scenario = Scenario {
    prepare: |place| {
        prepare(place);
        for blob in fs::read_dir(place.join("source/blobs/sha256")).unwrap() {
            fs::set_permissions(blob.unwrap().path(), fs::Permissions::from_mode(0o400)).unwrap();
        }
    },
    go_on: |place| {
        go_on(place);
        assert!(files(place).iter().all(|(from, to)| inode(from) != inode(to)));
    },
    ..SHARED
};

fn source(place: &Path) -> Layout {
    Layout::open(place.join("source")).unwrap()
}

/// A layout with an index of two images, and an image that shares nothing with them.
fn prepare(place: &Path) {
    let source = Layout::create(place.join("source")).unwrap();
    let first = index_of(&source, vec![image(&source, "a"), image(&source, "b")]);
    source.tag(NAMES[0], &first).unwrap();
    source.tag(NAMES[1], &image(&source, "c")).unwrap();
}

fn copy(place: &Path, name: &str) -> std::io::Result<()> {
    let source = Layout::open(place.join("source"))?;
    let target = Layout::create(place.join("layout"))?;
    target.copy_from(&source, &source.resolve(name)?)?.tag(name)?;
    Ok(())
}

fn check(place: &Path, told: usize) {
    let source = source(place);
    assert_eq!(source.fsck().unwrap(), []);
    let target = match Layout::open(place.join("layout")) {
        Err(error) if error.kind() == ErrorKind::NotFound => return assert_eq!(told, 0),
        opened => opened.unwrap(),
    };
    let (meant, mut expected) = (names(&source), names(&source));
    let there = names(&target);
    expected.retain(|name, _| NAMES.iter().take(there.len()).any(|it| it == name));
    assert_eq!(there, expected);
    assert!((told..=told + 1).contains(&there.len()), "{} there", there.len());
    sound(&target);
    for digest in meant.values().filter(|digest| there.values().any(|it| it == *digest)) {
        read_whole(&target, &target.resolve(digest.as_str()).unwrap());
    }
}

fn go_on(place: &Path) {
    NAMES.iter().try_for_each(|name| copy(place, name)).unwrap();
    check(place, NAMES.len());
    tidy(layout(place));
    tidy(source(place));
    check(place, NAMES.len());
    assert_eq!(files(place).len(), 1 + 3 * 3);
}

/// Each blob of the target with that of the source.
fn files(place: &Path) -> Vec<(PathBuf, PathBuf)> {
    let targets = fs::read_dir(place.join("layout/blobs/sha256")).unwrap();
    let targets = targets.map(|blob| blob.unwrap().path());
    let from = |to: &PathBuf| place.join("source/blobs/sha256").join(to.file_name().unwrap());
    targets.map(|to| (from(&to), to)).collect()
}

fn inode(path: &Path) -> u64 {
    fs::metadata(path).unwrap().ino()
}

#[test]
fn a_copy_that_shares_files_is_whole_wherever_it_is_killed() {
    oci_testing::needs!("strace");
    let this = a_copy_that_shares_files_is_whole_wherever_it_is_killed;
    sweep(this, &SHARED, Injection::Kill);
}

#[test]
fn a_copy_that_shares_files_is_whole_whichever_call_fails() {
    oci_testing::needs!("strace");
    let this = a_copy_that_shares_files_is_whole_whichever_call_fails;
    sweep(this, &SHARED, Injection::Fail);
}

#[test]
fn a_copy_by_bytes_is_whole_wherever_it_is_killed() {
    oci_testing::needs!("strace");
    sweep(a_copy_by_bytes_is_whole_wherever_it_is_killed, &BY_BYTES, Injection::Kill);
}
