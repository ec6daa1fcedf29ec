//! What a runtime can do ([features.md]).
//!
//! `None` is "the runtime does not say", and an empty list is "none": a document's `null` reads as the
//! first and is written as `null` again.
//!
//! [features.md]: https://github.com/opencontainers/runtime-spec/blob/v1.3.0/features.md

use oci_image::json::{Map, model};

use super::Capability;
use super::linux::{
    Arch, MemoryPolicyFlag, MemoryPolicyMode, NamespaceType, SeccompAction, SeccompFlag,
    SyscallOperator,
};

model! {
    /// What a runtime can do.
    pub struct Features {
        /// The first version of the runtime spec that it recognises.
        required oci_version_min: String = "ociVersionMin";
        /// The last version of the runtime spec that it recognises.
        required oci_version_max: String = "ociVersionMax";
        /// The hooks, by their names in [`super::Hooks`].
        optional hooks: Vec<String> = "hooks";
        /// The mount options, without those of one filesystem.
        optional mount_options: Vec<String> = "mountOptions";
        /// What only Linux has.
        optional linux: Linux = "linux";
        /// Annotations.
        optional annotations: Map<String> = "annotations";
        /// Annotations of a configuration that may change what the runtime does to the host; one that
        /// ends with `.` is a prefix.
        optional potentially_unsafe_config_annotations: Vec<String> =
            "potentiallyUnsafeConfigAnnotations";
    }

    /// What a runtime can do that only Linux has.
    pub struct Linux {
        /// The namespaces.
        optional namespaces: Vec<NamespaceType> = "namespaces";
        /// The capabilities.
        optional capabilities: Vec<Capability> = "capabilities";
        /// Cgroups.
        optional cgroup: Cgroup = "cgroup";
        /// System call filters.
        optional seccomp: Seccomp = "seccomp";
        /// AppArmor.
        optional apparmor: Enabled = "apparmor";
        /// SELinux.
        optional selinux: Enabled = "selinux";
        /// Shares of cache and memory bandwidth.
        optional intel_rdt: IntelRdt = "intelRdt";
        /// Memory policies.
        optional memory_policy: MemoryPolicy = "memoryPolicy";
        /// Mounts beyond mount(2).
        optional mount_extensions: MountExtensions = "mountExtensions";
        /// Network devices that move into a container.
        optional net_devices: Enabled = "netDevices";
    }

    /// The cgroups that a runtime can use.
    pub struct Cgroup {
        /// Cgroup v1.
        optional v1: bool = "v1";
        /// Cgroup v2.
        optional v2: bool = "v2";
        /// Through systemd.
        optional systemd: bool = "systemd";
        /// Through a user's systemd.
        optional systemd_user: bool = "systemdUser";
        /// The RDMA controller.
        optional rdma: bool = "rdma";
    }

    /// The system call filters that a runtime can set.
    pub struct Seccomp {
        /// Whether it can.
        optional enabled: bool = "enabled";
        /// The actions.
        optional actions: Vec<SeccompAction> = "actions";
        /// The comparisons.
        optional operators: Vec<SyscallOperator> = "operators";
        /// The architectures.
        optional archs: Vec<Arch> = "archs";
        /// The flags that it recognises.
        optional known_flags: Vec<SeccompFlag> = "knownFlags";
        /// The flags that it can set here.
        optional supported_flags: Vec<SeccompFlag> = "supportedFlags";
    }

    /// Whether a runtime can do a thing.
    pub struct Enabled {
        /// Whether it can, whether or not this host can.
        optional enabled: bool = "enabled";
    }

    /// What a runtime can do with resctrl.
    pub struct IntelRdt {
        /// Whether it can use it.
        optional enabled: bool = "enabled";
        /// Whether it knows `schemata`.
        optional schemata: bool = "schemata";
        /// Whether it knows `enableMonitoring`.
        optional monitoring: bool = "monitoring";
    }

    /// The memory policies that a runtime can set.
    pub struct MemoryPolicy {
        /// The modes.
        optional modes: Vec<MemoryPolicyMode> = "modes";
        /// The flags.
        optional flags: Vec<MemoryPolicyFlag> = "flags";
    }

    /// What mounts a runtime can make beyond mount(2).
    pub struct MountExtensions {
        /// Mounts with mapped IDs.
        optional idmap: Enabled = "idmap";
    }
}
