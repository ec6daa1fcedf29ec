//! Mounts: made detached, given their attributes, and only then attached to a descriptor of their target.
//!
//! mount(2) takes paths, and a process that exchanges a component of the path for a symbolic link between two calls
//! leads the mount out of the container (CVE-2021-30465). Here the target is opened once, inside the root, and stays
//! the same however it is renamed; and no moment exists in which a mount is there without its `nosuid` or `ro`.

use std::borrow::Cow;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;

use oci_rootfs::Root;
use rustix::fs::{AtFlags, CWD, FileType, Mode, OFlags, fstat, open, statat};
use rustix::io::Errno;
use rustix::mount::{
    MountPropagationFlags, MoveMountFlags, OpenTreeFlags, UnmountFlags, mount_change, move_mount,
    unmount,
};
use rustix::process::{chdir, fchdir, pivot_root};

use super::error::{Context, StepError};
use super::paths::{self, Kind};
use super::{Init, copy_up, filesystem};
use crate::plan::{Attribute, Change, Mount, OpenTree, Propagation, PropagationKind, Source};
use crate::sys::mount::{Attributes, Scope, set_attributes};

/// Opens a file or directory of the host as a detached mount.
pub(crate) fn open_tree(tree: &OpenTree) -> Result<OwnedFd, StepError> {
    let source = tree.source.as_os_str().as_encoded_bytes();
    let opened = clone_tree(CWD, source, Scope::recursive(tree.recursive))?;
    // While it is detached: as a peer of the host's mount, a mount made beneath it would appear on the host.
    if let Some(propagation) = tree.propagation {
        propagate(opened.as_fd(), propagation)?;
    }
    if let Some(idmap) = &tree.idmap {
        super::namespaces::idmap(opened.as_fd(), idmap)?;
    }
    Ok(opened)
}

/// A copy of the mount that the path leads to, attached nowhere.
fn clone_tree(directory: BorrowedFd<'_>, path: &[u8], scope: Scope) -> Result<OwnedFd, Errno> {
    let mut flags = OpenTreeFlags::OPEN_TREE_CLONE | OpenTreeFlags::OPEN_TREE_CLOEXEC;
    flags |= if path.is_empty() { OpenTreeFlags::AT_EMPTY_PATH } else { OpenTreeFlags::empty() };
    flags |= match scope {
        Scope::Subtree => OpenTreeFlags::AT_RECURSIVE,
        Scope::Mount => OpenTreeFlags::empty(),
    };
    rustix::mount::open_tree(directory, path, flags)
}

/// A copy of the mount that a descriptor names, attached nowhere.
pub(crate) fn clone_mount(handle: BorrowedFd<'_>, scope: Scope) -> Result<OwnedFd, Errno> {
    clone_tree(handle, b"", scope)
}

/// Attaches the root filesystem where it lies: pivot_root(2) takes only a root that is a mount point.
///
/// In a user namespace a directory above may be closed to this user; then it is attached over `/`, which does as well,
/// as it is reached by descriptor.
pub(crate) fn attach_root(tree: OwnedFd, path: &Path) -> Result<OwnedFd, StepError> {
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let target = match open(path, flags, Mode::empty()) {
        Err(Errno::ACCESS) => open("/", flags, Mode::empty())?,
        target => target?,
    };
    attach(tree.as_fd(), target.as_fd())?;
    Ok(tree)
}

/// Mounts one entry.
pub(crate) fn mount(init: &mut Init, mount: &Mount) -> Result<(), StepError> {
    match &mount.source {
        Source::Remount { superblock, options } => {
            let target = paths::find(init.root()?, &mount.target)?.ok_or(Errno::NOENT)?;
            // Two things share one word: options of the filesystem, and attributes of this mount of it.
            if *superblock {
                filesystem::reconfigure(target.as_fd(), options)?;
                filesystem::enable_iversion(target.as_fd(), options)?;
            }
            set_attributes_and_propagation(target.as_fd(), mount)
        }
        Source::Tree { id, .. } => {
            let tree = init.tree(*id)?;
            set_attributes_and_propagation(tree.as_fd(), mount)?;
            let kind = kind_of(tree.as_fd())?;
            let target = paths::make(init.root()?, &mount.target, kind)?;
            attach(tree.as_fd(), target.as_fd())
        }
        Source::Copy { options } => {
            let options = &with_mode(init.root()?, mount, "tmpfs", options)?;
            let tree = filesystem::create("tmpfs", Some("tmpfs"), options)?;
            let target = paths::make(init.root()?, &mount.target, Kind::Directory)?;
            // Before its attributes, of which `ro` would not let it.
            copy_up::copy_up(target.as_fd(), tree.as_fd())?;
            set_attributes_and_propagation(tree.as_fd(), mount)?;
            attach(tree.as_fd(), target.as_fd())
        }
        Source::Filesystem { kind, source, options, .. } if filesystem::has_long(options) => {
            let target = paths::make(init.root()?, &mount.target, Kind::Directory)?;
            filesystem::mount(target.as_fd(), kind, source.as_deref(), options)?;
            let mounted = paths::find(init.root()?, &mount.target)?.ok_or(Errno::NOENT)?;
            set_attributes_and_propagation(mounted.as_fd(), mount)
        }
        Source::Filesystem { kind, source, options, plain_target } => {
            let options = &with_mode(init.root()?, mount, kind, options)?;
            let tree = filesystem::create(kind, source.as_deref(), options)?;
            set_attributes_and_propagation(tree.as_fd(), mount)?;
            let root = init.root()?;
            let mut target = paths::make(root, &mount.target, Kind::Directory)?;
            if *plain_target {
                // What /proc and /sys show is relied on: a symbolic link on the way would leave the mask and the
                // read-only paths on another directory (CVE-2019-19921, CVE-2023-27561).
                target = paths::find_plain(root, &mount.target).context(|| {
                    format!("open `{}` as a directory without symbolic links", mount.target)
                })?;
            }
            attach(tree.as_fd(), target.as_fd())?;
            if filesystem::enable_iversion(tree.as_fd(), options)? {
                return set_attributes_and_propagation(tree.as_fd(), mount);
            }
            Ok(())
        }
    }
}

/// The options, for a filesystem in memory with the mode of the directory that it covers, unless they have one.
fn with_mode<'a>(
    root: &Root,
    mount: &Mount,
    kind: &str,
    options: &'a [String],
) -> Result<Cow<'a, [String]>, StepError> {
    if kind != "tmpfs" || options.iter().any(|option| option.starts_with("mode=")) {
        return Ok(Cow::Borrowed(options));
    }
    let Some(covered) = paths::find(root, &mount.target)? else {
        return Ok(Cow::Borrowed(options));
    };
    let mode = format!("mode={:o}", fstat(&covered)?.st_mode & 0o7777);
    Ok(Cow::Owned(options.iter().cloned().chain([mode]).collect()))
}

/// Gives a mount its attributes and its propagation.
///
/// First the mount alone, then the whole tree: `rro` and the like of runtime-spec reach the mounts beneath, too.
fn set_attributes_and_propagation(tree: BorrowedFd<'_>, mount: &Mount) -> Result<(), StepError> {
    change(tree, &mount.change, Scope::Mount)?;
    change(tree, &mount.recursive_change, Scope::Subtree)?;
    mount.propagation.map_or(Ok(()), |propagation| propagate(tree, propagation))
}

fn change(tree: BorrowedFd<'_>, change: &Change, scope: Scope) -> Result<(), StepError> {
    if change.is_empty() {
        return Ok(());
    }
    let bits = |list: &[Attribute]| list.iter().fold(0, |bits, attribute| bits | bit(*attribute));
    let access_time = change.set.iter().any(|attribute| attribute.is_access_time());
    // The three access time modes are one field of the mount: it is cleared before another is set (mount_setattr(2)).
    let clear = bits(&change.clear) | if access_time { libc::MOUNT_ATTR__ATIME } else { 0 };
    set_attributes(
        tree,
        Attributes { set: bits(&change.set), clear, ..Attributes::default() },
        scope,
    )
    .context(|| "set attributes".into())
}

fn bit(attribute: Attribute) -> u64 {
    match attribute {
        Attribute::Ro => libc::MOUNT_ATTR_RDONLY,
        Attribute::NoSuid => libc::MOUNT_ATTR_NOSUID,
        Attribute::NoDev => libc::MOUNT_ATTR_NODEV,
        Attribute::NoExec => libc::MOUNT_ATTR_NOEXEC,
        Attribute::NoDirAtime => libc::MOUNT_ATTR_NODIRATIME,
        Attribute::NoSymFollow => libc::MOUNT_ATTR_NOSYMFOLLOW,
        Attribute::Relatime => libc::MOUNT_ATTR_RELATIME,
        Attribute::NoAtime => libc::MOUNT_ATTR_NOATIME,
        Attribute::StrictAtime => libc::MOUNT_ATTR_STRICTATIME,
    }
}

/// Sets how mounts and unmounts beneath the mount that a descriptor names propagate (mount_namespaces(7)).
pub(crate) fn propagate(tree: BorrowedFd<'_>, propagation: Propagation) -> Result<(), StepError> {
    let propagation_bit = flags(propagation.kind).bits();
    let attributes =
        Attributes { propagation: u64::from(propagation_bit), ..Attributes::default() };
    set_attributes(tree, attributes, Scope::recursive(propagation.recursive))
        .context(|| "set propagation".into())
}

/// Sets how mounts in the container's root filesystem, which `/` is by now, propagate.
///
/// After pivot_root(2), which refuses a shared root.
pub(crate) fn propagate_root(propagation: Propagation) -> Result<(), StepError> {
    let root = open("/", OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())?;
    propagate(root.as_fd(), propagation)
}

/// Sets how every mount of this namespace propagates.
///
/// A new mount namespace begins with copies of the host's mounts that are peers of them, where they are shared, as
/// systemd has them: without this step every mount and unmount here would happen on the host, too.
pub(crate) fn propagate_all(propagation: Propagation) -> Result<(), StepError> {
    let recursive = if propagation.recursive {
        MountPropagationFlags::REC
    } else {
        MountPropagationFlags::empty()
    };
    Ok(mount_change("/", flags(propagation.kind) | recursive)?)
}

fn flags(kind: PropagationKind) -> MountPropagationFlags {
    match kind {
        PropagationKind::Shared => MountPropagationFlags::SHARED,
        PropagationKind::Slave => MountPropagationFlags::DOWNSTREAM,
        PropagationKind::Private => MountPropagationFlags::PRIVATE,
        PropagationKind::Unbindable => MountPropagationFlags::UNBINDABLE,
    }
}

/// Attaches a detached mount to what a descriptor names, whatever path leads there by now.
pub(crate) fn attach(tree: BorrowedFd<'_>, target: BorrowedFd<'_>) -> Result<(), StepError> {
    let flags = MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH | MoveMountFlags::MOVE_MOUNT_T_EMPTY_PATH;
    Ok(move_mount(tree, "", target, "", flags)?)
}

fn kind_of(tree: BorrowedFd<'_>) -> Result<Kind, Errno> {
    let directory = FileType::from_raw_mode(fstat(tree)?.st_mode) == FileType::Directory;
    Ok(if directory { Kind::Directory } else { Kind::File })
}

/// Hides a path: a directory behind an empty read-only one, any other file behind `/dev/null` of the host.
///
/// Not the container's `/dev/null`: its image may have another file there (CVE-2025-31133).
pub(crate) fn mask(root: &Root, path: &str) -> Result<(), StepError> {
    let Some(target) = paths::find(root, path)? else { return Ok(()) };
    let cover = match kind_of(target.as_fd())? {
        Kind::Directory => filesystem::create(
            "tmpfs",
            Some("tmpfs"),
            &["nr_blocks=1".into(), "nr_inodes=1".into()],
        )?,
        Kind::File => host_device("/dev/null", 1, 3)?,
    };
    let set = libc::MOUNT_ATTR_RDONLY | libc::MOUNT_ATTR_NOSUID | libc::MOUNT_ATTR_NOEXEC;
    set_attributes(cover.as_fd(), Attributes { set, ..Attributes::default() }, Scope::Mount)?;
    attach(cover.as_fd(), target.as_fd())
}

/// The host's character device as a mount, if it is the one that it should be.
pub(crate) fn host_device(path: &str, major: u32, minor: u32) -> Result<OwnedFd, StepError> {
    // O_PATH opens a device without acting on it; the look at its number holds for this descriptor.
    let device = open(path, OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC, Mode::empty())
        .context(|| format!("open `{path}` of the host"))?;
    let found = statat(&device, "", AtFlags::EMPTY_PATH)?;
    let is_device = matches!(
        FileType::from_raw_mode(found.st_mode),
        FileType::CharacterDevice | FileType::BlockDevice
    );
    if !is_device || found.st_rdev != rustix::fs::makedev(major, minor) {
        return Err(StepError::new(format!("`{path}` of the host is not device {major}:{minor}")));
    }
    Ok(clone_mount(device.as_fd(), Scope::Mount)?)
}

/// Makes a path read-only, with all that is mounted beneath: by a read-only copy of it that covers it. An attribute
/// belongs to a mount, and the path need not be the root of one.
pub(crate) fn read_only(root: &Root, path: &str) -> Result<(), StepError> {
    let Some(target) = paths::find(root, path)? else { return Ok(()) };
    let cover = clone_mount(target.as_fd(), Scope::Subtree)?;
    let attributes = Attributes { set: libc::MOUNT_ATTR_RDONLY, ..Attributes::default() };
    set_attributes(cover.as_fd(), attributes, Scope::Subtree)?;
    attach(cover.as_fd(), target.as_fd())
}

/// Makes the root filesystem itself read-only; what is mounted in it stays as it is (`root.readonly` of runtime-spec).
pub(crate) fn read_only_root(root: BorrowedFd<'_>) -> Result<(), StepError> {
    let attributes = Attributes { set: libc::MOUNT_ATTR_RDONLY, ..Attributes::default() };
    Ok(set_attributes(root, attributes, Scope::Mount)?)
}

/// Makes the root filesystem `/`, and unmounts the host's.
///
/// Not chroot(2), which a process with CAP_SYS_CHROOT leaves again: after this the host's mounts are not in the
/// namespace.
pub(crate) fn pivot(root: BorrowedFd<'_>) -> Result<(), StepError> {
    let host = open("/", OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())?;
    fchdir(root)?;
    // With the same path twice the old root is mounted over the new one: no directory of the container is needed for it
    // (pivot_root(2), "pivot_root(\".\", \".\")").
    pivot_root(".", ".")?;
    // To the old root, which the working directory must be for what follows. Unmounting would propagate to the host
    // where mounts are still shared: make them slaves first.
    fchdir(&host)?;
    mount_change(".", MountPropagationFlags::DOWNSTREAM | MountPropagationFlags::REC)
        .context(|| "make the host's mounts rslave".into())?;
    // Lazily: this process has files of the host open still, such as its own program.
    unmount(".", UnmountFlags::DETACH).context(|| "unmount the host's root".into())?;
    Ok(chdir("/")?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_device_of_the_host_is_the_one_that_it_should_be() {
        let directory = tempfile::tempdir().unwrap();
        let link = directory.path().join("null");
        std::os::unix::fs::symlink("/dev/null", &link).unwrap();
        for (path, major, minor) in [
            ("/dev/zero", 1, 3),
            ("/dev/null", 1, 5),
            ("/proc/self/status", 1, 3),
            ("/proc/self/status", 0, 0),
            (link.to_str().unwrap(), 1, 3),
        ] {
            let refused = host_device(path, major, minor).unwrap_err();
            let expected = format!("`{path}` of the host is not device {major}:{minor}");
            assert_eq!((refused.errno, refused.detail), (None, Some(expected)));
        }
    }
}
