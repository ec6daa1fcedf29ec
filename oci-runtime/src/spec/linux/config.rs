use oci_image::json::{Map, model};

use super::{
    Device, IntelRdt, MemoryPolicy, Namespace, NetDevice, Personality, Resources, Seccomp,
    TimeOffset,
};
use crate::spec::IdMapping;

model! {
    /// The configuration that only Linux has.
    pub struct Linux {
        /// How the container's user IDs lie on the host.
        list uid_mappings: Vec<IdMapping> = "uidMappings";
        /// How the container's group IDs lie on the host.
        list gid_mappings: Vec<IdMapping> = "gidMappings";
        /// Kernel parameters to set in the container.
        list sysctl: Map<String> = "sysctl";
        /// Limits that the container's cgroup sets.
        optional resources: Resources = "resources";
        /// The container's cgroup: absolute (from the cgroup mount) or as the runtime likes.
        optional cgroups_path: String = "cgroupsPath";
        /// The namespaces to make or join; those not named are the runtime's own.
        list namespaces: Vec<Namespace> = "namespaces";
        /// Device nodes to make.
        list devices: Vec<Device> = "devices";
        /// Network devices of the host to move in, by their names on the host.
        list net_devices: Map<NetDevice> = "netDevices";
        /// The system call filter.
        optional seccomp: Seccomp = "seccomp";
        /// How mounts spread between the root filesystem and the host.
        optional rootfs_propagation: RootfsPropagation = "rootfsPropagation";
        /// Paths in the container that nothing can be read from.
        list masked_paths: Vec<String> = "maskedPaths";
        /// Paths in the container that cannot be written to.
        list readonly_paths: Vec<String> = "readonlyPaths";
        /// The SELinux label of the container's mounts.
        optional mount_label: String = "mountLabel";
        /// Shares of cache and memory bandwidth.
        optional intel_rdt: IntelRdt = "intelRdt";
        /// On which memory nodes to allocate.
        optional memory_policy: MemoryPolicy = "memoryPolicy";
        /// The execution domain.
        optional personality: Personality = "personality";
        /// Offsets of the clocks `monotonic` and `boottime`.
        list time_offsets: Map<TimeOffset> = "timeOffsets";
    }
}

open! {
    /// How mounts spread between the root filesystem and the host.
    pub enum RootfsPropagation {
        Shared = "shared",
        Slave = "slave",
        Private = "private",
        Unbindable = "unbindable",
        RecursiveShared = "rshared",
        RecursiveSlave = "rslave",
        RecursivePrivate = "rprivate",
        RecursiveUnbindable = "runbindable",
    }
}
