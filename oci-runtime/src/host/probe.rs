//! Probing the kernel.

use std::collections::BTreeMap;
use std::fs::{read_dir, read_to_string};
use std::io;
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};

use rustix::fs::{Access, CWD, access};
use rustix::io::Errno;
use rustix::process::{getegid, geteuid, getrlimit};
use rustix::system::uname;
use rustix::thread::capabilities;

use super::{CgroupDriver, Cgroups, Hierarchy, Host, IdMaps, IdRange, Resource};
use crate::format::FormatVersion;
use crate::spec::RlimitType;
use crate::sys;

impl Host {
    /// Asks this kernel what it offers to this process. Changes nothing.
    ///
    /// # Errors
    /// If `/proc` cannot be read.
    pub fn probe() -> io::Result<Self> {
        let name = uname();
        let text = |text: &std::ffi::CStr| text.to_string_lossy().into_owned();
        let list = |path: &str| -> Vec<String> {
            read_to_string(path)
                .unwrap_or_default()
                .split([',', ' ', '\n'])
                .filter(|word| !word.is_empty())
                .map(String::from)
                .collect()
        };
        let mut namespaces: Vec<String> = read_dir("/proc/self/ns")?
            .flatten()
            .filter_map(|entry| entry.file_name().into_string().ok())
            .filter(|name| !name.ends_with("_for_children"))
            .collect();
        namespaces.sort_unstable();
        let no_user_namespaces = no_user_namespaces(&namespaces);
        Ok(Self {
            version: FormatVersion,
            kernel: text(name.release()),
            architecture: text(name.machine()),
            uid: geteuid().as_raw(),
            gid: getegid().as_raw(),
            capabilities: capabilities(None)?.effective.bits(),
            last_capability: number("/proc/sys/kernel/cap_last_cap").unwrap_or(40),
            no_user_namespaces,
            namespaces,
            filesystems: filesystems(),
            missing_system_calls: missing_system_calls(),
            seccomp_actions: list("/proc/sys/kernel/seccomp/actions_avail"),
            keyrings: sys::keyring::are_there(),
            security_modules: security_modules(list("/sys/kernel/security/lsm")),
            hard_limits: hard_limits(),
            id_maps: id_maps(),
            cgroups: cgroups(),
        })
    }
}

/// The listed ones, and those that say themselves that they are at work: the list is not to be seen where securityfs is
/// not mounted.
fn security_modules(mut listed: Vec<String>) -> Vec<String> {
    let is_on = read_to_string("/sys/module/apparmor/parameters/enabled")
        .is_ok_and(|text| text.trim() == "Y");
    let own = [("apparmor", is_on), ("selinux", Path::new("/sys/fs/selinux/enforce").exists())];
    for (name, _) in own.into_iter().filter(|(_, is_there)| *is_there) {
        if !listed.iter().any(|other| other == name) {
            listed.push(name.into());
        }
    }
    listed
}

fn number(path: &str) -> Option<u32> {
    read_to_string(path).ok()?.trim().parse().ok()
}

fn filesystems() -> Vec<String> {
    let text = read_to_string("/proc/filesystems").unwrap_or_default();
    text.lines().filter_map(|line| line.split_whitespace().last()).map(String::from).collect()
}

/// The switches by which systems forbid user namespaces.
fn no_user_namespaces(namespaces: &[String]) -> Option<String> {
    if !namespaces.iter().any(|name| name == "user") {
        return Some("the kernel is built without them".into());
    }
    if number("/proc/sys/user/max_user_namespaces") == Some(0) {
        return Some("`user.max_user_namespaces` is 0".into());
    }
    if geteuid().is_root() {
        return None;
    }
    if number("/proc/sys/kernel/unprivileged_userns_clone") == Some(0) {
        return Some("`kernel.unprivileged_userns_clone` is 0".into());
    }
    if number("/proc/sys/kernel/apparmor_restrict_unprivileged_userns") == Some(1) {
        return Some("`kernel.apparmor_restrict_unprivileged_userns` is 1".into());
    }
    None
}

/// System calls that the runtime needs, tried with arguments that change nothing.
fn missing_system_calls() -> Vec<String> {
    use rustix::fs::{Mode, OFlags};
    use rustix::mount::{OpenTreeFlags, open_tree};
    let nothing = "";
    let mut missing = Vec::new();
    let mut ask = |name: &str, error: Option<i32>| {
        if error == Some(Errno::NOSYS.raw_os_error()) {
            missing.push(String::from(name));
        }
    };
    let errno = |result: Result<std::os::fd::OwnedFd, Errno>| result.err().map(Errno::raw_os_error);
    ask("open_tree", errno(open_tree(CWD, nothing, OpenTreeFlags::empty())));
    if let Ok(null) = rustix::fs::open("/dev/null", OFlags::PATH | OFlags::CLOEXEC, Mode::empty()) {
        // Not a mount point: EINVAL, and ENOSYS if the kernel lacks the call.
        let changed =
            sys::mount::set_attributes(null.as_fd(), Default::default(), sys::mount::Scope::Mount);
        ask("mount_setattr", changed.err().and_then(|error| error.raw_os_error()));
    }
    missing
}

fn hard_limits() -> BTreeMap<RlimitType, u64> {
    let hard = |resource: &Resource| getrlimit(resource.kernel()).maximum.unwrap_or(u64::MAX);
    Resource::ALL.iter().map(|resource| (resource.word(), hard(resource))).collect()
}

fn id_maps() -> IdMaps {
    let helper = |name: &str| {
        ["/usr/bin", "/bin", "/usr/local/bin", "/usr/sbin"]
            .iter()
            .map(|directory| Path::new(directory).join(name))
            .find(|path| access(path, Access::EXEC_OK).is_ok())
    };
    IdMaps {
        uids: own_ids("/proc/self/uid_map"),
        gids: own_ids("/proc/self/gid_map"),
        denies_setgroups: read_to_string("/proc/self/setgroups")
            .is_ok_and(|text| text.trim() == "deny"),
        subordinate_uids: subordinate("/etc/subuid"),
        subordinate_gids: subordinate("/etc/subgid"),
        helpers: helper("newuidmap").zip(helper("newgidmap")),
    }
}

fn own_ids(path: &str) -> Vec<IdRange> {
    let text = read_to_string(path).unwrap_or_default();
    text.lines()
        .filter_map(|line| {
            let mut numbers = line.split_whitespace().map(|word| word.parse().ok());
            Some(IdRange {
                inside: numbers.next()??,
                outside: numbers.next()??,
                size: numbers.next()??,
            })
        })
        .collect()
}

/// The ranges of the caller, by its name or its number (subuid(5)).
fn subordinate(path: &str) -> Vec<(u32, u32)> {
    let uid = geteuid().as_raw();
    let passwd = read_to_string("/etc/passwd").unwrap_or_default();
    let name = passwd.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        (fields.nth(1)?.parse() == Ok(uid)).then_some(name)
    });
    let text = read_to_string(path).unwrap_or_default();
    text.lines()
        .filter_map(|line| {
            let mut fields = line.split(':');
            let owner = fields.next()?;
            let mine = Some(owner) == name || owner.parse() == Ok(uid);
            Some((fields.next()?.trim().parse().ok()?, fields.next()?.trim().parse().ok()?))
                .filter(|_| mine)
        })
        .collect()
}

fn cgroups() -> Cgroups {
    let own = read_to_string("/proc/self/cgroup").unwrap_or_default();
    let mounts = read_to_string("/proc/self/mountinfo").unwrap_or_default();
    let mut hierarchies = Vec::new();
    for line in own.lines() {
        let mut fields = line.splitn(3, ':').skip(1);
        let (Some(names), Some(own)) = (fields.next(), fields.next()) else { continue };
        let controllers: Vec<String> =
            names.split(',').filter(|name| !name.is_empty()).map(String::from).collect();
        if let Some(mount) = mounts.lines().find_map(|line| cgroup_mount(line, &controllers)) {
            hierarchies.push(Hierarchy { controllers, mount, own: own.into() });
        }
    }
    let unified = hierarchies.iter().find(|hierarchy| hierarchy.controllers.is_empty());
    let unified_controllers = unified
        .and_then(|hierarchy| read_to_string(hierarchy.mount.join("cgroup.controllers")).ok())
        .map(|text| text.split_whitespace().map(String::from).collect())
        .unwrap_or_default();
    let writable = !hierarchies.is_empty()
        && hierarchies.iter().all(|hierarchy| access(&hierarchy.mount, Access::WRITE_OK).is_ok());
    Cgroups { hierarchies, unified_controllers, writable, driver: CgroupDriver::Filesystem }
}

/// The mount point, if the line of mountinfo is the mount of that hierarchy.
fn cgroup_mount(line: &str, controllers: &[String]) -> Option<PathBuf> {
    let (left, right) = line.split_once(" - ")?;
    let mut right = right.split(' ');
    let (kind, options) = (right.next()?, right.nth(1)?);
    let matches = if controllers.is_empty() {
        kind == "cgroup2"
    } else {
        kind == "cgroup"
            && controllers.iter().all(|name| options.split(',').any(|option| option == name))
    };
    let mut left = left.split(' ').skip(3);
    let (root, mount) = (left.next()?, left.next()?);
    (matches && root == "/").then(|| mount.into())
}
