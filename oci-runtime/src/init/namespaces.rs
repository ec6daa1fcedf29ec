//! Namespaces: new ones, and those that exist.

use std::io::{Read, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::path::Path;

use rustix::fs::{Mode, OFlags, open};

use super::error::{Context, StepError};
use crate::plan::{IdRange, Idmap, Namespace, TimeOffset};
use crate::sys::clone::{Cloned, leave};
use crate::sys::mount::{Attributes, set_attributes};
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

/// Joins the namespace at a path, which must be of that kind.
pub(crate) fn join(kind: Namespace, path: &Path) -> Result<(), StepError> {
    let opened = open(path, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())?;
    let found = namespace::kind(opened.as_fd())
        .context(|| format!("`{}` is not a namespace", path.display()))?;
    if found != flag(kind) {
        return Err(StepError::new(format!("`{}` is another kind of namespace", path.display())));
    }
    Ok(namespace::join(opened.as_fd(), flag(kind))?)
}

/// Joins namespaces of the process that a pidfd names, all or none.
pub(crate) fn join_target(target: BorrowedFd<'_>, kinds: &[Namespace]) -> Result<(), StepError> {
    let flags = kinds.iter().fold(0, |flags, kind| flags | flag(*kind));
    // Inside, other processes of the same user could trace this one until it is the program.
    hide()?;
    Ok(namespace::join(target, flags)?)
}

/// Keeps other processes of the same user from looking into this one, until it becomes another program.
pub(crate) fn hide() -> Result<(), StepError> {
    use rustix::process::{DumpableBehavior, set_dumpable_behavior};
    Ok(set_dumpable_behavior(DumpableBehavior::NotDumpable)?)
}

/// Makes a user namespace. Its mappings are written by the process outside.
pub(crate) fn new_user() -> Result<(), StepError> {
    Ok(namespace::unshare(libc::CLONE_NEWUSER)?)
}

/// Makes a time namespace for the process to come.
pub(crate) fn new_time(offsets: &[TimeOffset]) -> Result<(), StepError> {
    namespace::unshare(libc::CLONE_NEWTIME)?;
    for offset in offsets {
        let line = format!("{} {} {}\n", offset.clock, offset.seconds, offset.nanoseconds);
        std::fs::write("/proc/self/timens_offsets", line)
            .context(|| format!("set off clock `{}`", offset.clock))?;
    }
    Ok(())
}

/// Makes a control group namespace rooted at the group that this process is in.
pub(crate) fn new_cgroup() -> Result<(), StepError> {
    Ok(namespace::unshare(libc::CLONE_NEWCGROUP)?)
}

/// Makes the container's process, a child of the launching process.
pub(crate) fn clone(kinds: &[Namespace]) -> Result<Cloned, StepError> {
    let flags = kinds.iter().fold(libc::CLONE_PARENT, |flags, kind| flags | flag(*kind));
    Ok(sys::clone::clone(flags as u32 as u64)?)
}

/// Brings up `lo`.
pub(crate) fn loopback() -> Result<(), StepError> {
    use rustix::net::{AddressFamily, SocketFlags, SocketType, socket_with};
    let socket = socket_with(AddressFamily::INET, SocketType::DGRAM, SocketFlags::CLOEXEC, None)?;
    Ok(sys::network::raise_loopback(socket.as_fd())?)
}

/// Shows the ids on a detached mount as other ids.
pub(crate) fn idmap(tree: BorrowedFd<'_>, idmap: &Idmap) -> Result<(), StepError> {
    let (mut theirs, mut ours) = std::os::unix::net::UnixStream::pair()?;
    match sys::clone::clone(libc::CLONE_NEWUSER as u32 as u64)
        .context(|| "make the namespace of the mapping".into())?
    {
        Cloned::Child => {
            drop(ours);
            // Lives until the namespace is held by descriptor: the other end is closed.
            let _ = theirs.read(&mut [0]);
            leave(0);
        }
        Cloned::Parent { pid } => {
            drop(theirs);
            let namespace = held(pid, idmap);
            let _ = ours.write_all(&[1]);
            let child = rustix::process::Pid::from_raw(pid);
            let _ = rustix::process::waitpid(child, rustix::process::WaitOptions::empty());
            let namespace = namespace?;
            let attributes = Attributes {
                set: libc::MOUNT_ATTR_IDMAP,
                user_namespace: Some(namespace.as_fd()),
                ..Attributes::default()
            };
            set_attributes(tree, attributes, idmap.recursive)
                .context(|| "map the ids of the mount".into())
        }
    }
}

/// Writes the mapping into the namespace of a process and opens it.
fn held(pid: i32, idmap: &Idmap) -> Result<std::os::fd::OwnedFd, StepError> {
    for (file, ranges) in [("gid_map", &idmap.gids), ("uid_map", &idmap.uids)] {
        std::fs::write(format!("/proc/{pid}/{file}"), lines(ranges))
            .context(|| format!("write `{file}`"))?;
    }
    Ok(open(format!("/proc/{pid}/ns/user"), OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())?)
}

/// A mapping as the kernel reads it.
pub(crate) fn lines(ranges: &[IdRange]) -> String {
    ranges
        .iter()
        .map(|range| format!("{} {} {}\n", range.inside, range.outside, range.size))
        .collect()
}
