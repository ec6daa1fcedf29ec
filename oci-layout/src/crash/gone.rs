//! A disk that is gone while it is written to.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Command;

use rustix::io::Errno;

use crate::files::sync_directory;

/// An empty XFS in a file, mounted until this is dropped.
struct Xfs {
    directory: tempfile::TempDir,
}

impl Xfs {
    fn new() -> Self {
        let xfs = Self { directory: super::directory() };
        let image = xfs.directory.path().join("image");
        // mkfs.xfs makes none below 300 MiB. The file has holes.
        File::create(&image).unwrap().set_len(320 << 20).unwrap();
        std::fs::create_dir(xfs.path()).unwrap();
        run("mkfs.xfs", &["-q"], &image);
        run("mount", &["-o", "loop", image.to_str().unwrap()], &xfs.path());
        xfs
    }

    fn path(&self) -> PathBuf {
        self.directory.path().join("mount")
    }
}

impl Drop for Xfs {
    fn drop(&mut self) {
        // A test that fails says why, not this.
        let _ = Command::new("umount").arg("-l").arg(self.path()).status();
    }
}

fn run(program: &str, arguments: &[&str], path: &Path) {
    let status = Command::new(program).args(arguments).arg(path).status().unwrap();
    assert!(status.success(), "{program}: {status}");
}

/// `fsync` of the directory alone says that all is well.
#[test]
fn a_rename_that_xfs_gave_up_on_is_not_said_to_be_durable() {
    oci_testing::needs!(root, loop_devices, "mkfs.xfs", "xfs_io");
    let xfs = Xfs::new();
    let place = |name: &str| xfs.path().join(name);
    let directory = File::open(xfs.path()).unwrap();
    File::create(place("before")).unwrap().sync_all().unwrap();
    sync_directory(&directory).unwrap();
    std::fs::rename(place("before"), place("after")).unwrap();
    run("xfs_io", &["-x", "-c", "shutdown"], &xfs.path());
    let error = sync_directory(&directory).unwrap_err();
    assert_eq!(error.raw_os_error(), Some(Errno::IO.raw_os_error()));
}
