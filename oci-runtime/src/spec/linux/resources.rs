use oci_image::json::{Map, model};

use super::{BlockIo, Cpu, DeviceRule, HugepageLimit, Memory, Network};

model! {
    /// Limits that a container's cgroup sets.
    pub struct Resources {
        /// Which devices it may use; rules apply in this order.
        list devices: Vec<DeviceRule> = "devices";
        /// Limits of memory.
        optional memory: Memory = "memory";
        /// Limits of processor time.
        optional cpu: Cpu = "cpu";
        /// Limits of tasks.
        optional pids: Pids = "pids";
        /// Limits of block devices.
        optional block_io: BlockIo = "blockIO";
        /// Limits of huge pages.
        list hugepage_limits: Vec<HugepageLimit> = "hugepageLimits";
        /// Marks of its packets.
        optional network: Network = "network";
        /// Limits of RDMA devices, by device.
        list rdma: Map<Rdma> = "rdma";
        /// Files of cgroup v2 and what to write to them.
        list unified: Map<String> = "unified";
    }

    /// Limits of tasks.
    pub struct Pids {
        /// How many; -1 is unlimited.
        optional limit: i64 = "limit";
    }

    /// Limits of an RDMA device; at least one is needed.
    pub struct Rdma {
        /// How many handles.
        optional hca_handles: u32 = "hcaHandles";
        /// How many objects.
        optional hca_objects: u32 = "hcaObjects";
    }
}
