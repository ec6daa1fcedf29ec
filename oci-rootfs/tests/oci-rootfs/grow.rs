//! Trees of any shape.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use proptest::prelude::*;
use rustix::fs::{AtFlags, CWD, FileType, Mode, Timespec, Timestamps, XattrFlags};

/// How a tree is made, in steps. A step for which there is no room does nothing.
pub(crate) type Plan = Vec<Step>;

#[derive(Clone, Debug)]
pub(crate) struct Step {
    path: PathBuf,
    what: What,
    mode: u32,
    mtime: (i64, i64),
    xattr: Option<u8>,
    /// For root alone.
    owner: Option<u32>,
}

#[derive(Clone, Debug)]
enum What {
    File(Vec<u8>),
    Directory,
    Symlink(PathBuf),
    Hardlink(PathBuf),
    Fifo,
    /// For root alone.
    Device(u32),
}

/// Few names, so that two plans meet.
fn path() -> impl Strategy<Value = PathBuf> {
    let name = prop::sample::select(vec!["a", "b", "c", "é", "x y"]);
    prop::collection::vec(name, 1..4).prop_map(|names| names.into_iter().collect())
}

fn step() -> impl Strategy<Value = Step> {
    let what = prop_oneof![
        4 => prop::sample::select(vec!["", "1", "2"]).prop_map(|text| What::File(text.into())),
        4 => Just(What::Directory),
        1 => path().prop_map(What::Symlink),
        2 => path().prop_map(What::Hardlink),
        1 => Just(What::Fifo),
        1 => (1..3u32).prop_map(What::Device),
    ];
    let mode = prop::sample::select(vec![0o700, 0o755, 0o1777, 0o6755]);
    let mtime = prop::sample::select(vec![(1, 0), (2, 5), (-1, 999_999_999)]);
    let xattr = prop::option::weighted(0.2, 0..3u8);
    let owner = prop::option::weighted(0.2, 1..3u32);
    (path(), what, mode, mtime, xattr, owner).prop_map(|(path, what, mode, mtime, xattr, owner)| {
        Step { path, what, mode, mtime, xattr, owner }
    })
}

/// Any way to make a tree.
pub(crate) fn plan() -> impl Strategy<Value = Plan> {
    prop::collection::vec(step(), 0..24)
}

/// Makes the tree in a directory.
pub(crate) fn grow(root: &Path, plan: &[Step]) {
    for step in plan {
        let path = root.join(&step.path);
        if make(root, &path, &step.what).is_ok() {
            set_attributes(&path, step);
        }
    }
    // Making something in a directory has changed its time.
    for step in plan.iter().rev() {
        touch(&root.join(&step.path), step.mtime);
    }
    touch(root, (7, 7));
}

fn make(root: &Path, path: &Path, what: &What) -> std::io::Result<()> {
    fs::create_dir_all(path.parent().unwrap())?;
    match what {
        What::File(content) if !path.exists() => fs::write(path, content),
        What::File(_) => Err(std::io::ErrorKind::AlreadyExists.into()),
        What::Directory => fs::create_dir(path),
        What::Symlink(target) => symlink(target, path),
        What::Hardlink(target) => fs::hard_link(root.join(target), path),
        What::Device(minor) => {
            let device = rustix::fs::makedev(1, *minor);
            let mode = Mode::RUSR | Mode::WUSR;
            Ok(rustix::fs::mknodat(CWD, path, FileType::CharacterDevice, mode, device)?)
        }
        What::Fifo => {
            Ok(rustix::fs::mknodat(CWD, path, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0)?)
        }
    }
}

fn set_attributes(path: &Path, step: &Step) {
    let _ = std::os::unix::fs::lchown(path, step.owner, step.owner);
    if path.is_symlink() {
        return;
    }
    fs::set_permissions(path, fs::Permissions::from_mode(step.mode)).unwrap();
    if let Some(value) = step.xattr {
        // Not all filesystems can.
        let _ = rustix::fs::setxattr(path, "user.test", &[value], XattrFlags::empty());
    }
}

fn touch(path: &Path, (seconds, nanoseconds): (i64, i64)) {
    let time = Timespec { tv_sec: seconds, tv_nsec: nanoseconds };
    let times = Timestamps { last_access: time, last_modification: time };
    // The step may have found no room.
    let _ = rustix::fs::utimensat(CWD, path, &times, AtFlags::SYMLINK_NOFOLLOW);
}
