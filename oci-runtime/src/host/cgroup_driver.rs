use serde::{Deserialize, Serialize};

/// Who makes the cgroups of containers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub enum CgroupDriver {
    /// This crate, in the cgroup filesystems; `linux.cgroupsPath` is a path in them.
    #[default]
    Filesystem,
    /// systemd, asked over D-Bus: a scope for each container; `linux.cgroupsPath` is `SLICE:PREFIX:NAME`. An ordinary user's
    /// own service manager is asked. It needs the feature `systemd`, and a host with cgroup version 2 alone.
    Systemd,
    /// Nobody: containers stay in the caller's cgroup. Limits and rules for devices are refused, and no container can be
    /// paused.
    None,
}
