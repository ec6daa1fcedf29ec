use std::fs;
use std::os::unix::fs::{FileExt, MetadataExt, PermissionsExt};
use std::path::PathBuf;

use oci_image::blob::{BlobSource, BlobSourceExt};
use oci_image::images::Images;
use oci_image::{Descriptor, Manifest, MediaType};
use oci_layout::{ErrorKind, Garbage, Layout};

use crate::fixture::{directory, empty, image, index_of, put, put_document, read_whole};

/// A layout in the same filesystem as `source`.
fn beside(source: &Layout) -> Layout {
    Layout::create(source.path().with_extension("target")).unwrap()
}

fn path(layout: &Layout, blob: &Descriptor) -> PathBuf {
    layout.path().join("blobs/sha256").join(blob.digest.encoded())
}

fn blobs(layout: &Layout, root: &Descriptor) -> Vec<Descriptor> {
    layout.walk(root).map(|node| node.unwrap().descriptor).collect()
}

/// Whether the filesystem shares blocks between files.
#[cfg(target_os = "linux")]
pub(crate) fn reflinks(layout: &Layout) -> bool {
    let [from, to] = ["from", "to"].map(|name| layout.path().with_extension(name));
    fs::write(&from, "x").unwrap();
    let (from, to) = (fs::File::open(from).unwrap(), fs::File::create(to).unwrap());
    rustix::fs::ioctl_ficlone(to, from).is_ok()
}

fn inode(layout: &Layout, blob: &Descriptor) -> u64 {
    fs::metadata(path(layout, blob)).unwrap().ino()
}

#[test]
fn an_image_is_copied_with_all_that_it_reaches() {
    let (_directory, source) = empty();
    let nested = index_of(&source, vec![image(&source, "a"), image(&source, "b")]);
    let root = index_of(&source, vec![nested, image(&source, "c")]);
    put(&source, "of no image");
    let target = beside(&source);
    for _ in 0..2 {
        target.copy_from(&source, &root).unwrap().tag("v1").unwrap();
        read_whole(&target, &target.resolve("v1").unwrap());
        assert_eq!(target.fsck().unwrap(), []);
    }
    assert_eq!(blobs(&target, &root), blobs(&source, &root));
}

#[test]
#[cfg(target_os = "linux")]
fn files_are_shared_where_the_filesystem_can() {
    let (_directory, source) = empty();
    let (root, target) = (image(&source, "a"), beside(&source));
    target.copy_from(&source, &root).unwrap().tag("v1").unwrap();
    for blob in blobs(&source, &root) {
        let linked = inode(&source, &blob) == inode(&target, &blob);
        assert_eq!(linked, !reflinks(&source), "{blob:?}");
    }
}

/// With reflinks the two are files of their own that share their blocks.
#[test]
#[cfg(target_os = "linux")]
fn on_xfs_a_copy_takes_no_space_and_outlives_damage_to_the_other() {
    oci_testing::needs!(root, loop_devices, "mkfs.xfs");
    use oci_testing::mount::{Mount, run};

    let directory = directory();
    let disk = directory.path().join("disk");
    // mkfs.xfs makes none below 300 MiB. The file has holes.
    fs::File::create(&disk).unwrap().set_len(320 << 20).unwrap();
    run(std::process::Command::new("mkfs.xfs").arg("-q").arg(&disk));
    let mount = Mount::new(&["-o", "loop", disk.to_str().unwrap()]);
    let source = Layout::create(mount.path().join("layout")).unwrap();
    let (root, target) = (image(&source, &"content".repeat(1 << 20)), beside(&source));
    let free = || {
        let system = rustix::fs::statvfs(mount.path()).unwrap();
        system.f_bfree * system.f_frsize
    };
    let before = free();
    target.copy_from(&source, &root).unwrap().tag("v1").unwrap();
    let used = before.saturating_sub(free());
    assert!(used < 1 << 20, "{used} bytes were written");
    for blob in blobs(&source, &root) {
        fs::write(path(&source, &blob), "damaged").unwrap();
    }
    read_whole(&target, &root);
    drop((source, target));
    mount.unmount();
}

#[test]
fn collecting_the_garbage_of_the_source_leaves_the_target_whole() {
    let (_directory, source) = empty();
    let (root, target) = (image(&source, "a"), beside(&source));
    target.copy_from(&source, &root).unwrap().tag("v1").unwrap();
    let at = source.path().to_owned();
    drop(source);
    let source = Layout::open(at).unwrap();
    assert_eq!(source.collect_garbage().unwrap().blobs.len(), 3);
    read_whole(&target, &root);
    assert_eq!(target.fsck().unwrap(), []);
}

#[test]
fn what_is_copied_is_safe_from_the_collector_until_it_has_a_name() {
    let (_directory, source) = empty();
    let (root, target) = (image(&source, "a"), beside(&source));
    let copied = target.copy_from(&source, &root).unwrap();
    let collector = Layout::open(target.path()).unwrap();
    assert_eq!(collector.collect_garbage().unwrap(), Garbage::default());
    copied.tag("v1").unwrap();
    read_whole(&target, &root);
}

#[test]
fn a_damaged_blob_is_not_taken_over() {
    let (_directory, source) = empty();
    let (root, target) = (image(&source, "content"), beside(&source));
    let layer = Descriptor::of(MediaType::LAYER_TAR, "content");
    let file = fs::File::options().write(true).open(path(&source, &layer)).unwrap();
    file.write_all_at(b"C", 0).unwrap();
    let error = target.copy_from(&source, &root).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Invalid);
    assert!(!path(&target, &layer).exists());
    let files = fs::read_dir(target.path().join(".in-flight")).unwrap();
    let files = files.map(|file| file.unwrap().file_name().into_string().unwrap());
    let unfinished: Vec<_> = files.filter(|name| name.contains('.')).collect();
    assert_eq!(unfinished, [""; 0]);

    file.set_len(3).unwrap();
    assert_eq!(target.copy_from(&source, &root).unwrap_err().kind(), ErrorKind::Invalid);
    fs::remove_file(path(&source, &layer)).unwrap();
    assert_eq!(target.copy_from(&source, &root).unwrap_err().kind(), ErrorKind::NotFound);
}

#[test]
fn what_is_damaged_in_the_target_is_replaced() {
    let (_directory, source) = empty();
    let (root, target) = (image(&source, "content"), beside(&source));
    let layer = put(&target, "content");
    fs::write(path(&target, &layer), "CONTENT").unwrap();
    target.copy_from(&source, &root).unwrap().tag("v1").unwrap();
    read_whole(&target, &root);
}

/// Who may write to a file could change what was verified.
#[test]
fn a_file_that_others_may_write_is_not_linked() {
    let (_directory, source) = empty();
    let (blob, target) = (put(&source, "content"), beside(&source));
    fs::set_permissions(path(&source, &blob), fs::Permissions::from_mode(0o666)).unwrap();
    let linked_mode = fs::metadata(path(&target, &put(&target, "new"))).unwrap().mode();
    target.copy_from(&source, &blob).unwrap().add().unwrap();
    if linked_mode & 0o777 != 0o666 {
        assert_ne!(inode(&source, &blob), inode(&target, &blob));
    }
    assert_eq!(fs::metadata(path(&target, &blob)).unwrap().mode(), linked_mode);
}

#[test]
fn a_copy_may_leave_out_what_may_be_elsewhere() {
    let (_directory, source) = empty();
    let target = beside(&source);
    let mut elsewhere = Descriptor::of(MediaType::LAYER_TAR, "elsewhere");
    elsewhere.urls.push("https://example.org/layer".into());
    let mut manifest = Manifest::new(put(&source, "{}"));
    manifest.media_type = Some(MediaType::IMAGE_MANIFEST);
    manifest.layers.push(elsewhere);
    manifest.subject = Some(Descriptor::of(MediaType::IMAGE_MANIFEST, "absent"));
    let root = put_document(&source, manifest);
    target.copy_from(&source, &root).unwrap().tag("v1").unwrap();
    assert_eq!(target.fsck().unwrap(), []);

    let absent = Descriptor::of(MediaType::IMAGE_MANIFEST, "absent");
    let error = target.copy_from(&source, &absent).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
}

#[test]
fn a_layout_on_another_filesystem_is_copied_byte_by_byte() {
    let (here, there) = (directory(), tempfile::tempdir().unwrap());
    let source = Layout::create(here.path().join("layout")).unwrap();
    let target = Layout::create(there.path().join("layout")).unwrap();
    let root = image(&source, "a");
    target.copy_from(&source, &root).unwrap().tag("v1").unwrap();
    read_whole(&target, &root);
    let device = |layout: &Layout| fs::metadata(layout.path()).unwrap().dev();
    if device(&source) != device(&target) {
        assert_eq!(fs::metadata(path(&source, &root)).unwrap().nlink(), 1);
    }
    assert!(source.open(&root).unwrap().is_some());
}
