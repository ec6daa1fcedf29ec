//! Trees to layers.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use oci_image::blob::Memory;
use oci_image::layer::{Change, Compression, Kind, Limits, Reader, Timestamp};
use oci_rootfs::pack::{Pack, PackErrorKind, PackOptions, Snapshot};
use oci_rootfs::unpack::apply_layer;
use oci_rootfs::{Root, UnpackOptions};
use proptest::prelude::*;

use crate::any_layers::config;
use crate::grow::{grow, plan};
use crate::tree::tree;

/// The changes in the layer that `pack` makes, each as a sign and a path.
fn changes(pack: &Pack<'_>) -> Vec<String> {
    let (blob, _) = pack.write(Vec::new(), &PackOptions::new(Compression::none())).unwrap();
    let mut reader = Reader::detect(&blob[..], Limits::default()).unwrap();
    let mut changes = Vec::new();
    while let Some(change) = reader.next_change().unwrap() {
        let sign = match &change {
            Change::Whiteout(_) => '-',
            Change::Opaque(_) => '!',
            Change::Upsert(entry) if matches!(entry.kind, Kind::Hardlink { .. }) => '=',
            Change::Upsert(_) => '+',
        };
        changes.push(format!("{sign} {}", change.path()));
    }
    changes
}

/// Applies what makes `lower` into `upper` to `lower`.
fn apply_difference(lower: &Path, upper: &Path) {
    let (lower, upper) = (Root::open(lower).unwrap(), Root::open(upper).unwrap());
    let blobs = Memory::new();
    let options = PackOptions::new(Compression::none());
    let layer = Pack::difference(&lower, &upper).store(&blobs, &options).unwrap();
    let options = UnpackOptions::default();
    apply_layer(&blobs, &layer.descriptor, &layer.diff_id, &lower, &options).unwrap();
}

fn sample(root: &Path) {
    fs::create_dir_all(root.join("d/e")).unwrap();
    fs::write(root.join("d/e/f"), "1").unwrap();
    fs::write(root.join("d/g"), "1").unwrap();
    fs::write(root.join("top"), "1").unwrap();
    symlink("d/g", root.join("link")).unwrap();
}

// covers: IMG-LAYER-01, IMG-LAYER-02, IMG-LAYER-07, IMG-CFG-01
#[test]
fn equal_trees_make_equal_layers_and_stay_as_they_are() {
    let [left, right] = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    sample(left.path());
    sample(right.path());
    let before = tree(left.path());
    let pack = |root: &Path| {
        let mut options = PackOptions::default();
        options.latest = Some(Timestamp::EPOCH);
        let root = Root::open(root).unwrap();
        let (blob, layer) = Pack::all(&root).write(Vec::new(), &options).unwrap();
        assert_eq!(layer.descriptor.size, blob.len() as u64);
        layer.descriptor.digest
    };
    assert_eq!(pack(left.path()), pack(right.path()));
    assert_eq!(tree(left.path()), before);
}

// covers: IMG-LAYER-08, IMG-LAYER-14, IMG-LAYER-15
#[test]
fn says_what_was_changed_and_removed_since_a_snapshot() {
    let directory = tempfile::tempdir().unwrap();
    sample(directory.path());
    let root = Root::open(directory.path()).unwrap();
    let snapshot = Snapshot::take(&root).unwrap();
    assert_eq!(changes(&Pack::since(&snapshot, &root)), [""; 0]);
    fs::remove_file(directory.path().join("d/g")).unwrap();
    fs::write(directory.path().join("d/e/f"), "2").unwrap();
    fs::write(directory.path().join("d/new"), "2").unwrap();
    let expected = ["+ /d", "- /d/g", "+ /d/e", "+ /d/e/f", "+ /d/new"];
    assert_eq!(changes(&Pack::since(&snapshot, &root)), expected);
}

#[test]
fn writes_every_name_of_a_file_of_which_one_is_new() {
    let [lower, upper] = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    for root in [lower.path(), upper.path()] {
        fs::create_dir(root.join("d")).unwrap();
        fs::write(root.join("d/a"), "1").unwrap();
        fs::hard_link(root.join("d/a"), root.join("d/b")).unwrap();
        fs::write(root.join("other"), "1").unwrap();
        for path in ["d/a", "d", "other", "."] {
            let file = fs::File::open(root.join(path)).unwrap();
            file.set_modified(std::time::UNIX_EPOCH).unwrap();
        }
    }
    let open = |root: &Path| Root::open(root).unwrap();
    let pack = || changes(&Pack::difference(&open(lower.path()), &open(upper.path())));
    assert_eq!(pack(), [""; 0]);
    fs::hard_link(upper.path().join("d/a"), upper.path().join("d/c")).unwrap();
    assert_eq!(pack(), ["+ /d", "+ /d/a", "= /d/b", "= /d/c"]);
}

#[test]
fn refuses_to_pack_an_incomplete_tree() {
    let directory = tempfile::tempdir().unwrap();
    let root = Root::open(directory.path()).unwrap();
    let layer = oci_testing::tar::Tar::new().hardlink("a", "missing").end();
    oci_rootfs::unpack::apply_stream(&layer[..], &root, &UnpackOptions::default()).unwrap_err();
    let error = Pack::all(&root).write(Vec::new(), &PackOptions::default()).unwrap_err();
    assert_eq!(error.kind(), PackErrorKind::Tree);
}

#[test]
fn applying_a_difference_makes_one_tree_the_other() {
    let runner = |lower: Vec<_>, upper: Vec<_>| {
        let [a, b] = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
        grow(a.path(), &lower);
        grow(b.path(), &upper);
        apply_difference(a.path(), b.path());
        assert_eq!(tree(a.path()), tree(b.path()));
    };
    proptest!(config(200), |(lower in plan(), upper in plan())| {
        runner(lower, upper);
    });
    proptest!(config(100), |(lower in plan(), more in plan())| {
        let upper = lower.iter().chain(&more).cloned().collect();
        runner(lower, upper);
    });
}
