//! Making namespaces, and joining those that exist.
//!
//! The order is the plan's: a caller with rights joins other namespaces before a user namespace, in which it would lose
//! the right to; a caller without gets the right by the user namespace, which comes first (user_namespaces(7)).

use std::io::{Read, Write};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::path::Path;

use rustix::fs::{Mode, OFlags, fstat, open, stat};

use super::error::{Context, StepError};
use crate::host::IdRange;
use crate::plan::{Idmap, Namespace, TimeOffset};
use crate::sys::clone::{Cloned, leave};
use crate::sys::mount::{Attributes, Scope, set_attributes};
use crate::sys::{self, namespace};

/// The kernel's flag for a kind of namespace.
fn flag(kind: Namespace) -> i32 {
    match kind {
        Namespace::User => libc::CLONE_NEWUSER,
        Namespace::Mount => libc::CLONE_NEWNS,
        Namespace::Pid => libc::CLONE_NEWPID,
        Namespace::Network => libc::CLONE_NEWNET,
        Namespace::Ipc => libc::CLONE_NEWIPC,
        Namespace::Uts => libc::CLONE_NEWUTS,
        Namespace::Cgroup => libc::CLONE_NEWCGROUP,
        Namespace::Time => libc::CLONE_NEWTIME,
    }
}

/// Opens the namespace at a path, which must be of that kind (runtime-spec, `config-linux.md#namespaces`).
pub(crate) fn open_kind(kind: Namespace, path: &Path) -> Result<OwnedFd, StepError> {
    let opened = open(path, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())?;
    // Asked of the descriptor that is joined: the path may lead elsewhere by then.
    let found = namespace::kind(opened.as_fd())
        .map_err(|_| StepError::new(format!("`{}` is not a namespace", path.display())))?;
    if found != flag(kind) {
        return Err(StepError::new(format!("`{}` is another kind of namespace", path.display())));
    }
    Ok(opened)
}

/// Refuses the namespace that this process, and so the caller, is in: what is set there is set for the host.
pub(crate) fn require_other(
    kind: Namespace,
    path: &Path,
    opened: BorrowedFd<'_>,
) -> Result<(), StepError> {
    let (found, own) = (fstat(opened)?, stat(format!("/proc/self/ns/{}", kind.file()))?);
    if (found.st_dev, found.st_ino) != (own.st_dev, own.st_ino) {
        return Ok(());
    }
    let reason = "is the caller's own, in which no name and no `/linux/sysctl` may be set";
    Err(StepError::new(format!("`{}` {reason}", path.display())))
}

/// Joins a namespace of a kind.
pub(crate) fn join(kind: Namespace, namespace: BorrowedFd<'_>) -> Result<(), StepError> {
    Ok(namespace::join(namespace, flag(kind))?)
}

/// Joins namespaces of the process that a pidfd names, all or none.
pub(crate) fn join_target(target: BorrowedFd<'_>, kinds: &[Namespace]) -> Result<(), StepError> {
    let flags = kinds.iter().fold(0, |flags, kind| flags | flag(*kind));
    // Before: inside, processes of the same user could trace this one, which has descriptors of the host, until it
    // executes the program (CVE-2016-9962).
    set_not_dumpable()?;
    // In one call by pidfd: the kernel checks the rights to all of them in the user namespace that is joined with them.
    Ok(namespace::join(target, flags)?)
}

/// Keeps processes of the same user from tracing this one and from reading its `/proc/PID` (prctl(2),
/// `PR_SET_DUMPABLE`). execve makes it dumpable again.
pub(crate) fn set_not_dumpable() -> Result<(), StepError> {
    use rustix::process::{DumpableBehavior, set_dumpable_behavior};
    Ok(set_dumpable_behavior(DumpableBehavior::NotDumpable)?)
}

/// Makes a user namespace. Its mappings are written by the launching process: here, inside, only the caller's own ID
/// may be mapped (user_namespaces(7)).
pub(crate) fn new_user() -> Result<(), StepError> {
    Ok(namespace::unshare(libc::CLONE_NEWUSER)?)
}

/// Makes a time namespace, which the process to come is in: unshare(2) moves only children into it, and its clocks can
/// be set as long as it has no process (time_namespaces(7)).
pub(crate) fn new_time(offsets: &[TimeOffset]) -> Result<(), StepError> {
    namespace::unshare(libc::CLONE_NEWTIME)?;
    for offset in offsets {
        let line = format!("{} {} {}\n", offset.clock, offset.seconds, offset.nanoseconds);
        std::fs::write("/proc/self/timens_offsets", line)
            .context(|| format!("set the offset of clock `{}`", offset.clock))?;
    }
    Ok(())
}

/// Makes a cgroup namespace rooted at the cgroup that this process is in: after it has entered the container's.
pub(crate) fn new_cgroup() -> Result<(), StepError> {
    Ok(namespace::unshare(libc::CLONE_NEWCGROUP)?)
}

/// Makes the container's process, a child of the launching process (`CLONE_PARENT`), which can then wait for it.
pub(crate) fn clone(kinds: &[Namespace]) -> Result<Cloned, StepError> {
    let flags = kinds.iter().fold(libc::CLONE_PARENT, |flags, kind| flags | flag(*kind));
    Ok(sys::clone::clone(flags as u32 as u64)?)
}

/// Brings up `lo`, which is down in a new network namespace.
pub(crate) fn loopback() -> Result<(), StepError> {
    use rustix::net::{AddressFamily, SocketFlags, SocketType, socket_with};
    let socket = socket_with(AddressFamily::INET, SocketType::DGRAM, SocketFlags::CLOEXEC, None)?;
    Ok(sys::network::raise_loopback(socket.as_fd())?)
}

/// Maps the IDs of files on a detached mount (mount_setattr(2), `MOUNT_ATTR_IDMAP`).
///
/// The kernel takes the mapping from a user namespace, given by a descriptor: one is made for it, in a process that
/// lives until the descriptor is open. It must be detached: a mount that others see cannot be mapped any more.
pub(crate) fn idmap(tree: BorrowedFd<'_>, idmap: &Idmap) -> Result<(), StepError> {
    let (mut theirs, mut ours) = UnixStream::pair()?;
    match sys::clone::clone(libc::CLONE_NEWUSER as u32 as u64)
        .context(|| "make a user namespace for the mapping".into())?
    {
        Cloned::Child => {
            drop(ours);
            // Until the byte arrives, or the other end is closed because its process is gone.
            let _ = theirs.read(&mut [0]);
            leave(0);
        }
        Cloned::Parent { pid } => {
            drop(theirs);
            let namespace = open_mapped(pid, idmap);
            // Also after a failure: the child is to end, and is waited for.
            let _ = ours.write_all(&[1]);
            let child = rustix::process::Pid::from_raw(pid);
            let _ = rustix::process::waitpid(child, rustix::process::WaitOptions::empty());
            let namespace = namespace?;
            let attributes = Attributes {
                set: libc::MOUNT_ATTR_IDMAP,
                user_namespace: Some(namespace.as_fd()),
                ..Attributes::default()
            };
            set_attributes(tree, attributes, Scope::recursive(idmap.recursive)).context(|| {
                "map the IDs of the mount, which takes a filesystem that supports it".into()
            })
        }
    }
}

/// Writes the mapping into the user namespace of a process, and opens that.
fn open_mapped(pid: i32, idmap: &Idmap) -> Result<OwnedFd, StepError> {
    for (file, ranges) in [("gid_map", &idmap.gids), ("uid_map", &idmap.uids)] {
        std::fs::write(format!("/proc/{pid}/{file}"), lines(ranges))
            .context(|| format!("write `{file}`"))?;
    }
    Ok(open(format!("/proc/{pid}/ns/user"), OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())?)
}

/// A mapping as the kernel reads it from `uid_map` and `gid_map`: in one write.
pub(crate) fn lines(ranges: &[IdRange]) -> String {
    ranges
        .iter()
        .map(|range| format!("{} {} {}\n", range.inside, range.outside, range.size))
        .collect()
}
