//! Device nodes and links beneath `/dev`, made on descriptors of their directory.

use std::ffi::OsStr;
use std::os::fd::{AsFd, BorrowedFd};

use oci_rootfs::Root;
use rustix::fs::{AtFlags, FileType, Gid, Mode, Uid, chownat, makedev, mknodat, statat, symlinkat};
use rustix::io::Errno;

use super::error::{Context, StepError};
use super::mounts;
use super::paths::{self, Kind};
use crate::plan::{Device, DeviceKind, DeviceOrigin};

/// Makes a device node, mounts the host's, or checks that it is there.
pub(crate) fn device(root: &Root, device: &Device) -> Result<(), StepError> {
    plain_dev(root, &device.path)?;
    match device.origin {
        DeviceOrigin::Made => make(root, device),
        DeviceOrigin::Host => {
            let node = mounts::host_device(&device.path, device.major, device.minor)?;
            let target = paths::make(root, &device.path, Kind::File)?;
            mounts::attach(node.as_fd(), target.as_fd())
        }
        DeviceOrigin::Existing => {
            let found = paths::find(root, &device.path)?.ok_or_else(|| {
                let reason = "nothing is made in a directory of the host";
                StepError::new(format!("nothing is at `{}`, and {reason}", device.path))
            })?;
            same(found.as_fd(), OsStr::new(""), device)
        }
    }
}

fn make(root: &Root, device: &Device) -> Result<(), StepError> {
    let (directory, name) = paths::parent(root, &device.path)?;
    let number = makedev(device.major, device.minor);
    let mode = Mode::from_raw_mode(device.mode);
    // mknodat follows no link at the last component, and makes nothing over what is there.
    match mknodat(&directory, name, file_type(device.kind), mode, number) {
        Ok(()) => {}
        Err(Errno::EXIST) => return same(directory.as_fd(), name, device),
        Err(error) => return Err(error.into()),
    }
    let (uid, gid) = (Uid::from_raw(device.uid), Gid::from_raw(device.gid));
    Ok(chownat(&directory, name, Some(uid), Some(gid), AtFlags::SYMLINK_NOFOLLOW)?)
}

fn file_type(kind: DeviceKind) -> FileType {
    match kind {
        DeviceKind::Character => FileType::CharacterDevice,
        DeviceKind::Block => FileType::BlockDevice,
        DeviceKind::Fifo => FileType::Fifo,
    }
}

/// Checks that what is there already is the device: an image may hold another device of this name.
fn same(directory: BorrowedFd<'_>, name: &OsStr, device: &Device) -> Result<(), StepError> {
    let found = statat(directory, name, AtFlags::SYMLINK_NOFOLLOW | AtFlags::EMPTY_PATH)?;
    let is_kind = FileType::from_raw_mode(found.st_mode) == file_type(device.kind);
    let is_number =
        device.kind == DeviceKind::Fifo || found.st_rdev == makedev(device.major, device.minor);
    if is_kind && is_number {
        return Ok(());
    }
    Err(StepError::new(format!("another file is at `{}` already", device.path)))
}

/// Makes a symbolic link, unless something is there.
pub(crate) fn link(root: &Root, path: &str, target: &str) -> Result<(), StepError> {
    plain_dev(root, path)?;
    let (directory, name) = paths::parent(root, path)?;
    match symlinkat(target, &directory, name) {
        Err(Errno::EXIST) => Ok(()),
        result => Ok(result?),
    }
}

/// Nothing is made beneath a `/dev` that is a link: the image that has it would choose where the nodes go.
fn plain_dev(root: &Root, path: &str) -> Result<(), StepError> {
    if !path.starts_with("/dev/") {
        return Ok(());
    }
    match statat(root, "dev", AtFlags::SYMLINK_NOFOLLOW) {
        Ok(found) if FileType::from_raw_mode(found.st_mode) != FileType::Directory => {
            Err(Errno::NOTDIR).context(|| "`/dev` of the root filesystem is not a directory".into())
        }
        Err(error) if error != Errno::NOENT => Err(error.into()),
        _ => Ok(()),
    }
}
