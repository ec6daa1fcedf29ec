//! Layers applied to a tree, next to files that must not change.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use oci_rootfs::unpack::apply_stream;
use oci_rootfs::{Root, UnpackOptions};

use crate::layer::seal;

/// Whatever a layer holds, nothing outside the root changes; an applied layer is complete.
pub fn layer_apply(data: &[u8]) {
    let directory = tempfile::tempdir().unwrap();
    let outside = directory.path().join("outside");
    fs::create_dir(&outside).unwrap();
    fs::write(outside.join("canary"), "alive").unwrap();
    fs::set_permissions(&outside, fs::Permissions::from_mode(0o700)).unwrap();
    let root = Root::create(directory.path().join("root")).unwrap();
    let before = look(directory.path());

    let mut options = UnpackOptions::rootless();
    options.limits.total_bytes = 1 << 20;
    options.limits.archive.entries = 1000;
    let archive = seal(data);
    // Again, now with the files of the first time in the way.
    for _ in 0..2 {
        let is_whole = apply_stream(&archive[..], &root, &options).is_ok();
        assert_eq!(root.incomplete().unwrap().is_none(), is_whole);
        assert_eq!(look(directory.path()), before);
    }
}

/// A path, its mode, and the content of a file.
type Outside = (String, u32, Option<Vec<u8>>);

/// The files outside: names, modes, and contents.
fn look(directory: &Path) -> (usize, Vec<Outside>) {
    let outside = directory.join("outside");
    let mut paths = vec![outside.clone()];
    paths.extend(fs::read_dir(outside).unwrap().map(|entry| entry.unwrap().path()));
    paths.sort();
    let entry = |path: &std::path::PathBuf| {
        let mode = path.symlink_metadata().unwrap().permissions().mode();
        (path.display().to_string(), mode, fs::read(path).ok())
    };
    (fs::read_dir(directory).unwrap().count(), paths.iter().map(entry).collect())
}
