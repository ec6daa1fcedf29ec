//! Unpacking and packing on full filesystems.

use std::error::Error;
use std::fs;
use std::io::{self, ErrorKind};

use oci_image::Descriptor;
use oci_image::blob::{BlobSink, BlobWriter, Memory};
use oci_image::layer::{Compression, Overlay};
use oci_rootfs::pack::{Pack, PackErrorKind, PackOptions};
use oci_rootfs::unpack::{OverlayStore, apply_stream, unpack};
use oci_rootfs::{Root, UnpackError, UnpackErrorKind, UnpackOptions};

use crate::tree::tree;
use crate::unpack::image;
use oci_testing::mount::Mount;
use oci_testing::tar::Tar;

/// A store of blobs whose digest is known.
struct Named(Memory);

impl BlobSink for Named {
    fn create(&self, blob: &Descriptor) -> io::Result<Option<Box<dyn BlobWriter + '_>>> {
        self.0.create(blob)
    }
}

/// A store that is full.
struct Full;

impl BlobSink for Full {
    fn create(&self, _blob: &Descriptor) -> io::Result<Option<Box<dyn BlobWriter + '_>>> {
        Err(ErrorKind::StorageFull.into())
    }
}

/// Two layers of which the second needs some 4 MiB and 200 inodes.
fn layers() -> [Vec<u8>; 2] {
    let base = Tar::new().directory("d").file("d/a", "1").file("gone", "1").end();
    let top = Tar::new().file("large", vec![7; 2 << 20]).file(".wh.gone", "").directory("many");
    let top = (0..200).fold(top, |tar, n| tar.file(format!("many/{n}"), vec![n as u8; 9000]));
    [base, top.end()]
}

/// Filesystems that are full before that: of bytes, and of inodes.
fn tight() -> [(&'static str, Mount); 2] {
    [("bytes", Mount::tmpfs(1 << 20, 0)), ("inodes", Mount::tmpfs(0, 50))]
}

#[track_caller]
fn check_full(error: &UnpackError) {
    assert_eq!(error.kind(), UnpackErrorKind::Filesystem);
    assert_eq!(error.io_kind(), Some(ErrorKind::StorageFull));
    check_lines(error);
}

/// Each part of an error is one line.
fn check_lines(error: &dyn Error) {
    let mut next = Some(error);
    while let Some(error) = next {
        assert!(!error.to_string().contains('\n'), "{error}");
        next = error.source();
    }
}

#[test]
fn a_full_disk_leaves_an_incomplete_tree_that_is_unpacked_again_with_room() {
    oci_testing::needs!(root);
    let directory = tempfile::tempdir().unwrap();
    let expected = directory.path().join("root");
    let (blobs, manifest) = image(&layers());
    let options = UnpackOptions::default();
    unpack(&blobs, &manifest, &expected, &options).unwrap();
    let expected = tree(&expected);
    for (what, mount) in tight() {
        let root = mount.path().join("root");
        check_full(&unpack(&blobs, &manifest, &root, &options).unwrap_err());
        let mark = Root::open(&root).unwrap().incomplete().unwrap();
        assert!(mark.unwrap().contains("unpacking"), "{what}");
        // Still no room, even after what was broken off is gone.
        check_full(&unpack(&blobs, &manifest, &root, &options).unwrap_err());
        mount.lift_limits();
        unpack(&blobs, &manifest, &root, &options).unwrap();
        let mut found = tree(&root);
        // Nothing is said of the root.
        found.insert(".".into(), expected["."].clone());
        assert_eq!(found, expected, "{what}");
    }
}

#[test]
fn a_full_disk_leaves_a_tree_that_the_same_layer_is_applied_to_again() {
    oci_testing::needs!(root);
    let [base, top] = layers();
    for (what, mount) in tight() {
        let root = Root::create(mount.path().join("root")).unwrap();
        let options = UnpackOptions::default();
        apply_stream(&base[..], &root, &options).unwrap();
        check_full(&apply_stream(&top[..], &root, &options).unwrap_err());
        assert!(root.incomplete().unwrap().is_some(), "{what}");
        mount.lift_limits();
        apply_stream(&top[..], &root, &options).unwrap();
        assert_eq!(root.incomplete().unwrap(), None);
        let expected = crate::unpack::unpacked(&layers()).unwrap();
        let mut found = tree(root.path());
        let expected = tree(&expected.path().join("root"));
        found.insert(".".into(), expected["."].clone());
        assert_eq!(found, expected, "{what}");
    }
}

#[test]
fn a_full_disk_leaves_no_layer_in_a_store() {
    oci_testing::needs!(root);
    let (blobs, manifest) = image(&layers());
    for (what, mount) in tight() {
        let store = OverlayStore::create(mount.path(), Overlay::Trusted).unwrap();
        let unpack = || store.unpack(&blobs, &manifest, &UnpackOptions::default());
        check_full(&unpack().unwrap_err());
        mount.lift_limits();
        let stack = unpack().unwrap();
        assert_eq!(stack.unpacked().changes, 203, "{what}: the base was there");
        assert_eq!(fs::read_dir(mount.path().join("trusted")).unwrap().count(), 2);
    }
}

#[test]
fn a_full_disk_leaves_no_blob_of_a_tree_that_was_packed() {
    oci_testing::needs!(root);
    let tree = tempfile::tempdir().unwrap();
    fs::write(tree.path().join("file"), vec![7; 8 << 20]).unwrap();
    let root = Root::open(tree.path()).unwrap();
    let mut options = PackOptions::new(Compression::none());

    // No room to wait in, for a sink that wants the digest first.
    let mount = Mount::tmpfs(1 << 20, 0);
    options.temporary = Some(mount.path().to_owned());
    let blobs = Named(Memory::new());
    let error = Pack::all(&root).store(&blobs, &options).unwrap_err();
    assert_eq!(error.kind(), PackErrorKind::Store);
    assert_eq!(error.io_kind(), Some(ErrorKind::StorageFull));
    check_lines(&error);
    assert!(blobs.0.digests().is_empty());
    assert_eq!(fs::read_dir(mount.path()).unwrap().count(), 0);
    // A sink that does not needs none.
    let blobs = Memory::new();
    let layer = Pack::all(&root).store(&blobs, &options).unwrap();
    assert_eq!(blobs.digests(), [layer.descriptor.digest]);

    // No room to stay in.
    options.temporary = None;
    let error = Pack::all(&root).store(&Full, &options).unwrap_err();
    assert_eq!(error.kind(), PackErrorKind::Store);
    assert_eq!(error.io_kind(), Some(ErrorKind::StorageFull));
    check_lines(&error);
}
