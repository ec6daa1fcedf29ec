//! Access control lists, of the host and of images.

use oci_rootfs::Root;
use oci_rootfs::pack::{Pack, PackOptions};
use oci_rootfs::unpack::apply_stream;
use rustix::fs::XattrFlags;

use crate::tree::tree;
use crate::unpack::options;
use oci_testing::tar::{Tar, header};

const ACCESS: &str = "system.posix_acl_access";
const DEFAULT: &str = "system.posix_acl_default";

/// A list as the kernel gives it: one more user has all rights.
fn list() -> Vec<u8> {
    let entries: [(u16, u16, u32); 5] = [
        (0x01, 7, u32::MAX),
        (0x02, 7, 1234),
        (0x04, 5, u32::MAX),
        (0x10, 7, u32::MAX),
        (0x20, 0, u32::MAX),
    ];
    let mut list = 2u32.to_le_bytes().to_vec();
    for (tag, rights, id) in entries {
        list.extend(tag.to_le_bytes());
        list.extend(rights.to_le_bytes());
        list.extend(id.to_le_bytes());
    }
    list
}

#[test]
fn files_have_the_lists_of_the_image_and_none_of_the_hosts() {
    oci_testing::needs!(root, access_control_lists);
    let directory = tempfile::tempdir().unwrap();
    rustix::fs::setxattr(directory.path(), DEFAULT, &list(), XattrFlags::empty()).unwrap();
    let layer = Tar::new()
        .file("file", "1")
        .directory("directory")
        .file("unnamed/file", "1")
        .entry(header(b'6', "pipe").mode(0o640))
        .with(header(b'0', "own").mode(0o770).xattr(ACCESS, list()), "1")
        .entry(header(b'5', "own-directory").xattr(DEFAULT, list()))
        .file("own-directory/file", "1")
        .end();
    let root = Root::open(directory.path()).unwrap();
    apply_stream(&layer[..], &root, &options()).unwrap();
    let tree = tree(directory.path());
    let lists = |path: &str| tree[path].xattrs.keys().map(String::as_str).collect::<Vec<_>>();
    for (path, mode) in [
        ("file", 0o644),
        ("directory", 0o755),
        ("unnamed", 0o755),
        ("unnamed/file", 0o644),
        ("pipe", 0o640),
        ("own-directory/file", 0o644),
    ] {
        assert_eq!((lists(path), tree[path].mode), (vec![], mode), "{path}");
    }
    assert_eq!((lists("own"), tree["own"].mode), (vec![ACCESS], 0o770));
    assert_eq!(lists("own-directory"), [DEFAULT]);
    assert_eq!(lists("."), [DEFAULT]);

    let options = PackOptions::new(oci_image::layer::Compression::none());
    let (packed, _) = Pack::all(&root).write(Vec::new(), &options).unwrap();
    let whole = String::from_utf8_lossy(&packed).into_owned();
    assert_eq!(whole.matches(ACCESS).count(), 1);
    // The root has kept its own.
    assert_eq!(whole.matches(DEFAULT).count(), 2);
}
