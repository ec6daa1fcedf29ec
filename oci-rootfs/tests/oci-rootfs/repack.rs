//! A tree that is packed again on top of what was packed of it.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;

use oci_image::layer::{Change, Compression, Limits, Overlay, Reader, Timestamp};
use oci_rootfs::pack::{Pack, PackOptions, Snapshot};
use oci_rootfs::unpack::{Durability, IdRange, OverlayStore, Owners, unpack};
use oci_rootfs::{Root, UnpackOptions};
use rustix::fs::XattrFlags;
use tempfile::TempDir;

use crate::tree::tree;
use crate::unpack::image;

fn options() -> PackOptions {
    PackOptions::new(Compression::none())
}

fn write(pack: &Pack<'_>, options: &PackOptions) -> Vec<u8> {
    pack.write(Vec::new(), options).unwrap().0
}

/// The changes in a layer.
fn lines(layer: &[u8]) -> Vec<String> {
    let mut reader = Reader::detect(layer, Limits::default()).unwrap();
    let mut lines = Vec::new();
    while let Some(change) = reader.next_change().unwrap() {
        lines.push(match change {
            Change::Upsert(entry) => entry.path.to_string(),
            marker => marker.to_string(),
        });
    }
    lines
}

/// A tree whose root has everything that a root can have.
fn sample() -> TempDir {
    let directory = oci_testing::directory();
    let root = directory.path();
    fs::create_dir_all(root.join("d/e")).unwrap();
    fs::write(root.join("d/e/f"), "1").unwrap();
    fs::hard_link(root.join("d/e/f"), root.join("d/same")).unwrap();
    fs::write(root.join("top"), "1").unwrap();
    symlink("d", root.join("link")).unwrap();
    fs::set_permissions(root, fs::Permissions::from_mode(0o1751)).unwrap();
    rustix::fs::setxattr(root, "user.root", b"yes", XattrFlags::empty()).unwrap();
    let root = fs::File::open(root).unwrap();
    root.set_modified(std::time::UNIX_EPOCH + std::time::Duration::new(1_000_000_000, 5)).unwrap();
    directory
}

/// What unpacking a layer alone makes.
fn unpacked(layer: &[u8], options: &UnpackOptions) -> TempDir {
    let directory = oci_testing::directory();
    let (blobs, manifest) = image(&[layer.to_vec()]);
    unpack(&blobs, &manifest, directory.path().join("root"), options).unwrap();
    directory
}

fn root(path: impl AsRef<Path>) -> Root {
    Root::open(path).unwrap()
}

#[test]
fn a_root_is_kept_by_every_way_of_packing() {
    oci_testing::needs!(root);
    let directory = sample();
    std::os::unix::fs::chown(directory.path(), Some(7), Some(8)).unwrap();
    let time = fs::File::open(directory.path()).unwrap();
    time.set_modified(std::time::UNIX_EPOCH + std::time::Duration::new(1_000_000_000, 5)).unwrap();
    let empty = tempfile::tempdir().unwrap();
    let (upper, lower) = (root(directory.path()), [root(empty.path())]);
    for pack in [
        Pack::all(&upper),
        Pack::difference(&lower[0], &upper),
        Pack::overlay(&upper, &[]),
        Pack::overlay(&upper, &lower),
    ] {
        let made = unpacked(&write(&pack, &options()), &UnpackOptions::default());
        assert_eq!(tree(&made.path().join("root")), tree(directory.path()));
    }
    let snapshot = Snapshot::take(&upper).unwrap();
    fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o700)).unwrap();
    assert_eq!(lines(&write(&Pack::since(&snapshot, &upper), &options())), ["/"]);
}

#[test]
fn what_was_not_changed_differs_in_nothing() {
    oci_testing::needs!(root);
    let directory = sample();
    let tree = root(directory.path());
    let layer = write(&Pack::all(&tree), &options());
    let below = unpacked(&layer, &UnpackOptions::default());
    let below = root(below.path().join("root"));
    let nothing = [""; 0];
    assert_eq!(lines(&write(&Pack::difference(&below, &tree), &options())), nothing);
    assert_eq!(lines(&write(&Pack::difference(&tree, &below), &options())), nothing);
    let snapshot = Snapshot::take(&tree).unwrap();
    assert_eq!(lines(&write(&Pack::since(&snapshot, &tree), &options())), nothing);

    // An upper directory to which nothing was written.
    let field = oci_testing::directory();
    let store = OverlayStore::create(field.path().join("store"), Overlay::Trusted).unwrap();
    let (blobs, manifest) = image(&[layer]);
    let store = store.durability(Durability::Relaxed);
    let stack = store.unpack(&blobs, &manifest, &UnpackOptions::default()).unwrap();
    stack.create_upper(&field.path().join("upper")).unwrap();
    let (upper, lower) = (root(field.path().join("upper")), [root(&stack.layers()[0])]);
    assert_eq!(lines(&write(&Pack::overlay(&upper, &lower), &options())), nothing);
    assert_eq!(lines(&write(&Pack::overlay(&upper, &[]), &options())), ["/"]);
}

/// The comparison sees what is written, not what is there.
#[test]
fn what_is_written_alike_differs_in_nothing() {
    oci_testing::needs!(root);
    let range = IdRange { inside: 0, outside: 100_000, size: 65_536 };
    let mapped = Owners::Mapped { users: vec![range], groups: vec![range] };
    for owners in [Owners::Recorded, mapped] {
        let directory = sample();
        if owners != Owners::Recorded {
            for path in tree(directory.path()).into_keys() {
                let path = directory.path().join(path);
                std::os::unix::fs::lchown(path, Some(100_005), Some(100_006)).unwrap();
            }
        }
        let mut packing = options();
        packing.latest = Some(Timestamp::from_seconds(1_500_000_000));
        packing.owners = owners.clone();
        let upper = root(directory.path());
        let layer = write(&Pack::all(&upper), &packing);
        let mut unpacking = UnpackOptions::default();
        unpacking.owners = owners;
        let below = unpacked(&layer, &unpacking);
        let lower = root(below.path().join("root"));
        let difference = Pack::difference(&lower, &upper);
        assert_eq!(lines(&write(&difference, &packing)), [""; 0]);
        // Written later than that, but not the same.
        fs::write(directory.path().join("top"), "2").unwrap();
        assert_eq!(lines(&write(&difference, &packing)), ["/top"]);
        packing.latest = None;
        assert!(lines(&write(&difference, &packing)).len() > 2);
    }
}

/// Without privileges owners are in attributes, of which the trees may have different kinds.
#[test]
fn owners_that_are_recorded_in_another_way_are_the_same() {
    use oci_rootfs::unpack::OwnerXattr;
    use oci_testing::tar::{Tar, header};
    let layer = Tar::new()
        .entry(header(b'5', "d").owner(1, 2).mode(0o700))
        .with(header(b'0', "d/f").owner(3, 4).mode(0o640), "1")
        .end();
    let [one, other] = [OwnerXattr::RootlessContainers, OwnerXattr::OverrideStat].map(|kind| {
        let mut unpacking = UnpackOptions::rootless();
        unpacking.owner_xattr = kind;
        unpacked(&layer, &unpacking)
    });
    let [one, other] =
        [one, other].map(|directory| (root(directory.path().join("root")), directory));
    let mut packing = options();
    packing.owners = Owners::Caller;
    let difference = Pack::difference(&one.0, &other.0);
    assert_eq!(lines(&write(&difference, &packing)), [""; 0]);
}

/// What is written twice within one step of the clock has the same time after both.
#[test]
fn changes_in_the_same_moment_as_the_snapshot_are_seen() {
    for directory in [oci_testing::directory(), tempfile::tempdir().unwrap()] {
        let path = directory.path().join("f");
        let (link, attributes) = (directory.path().join("l"), directory.path().join("a"));
        let tree = root(directory.path());
        fs::write(&attributes, "").unwrap();
        for round in 0..300 {
            fs::write(&path, format!("{round:03}a")).unwrap();
            let _ = fs::remove_file(&link);
            symlink(format!("{round:03}a"), &link).unwrap();
            rustix::fs::setxattr(&attributes, "user.a", b"a", XattrFlags::empty()).unwrap();
            let snapshot = Snapshot::take(&tree).unwrap();
            assert_eq!(lines(&write(&Pack::since(&snapshot, &tree), &options())), [""; 0]);
            fs::write(&path, format!("{round:03}b")).unwrap();
            fs::remove_file(&link).unwrap();
            symlink(format!("{round:03}b"), &link).unwrap();
            rustix::fs::setxattr(&attributes, "user.a", b"b", XattrFlags::empty()).unwrap();
            let mut changed = lines(&write(&Pack::since(&snapshot, &tree), &options()));
            // The directory's own time may show that the link was made anew, or not.
            changed.retain(|path| path != "/");
            assert_eq!(changed, ["/a", "/f", "/l"], "{round}");
        }
    }
}
