//! What an error of the kernel means at a step, and what helps: `EINVAL` alone says neither.

use rustix::io::Errno;

use crate::plan::{FilesystemStep, Mount, Namespace, NamespaceStep, ProcessStep, Source, Step};

const THREADS: &str = "init has more than one thread, or its namespaces are those already: call \
    `oci_runtime::init()` on the first line of `main`, outside of `#[tokio::main]`";
const NOT_PERMITTED: &str = "the caller lacks CAP_SYS_ADMIN, or a seccomp profile or a security module forbids it, as \
    in a default container: run that one with more rights, or make a user namespace (`Spec::rootless`)";
const LIMIT_REACHED: &str = "the limit of a user (`/proc/sys/user/max_*_namespaces`) is reached, or 32 \
    namespaces are nested";
const NO_CLONE3: &str = "the kernel is older than Linux 5.3, or a seccomp profile hides clone3, as in a default \
    container";
const NOT_A_MOUNT_POINT: &str = "`/` is not a mount point, as after chroot into a plain directory: bind mount the \
    directory onto itself before chroot";

/// What the error number means at the step, and what to do about it.
pub(crate) fn hint(step: &Step, errno: i32) -> Option<&'static str> {
    let errno = Errno::from_raw_os_error(errno);
    match step {
        Step::Namespace(step) => namespace(step, errno),
        Step::Filesystem(step) => filesystem(step, errno),
        Step::Process(step) => process(step, errno),
        Step::Runtime(_) | Step::Hooks(_) | Step::AwaitStart | Step::Command(_) => None,
    }
}

fn namespace(step: &NamespaceStep, errno: Errno) -> Option<&'static str> {
    match (step, errno) {
        (NamespaceStep::NewUser, Errno::INVAL)
        | (NamespaceStep::Join { kind: Namespace::User, .. }, Errno::INVAL)
        | (NamespaceStep::JoinTarget(_), Errno::INVAL) => Some(THREADS),
        (NamespaceStep::NewUser, Errno::PERM) => Some(
            "the kernel forbids it after chroot, and a seccomp profile or a security module may, as in a default \
             container: run that one with another profile (`--security-opt seccomp=unconfined`)",
        ),
        (NamespaceStep::Clone(_) | NamespaceStep::CloneAndWait, Errno::NOSYS) => Some(NO_CLONE3),
        (NamespaceStep::Clone(_) | NamespaceStep::CloneAndWait, Errno::AGAIN) => Some(
            "there are as many processes as the caller may have (RLIMIT_NPROC, or `pids.max` of its cgroup)",
        ),
        (NamespaceStep::Clone(_), Errno::INVAL) => {
            Some("the kernel is built without one of these kinds of namespace")
        }
        (NamespaceStep::NewTime(_), Errno::INVAL) => {
            Some("the kernel is built without time namespaces (CONFIG_TIME_NS)")
        }
        (
            NamespaceStep::NewUser
            | NamespaceStep::NewTime(_)
            | NamespaceStep::NewCgroup
            | NamespaceStep::Clone(_),
            Errno::NOSPC,
        ) => Some(LIMIT_REACHED),
        (
            NamespaceStep::Join { .. }
            | NamespaceStep::NewTime(_)
            | NamespaceStep::NewCgroup
            | NamespaceStep::Clone(_),
            Errno::PERM,
        ) => Some(NOT_PERMITTED),
        _ => None,
    }
}

fn filesystem(step: &FilesystemStep, errno: Errno) -> Option<&'static str> {
    match (step, errno) {
        (FilesystemStep::Propagation(_) | FilesystemStep::PivotRoot, Errno::INVAL) => {
            Some(NOT_A_MOUNT_POINT)
        }
        (FilesystemStep::OpenTree(_) | FilesystemStep::Propagation(_), Errno::PERM) => {
            Some(NOT_PERMITTED)
        }
        (FilesystemStep::Mount(Mount { source: Source::Filesystem { kind, .. }, .. }), errno) => {
            match (kind.as_str(), errno) {
                (_, Errno::NODEV) => {
                    Some("the kernel has no such filesystem: its module may have to be loaded")
                }
                ("proc" | "sysfs", Errno::PERM) => Some(
                    "a user namespace gets a new one only if nothing covers parts of the caller's own, as in a default \
                     container: run that one without masked paths (`--security-opt systempaths=unconfined`)",
                ),
                (_, Errno::PERM) => Some(NOT_PERMITTED),
                _ => None,
            }
        }
        _ => None,
    }
}

fn process(step: &ProcessStep, errno: Errno) -> Option<&'static str> {
    match (step, errno) {
        (ProcessStep::User { .. }, Errno::INVAL) => {
            Some("the user namespace has no mapping for one of these IDs")
        }
        (ProcessStep::OomScore(_), Errno::ACCESS) => {
            Some("a lower value than the caller's takes CAP_SYS_RESOURCE")
        }
        (ProcessStep::SessionKeyring { .. }, Errno::DQUOT) => {
            Some("the caller has as many keys as it may (`/proc/sys/kernel/keys/maxkeys`)")
        }
        (ProcessStep::Rlimit { .. }, Errno::PERM) => {
            Some("a higher limit than the caller's takes CAP_SYS_RESOURCE")
        }
        (ProcessStep::Execute { .. }, Errno::NOEXEC) => {
            Some("it is a program for another machine, or a script without `#!`")
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_number_is_explained_at_the_steps_where_it_has_one_meaning() {
        let mount = |kind: &str| {
            let source = Source::Filesystem {
                kind: kind.into(),
                source: None,
                options: Vec::new(),
                plain_target: false,
            };
            let target = "/mnt".into();
            let (change, recursive_change) = Default::default();
            let mount = Mount { source, target, change, recursive_change, propagation: None };
            Step::from(FilesystemStep::Mount(mount))
        };
        let clone = Step::from(NamespaceStep::Clone(vec![Namespace::Mount]));
        for (step, errno, expected) in [
            (NamespaceStep::NewUser.into(), libc::EINVAL, Some("`oci_runtime::init()`")),
            (NamespaceStep::NewUser.into(), libc::EPERM, Some("seccomp=unconfined")),
            (NamespaceStep::NewUser.into(), libc::ENOSPC, Some("/proc/sys/user")),
            (NamespaceStep::NewUser.into(), libc::EIO, None),
            (clone.clone(), libc::EPERM, Some("`Spec::rootless`")),
            (clone.clone(), libc::EINVAL, Some("built without")),
            (clone.clone(), libc::ENOSYS, Some("Linux 5.3")),
            (clone, libc::EAGAIN, Some("`pids.max`")),
            (NamespaceStep::NewTime(Vec::new()).into(), libc::EINVAL, Some("CONFIG_TIME_NS")),
            (FilesystemStep::PivotRoot.into(), libc::EINVAL, Some("before chroot")),
            (FilesystemStep::PivotRoot.into(), libc::EBUSY, None),
            (mount("nosuch"), libc::ENODEV, Some("module")),
            (mount("proc"), libc::EPERM, Some("systempaths=unconfined")),
            (mount("tmpfs"), libc::EPERM, Some("CAP_SYS_ADMIN")),
            (mount("tmpfs"), libc::EINVAL, None),
            (ProcessStep::OomScore(-1000).into(), libc::EACCES, Some("CAP_SYS_RESOURCE")),
            (Step::AwaitStart, libc::EPERM, None),
        ] {
            let found = hint(&step, errno);
            assert_eq!(found.is_some(), expected.is_some(), "{step}: {found:?}");
            assert!(
                found.zip(expected).is_none_or(|(found, part)| found.contains(part)),
                "{found:?}"
            );
        }
    }
}
