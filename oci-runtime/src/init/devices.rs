//! Device nodes and links beneath `/dev`, made on handles of their directory.

use std::os::fd::{AsFd, BorrowedFd};

use rustix::fs::{AtFlags, FileType, Gid, Mode, Uid, chownat, makedev, mknodat, statat, symlinkat};
use rustix::io::Errno;

use super::fault::{Doing, Fault};
use super::mounts;
use super::paths::{self, Kind};
use crate::plan::{Device, DeviceKind};

/// Makes a device node, or shows the host's.
pub(crate) fn device(root: BorrowedFd<'_>, device: &Device) -> Result<(), Fault> {
    plain_dev(root, &device.path)?;
    if device.bind {
        let node = mounts::host_device(&device.path, device.major, device.minor)?;
        let target = paths::make(root, &device.path, Kind::File)?;
        return mounts::attach(node.as_fd(), target.as_fd());
    }
    let (directory, name) = paths::parent(root, &device.path)?;
    let kind = match device.kind {
        DeviceKind::Character => FileType::CharacterDevice,
        DeviceKind::Block => FileType::BlockDevice,
        DeviceKind::Fifo => FileType::Fifo,
    };
    let number = makedev(device.major, device.minor);
    match mknodat(&directory, name, kind, Mode::from_raw_mode(device.mode), number) {
        Ok(()) => {}
        Err(Errno::EXIST) => return same(directory.as_fd(), name, kind, number, &device.path),
        Err(error) => return Err(error.into()),
    }
    let (uid, gid) = (Uid::from_raw(device.uid), Gid::from_raw(device.gid));
    Ok(chownat(&directory, name, Some(uid), Some(gid), AtFlags::SYMLINK_NOFOLLOW)?)
}

/// What stands there already must be the device that is wanted.
fn same(
    directory: BorrowedFd<'_>,
    name: &str,
    kind: FileType,
    number: u64,
    path: &str,
) -> Result<(), Fault> {
    let found = statat(directory, name, AtFlags::SYMLINK_NOFOLLOW)?;
    let is_device = kind != FileType::Fifo;
    if FileType::from_raw_mode(found.st_mode) != kind || (is_device && found.st_rdev != number) {
        return Err(Fault::new(format!("another file is at `{path}` already")));
    }
    Ok(())
}

/// Makes a symbolic link, unless something stands there.
pub(crate) fn link(root: BorrowedFd<'_>, path: &str, target: &str) -> Result<(), Fault> {
    plain_dev(root, path)?;
    let (directory, name) = paths::parent(root, path)?;
    match symlinkat(target, &directory, name) {
        Err(Errno::EXIST) => Ok(()),
        result => Ok(result?),
    }
}

/// Nothing is made beneath a `/dev` that is a link: whoever planted it says where the nodes go.
fn plain_dev(root: BorrowedFd<'_>, path: &str) -> Result<(), Fault> {
    if !path.starts_with("/dev/") {
        return Ok(());
    }
    match statat(root, "dev", AtFlags::SYMLINK_NOFOLLOW) {
        Ok(found) if FileType::from_raw_mode(found.st_mode) != FileType::Directory => {
            Err(Errno::NOTDIR).doing(|| "`/dev` of the root filesystem is not a directory".into())
        }
        Err(error) if error != Errno::NOENT => Err(error.into()),
        _ => Ok(()),
    }
}
