//! What plans can hold, as the document that runtimes print.

use super::{options, seccomp};
use crate::spec::features::{
    Cgroup, Enabled, IntelRdt, Linux, MemoryPolicy, MountExtensions, Seccomp,
};
use crate::spec::linux::{
    Arch, MemoryPolicyFlag, MemoryPolicyMode, NamespaceType, SeccompAction, SeccompFlag,
    SyscallOperator,
};
use crate::spec::{Capability, Hooks};
use crate::{Features, Spec};

impl Features {
    /// What the launcher of this crate can do, whether or not this host can: the same on every machine.
    ///
    /// ```
    /// let features = oci_runtime::Features::of_this_runtime();
    /// assert!(features.hooks.unwrap().contains(&"createContainer".into()));
    /// ```
    pub fn of_this_runtime() -> Self {
        let mut features = Self::new("1.0.0".into(), Spec::VERSION.into());
        features.hooks = Some(Hooks::MEMBERS.iter().map(ToString::to_string).collect());
        features.mount_options = Some(options::words());
        features.linux = Some(linux());
        features.potentially_unsafe_config_annotations = Some(Vec::new());
        features
    }
}

fn linux() -> Linux {
    let mut linux = Linux::new();
    linux.namespaces = Some(NamespaceType::LISTED.to_vec());
    linux.capabilities = Some(Capability::LISTED.to_vec());
    linux.cgroup = Some(cgroup());
    linux.seccomp = Some(filters());
    linux.apparmor = Some(enabled(true));
    linux.selinux = Some(enabled(true));
    let mut resctrl = IntelRdt::new();
    resctrl.enabled = Some(false);
    linux.intel_rdt = Some(resctrl);
    let mut policy = MemoryPolicy::new();
    policy.modes = Some(MemoryPolicyMode::LISTED.to_vec());
    policy.flags = Some(MemoryPolicyFlag::LISTED.to_vec());
    linux.memory_policy = Some(policy);
    let mut mounts = MountExtensions::new();
    mounts.idmap = Some(enabled(true));
    linux.mount_extensions = Some(mounts);
    linux.net_devices = Some(enabled(false));
    linux
}

fn enabled(can: bool) -> Enabled {
    let mut enabled = Enabled::new();
    enabled.enabled = Some(can);
    enabled
}

fn cgroup() -> Cgroup {
    let mut cgroup = Cgroup::new();
    (cgroup.v1, cgroup.v2, cgroup.rdma) = (Some(true), Some(true), Some(true));
    (cgroup.systemd, cgroup.systemd_user) = (Some(false), Some(false));
    cgroup
}

fn filters() -> Seccomp {
    let mut filters = Seccomp::new();
    filters.enabled = Some(true);
    let can = |action: &&SeccompAction| seccomp::action_value(action).is_some();
    filters.actions = Some(SeccompAction::LISTED.iter().filter(can).cloned().collect());
    filters.operators = Some(SyscallOperator::LISTED.to_vec());
    let known = |arch: &&Arch| seccomp::architecture(arch).is_some();
    filters.archs = Some(Arch::LISTED.iter().filter(known).cloned().collect());
    let loads = |flag: &&SeccompFlag| flag.number().is_some();
    let flags: Vec<SeccompFlag> = SeccompFlag::LISTED.iter().filter(loads).cloned().collect();
    filters.known_flags = Some(flags.clone());
    filters.supported_flags = Some(flags);
    filters
}
