//! Filesystems of our own.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use tempfile::TempDir;

use crate::directory;

/// A mounted filesystem, unmounted when it is dropped.
pub struct Mount {
    directory: TempDir,
}

impl Mount {
    /// `mount` with these arguments before the directory.
    pub fn new(arguments: &[&str]) -> Self {
        let directory = directory();
        run(Command::new("mount").args(arguments).arg(directory.path()));
        Self { directory }
    }

    /// An empty tmpfs of a size in bytes and a number of inodes; 0 is no limit.
    pub fn tmpfs(size: usize, inodes: usize) -> Self {
        let limits = format!("size={size},nr_inodes={inodes}");
        Self::new(&["-t", "tmpfs", "-o", &limits, "tmpfs"])
    }

    /// Unmounts it for sure.
    pub fn unmount(self) {
        let mut umount = Command::new("umount");
        umount.arg(self.path()).stderr(Stdio::null());
        // A process that another test starts may hold it until it runs its program.
        for _ in 0..1000 {
            if umount.status().unwrap().success() {
                return;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        panic!("cannot unmount `{}`", self.path().display());
    }

    /// Where it is mounted.
    pub fn path(&self) -> &Path {
        self.directory.path()
    }

    /// Where a layout may be.
    pub fn layout(&self) -> PathBuf {
        self.path().join("layout")
    }

    /// Takes the limits of a tmpfs away.
    pub fn lift_limits(&self) {
        let limits = "remount,size=0,nr_inodes=0";
        run(Command::new("mount").args(["-o", limits]).arg(self.path()));
    }
}

impl Drop for Mount {
    fn drop(&mut self) {
        // It may be unmounted already.
        let _ = Command::new("umount").arg("-ql").arg(self.path()).status();
    }
}

/// Runs a program that must succeed.
pub fn run(command: &mut Command) -> Vec<u8> {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {}\n{error}", output.status);
    output.stdout
}
