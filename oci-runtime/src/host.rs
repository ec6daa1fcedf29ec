//! What this kernel and this caller offer, as data.

mod cgroup_driver;
mod hierarchy;
mod id_range;
#[cfg(target_os = "linux")]
mod probe;
mod resource;

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

pub(crate) use self::{hierarchy::Hierarchy, id_range::IdRange, resource::Resource};
pub use cgroup_driver::CgroupDriver;

use crate::format::FormatVersion;
use crate::spec::{Capability, RlimitType};

/// What a kernel, and the caller's rights on it, offer to a container.
///
/// Plain data: probe it on one machine, keep it as JSON, plan for it on another. The JSON has a `formatVersion`; what
/// another version of this crate wrote is refused if the form has changed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct Host {
    #[serde(rename = "formatVersion")]
    version: FormatVersion<1>,
    /// The release of the kernel, like `6.1.0-13-amd64`.
    pub kernel: String,
    /// The machine as `uname -m` names it.
    pub architecture: String,
    /// The caller's user.
    pub uid: u32,
    /// The caller's group.
    pub gid: u32,
    /// The effective capabilities of the caller, one bit each.
    pub capabilities: u64,
    /// The highest capability that the kernel knows.
    pub last_capability: u32,
    /// Kinds of namespaces, by the names of the files in `/proc/self/ns`.
    pub namespaces: Vec<String>,
    /// Why the caller cannot make a user namespace, if so.
    pub no_user_namespaces: Option<String>,
    /// Filesystems that the kernel has now.
    pub filesystems: Vec<String>,
    /// System calls that the runtime needs and that are missing.
    pub missing_system_calls: Vec<String>,
    /// Actions of system call filters, by the kernel's words.
    pub seccomp_actions: Vec<String>,
    /// Whether the caller may ask for keyrings (keyctl(2)), and so its containers.
    pub keyrings: bool,
    /// Security modules at work.
    pub security_modules: Vec<String>,
    /// Hard limits of the caller.
    pub hard_limits: BTreeMap<RlimitType, u64>,
    pub(crate) id_maps: IdMaps,
    pub(crate) cgroups: Cgroups,
}

/// Which ids the caller may give to a user namespace.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct IdMaps {
    /// The ids that exist in the caller's own namespace.
    pub(crate) uids: Vec<IdRange>,
    pub(crate) gids: Vec<IdRange>,
    /// Whether `setgroups` is denied there, and in all user namespaces below.
    pub(crate) denies_setgroups: bool,
    /// Subordinate ids of the caller: first and count.
    pub(crate) subordinate_uids: Vec<(u32, u32)>,
    pub(crate) subordinate_gids: Vec<(u32, u32)>,
    /// newuidmap and newgidmap.
    pub(crate) helpers: Option<(PathBuf, PathBuf)>,
}

/// The mounted cgroup hierarchies.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Cgroups {
    pub(crate) hierarchies: Vec<Hierarchy>,
    /// Controllers of the unified hierarchy.
    pub(crate) unified_controllers: Vec<String>,
    /// The caller may make groups at the top of every hierarchy.
    pub(crate) writable: bool,
    /// Who makes the cgroups of containers.
    #[serde(default)]
    pub(crate) driver: CgroupDriver,
}

impl Cgroups {
    /// Whether a hierarchy can restrict the use of devices: by the controller of version 1, or by a program in version 2.
    pub(crate) fn can_filter_devices(&self) -> bool {
        self.hierarchies.iter().any(|hierarchy| {
            hierarchy.controllers.is_empty()
                || hierarchy.controllers.iter().any(|name| name == "devices")
        })
    }
}

impl Host {
    /// A recent kernel with cgroup v2 and a caller who is root: something to plan for where there is no Linux.
    pub fn typical() -> Self {
        let words =
            |words: &[&str]| words.iter().map(|word| String::from(*word)).collect::<Vec<_>>();
        let all = || vec![IdRange { inside: 0, outside: 0, size: u32::MAX }];
        Self {
            version: FormatVersion,
            kernel: "6.12.0".into(),
            architecture: "x86_64".into(),
            uid: 0,
            gid: 0,
            capabilities: (1 << 41) - 1,
            last_capability: 40,
            namespaces: words(&["cgroup", "ipc", "mnt", "net", "pid", "time", "user", "uts"]),
            no_user_namespaces: None,
            filesystems: words(&[
                "cgroup", "cgroup2", "devpts", "mqueue", "overlay", "proc", "sysfs", "tmpfs",
            ]),
            missing_system_calls: Vec::new(),
            seccomp_actions: words(&[
                "kill_process",
                "kill_thread",
                "trap",
                "errno",
                "user_notif",
                "trace",
                "log",
                "allow",
            ]),
            keyrings: true,
            security_modules: Vec::new(),
            hard_limits: BTreeMap::new(),
            id_maps: IdMaps { uids: all(), gids: all(), ..IdMaps::default() },
            cgroups: Cgroups {
                hierarchies: vec![Hierarchy {
                    controllers: Vec::new(),
                    mount: "/sys/fs/cgroup".into(),
                    own: "/".into(),
                }],
                unified_controllers: words(&[
                    "cpuset", "cpu", "io", "memory", "hugetlb", "pids", "rdma",
                ]),
                writable: true,
                driver: CgroupDriver::Filesystem,
            },
        }
    }

    /// The same host, where another makes the cgroups of containers.
    #[must_use]
    pub fn cgroup_driver(mut self, driver: CgroupDriver) -> Self {
        self.cgroups.driver = driver;
        self
    }

    /// Whether the caller has a capability.
    pub(crate) fn has_capability(&self, capability: &Capability) -> bool {
        capability.number().is_some_and(|number| self.capabilities >> number & 1 == 1)
    }

    /// Whether the caller is in a user namespace other than the first. The kernel lets nobody make devices there, or say
    /// which may be used.
    pub(crate) fn is_in_user_namespace(&self) -> bool {
        let is_all =
            |range: &IdRange| (range.inside, range.outside, range.size) == (0, 0, u32::MAX);
        !matches!(self.id_maps.uids.as_slice(), [range] if is_all(range))
    }

    /// Whether the caller may mount on the host, and needs no user namespace for a container.
    pub(crate) fn is_privileged(&self) -> bool {
        self.has_capability(&Capability::SysAdmin)
    }
}
