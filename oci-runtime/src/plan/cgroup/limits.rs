//! Limits as lines for the files of cgroups, v1 and v2 (unified).

use crate::plan::{CgroupWrite, Planner};
use crate::spec::linux::{
    BlockIo, Cpu, HugepageLimit, Memory, Network, Rdma, Resources, ThrottleDevice,
};

impl Planner<'_> {
    /// All limits as writes, in an order that the kernel takes.
    pub(crate) fn cgroup_writes(&mut self, resources: &Resources) -> Vec<CgroupWrite> {
        let mut lines = Lines { planner: self, writes: Vec::new() };
        if let Some(cpu) = &resources.cpu {
            lines.cpu(cpu);
        }
        if let Some(memory) = &resources.memory {
            lines.memory(memory);
        }
        if let Some(limit) = resources.pids.as_ref().and_then(|pids| pids.limit) {
            lines.either("pids", "pids.max", "pids.max", most(limit), "/linux/resources/pids");
        }
        if let Some(block_io) = &resources.block_io {
            lines.block_io(block_io);
        }
        for (index, page) in resources.hugepage_limits.iter().enumerate() {
            lines.hugepages(&format!("/linux/resources/hugepageLimits/{index}"), page);
        }
        if let Some(network) = &resources.network {
            lines.network(network);
        }
        for (device, rdma) in &resources.rdma {
            lines.rdma(device, rdma);
        }
        for (file, value) in &resources.unified {
            lines.unified_file(file, value);
        }
        lines.writes
    }
}

/// `max`, or a number.
fn most(limit: i64) -> String {
    if limit < 0 { "max".into() } else { limit.to_string() }
}

struct Lines<'lines, 'planner> {
    planner: &'lines mut Planner<'planner>,
    writes: Vec<CgroupWrite>,
}

impl Lines<'_, '_> {
    fn push(&mut self, controller: &str, file: &str, value: String) {
        self.writes.push(CgroupWrite { controller: controller.into(), file: file.into(), value });
    }

    /// Whether the controller has a hierarchy of its own.
    fn is_old(&self, controller: &str) -> bool {
        let hierarchies = &self.planner.host.cgroups.hierarchies;
        hierarchies
            .iter()
            .any(|hierarchy| hierarchy.controllers.iter().any(|name| name == controller))
    }

    /// Writes to the file of whichever hierarchy has the controller.
    fn either(&mut self, controller: &str, old: &str, new: &str, value: String, pointer: &str) {
        if self.is_old(controller) {
            self.push(controller, old, value);
        } else {
            self.unified(controller, new, value, pointer);
        }
    }

    fn old(&mut self, controller: &str, file: &str, value: String, pointer: &str) {
        if self.is_old(controller) {
            self.push(controller, file, value);
        } else {
            let reason = format!(
                "`{file}` is of the v1 hierarchy `{controller}`, which this host does not have"
            );
            self.planner.refuse(pointer, reason);
        }
    }

    fn unified(&mut self, controller: &str, file: &str, value: String, pointer: &str) {
        if self.planner.host.cgroups.unified_controllers.iter().any(|name| name == controller) {
            self.push("", file, value);
        } else {
            self.planner
                .refuse(pointer, format!("the host has no `{controller}` controller for it"));
        }
    }

    fn cpu(&mut self, cpu: &Cpu) {
        let pointer = "/linux/resources/cpu";
        if let Some(shares) = cpu.shares.filter(|shares| *shares > 0) {
            let weight = 1 + shares.clamp(2, 262_144).saturating_sub(2) * 9999 / 262_142;
            if self.is_old("cpu") {
                self.push("cpu", "cpu.shares", shares.to_string());
            } else {
                self.unified("cpu", "cpu.weight", weight.to_string(), pointer);
            }
        }
        self.quota(cpu);
        for (value, file) in [
            (cpu.realtime_period.map(|value| value.to_string()), "cpu.rt_period_us"),
            (cpu.realtime_runtime.map(|value| value.to_string()), "cpu.rt_runtime_us"),
        ] {
            if let Some(value) = value {
                self.old("cpu", file, value, pointer);
            }
        }
        if let Some(idle) = cpu.idle {
            self.either("cpu", "cpu.idle", "cpu.idle", idle.to_string(), pointer);
        }
        for (value, file) in [(&cpu.cpus, "cpuset.cpus"), (&cpu.mems, "cpuset.mems")] {
            if let Some(value) = value.as_ref().filter(|value| !value.is_empty()) {
                self.either("cpuset", file, file, value.clone(), pointer);
            }
        }
    }

    fn quota(&mut self, cpu: &Cpu) {
        let pointer = "/linux/resources/cpu";
        if cpu.quota.is_some_and(|quota| {
            quota > 0 && u64::try_from(quota).is_ok_and(|quota| cpu.burst > Some(quota))
        }) {
            self.planner.refuse(pointer, "the burst is above the quota");
        }
        if self.is_old("cpu") {
            if let Some(period) = cpu.period.filter(|period| *period > 0) {
                self.push("cpu", "cpu.cfs_period_us", period.to_string());
            }
            if let Some(quota) = cpu.quota.filter(|quota| *quota != 0) {
                self.push("cpu", "cpu.cfs_quota_us", quota.to_string());
            }
        } else if cpu.quota.is_some() || cpu.period.is_some() {
            let quota = cpu
                .quota
                .filter(|quota| *quota > 0)
                .map_or_else(|| "max".into(), |quota| quota.to_string());
            let period = cpu.period.filter(|period| *period > 0).unwrap_or(100_000);
            self.unified("cpu", "cpu.max", format!("{quota} {period}"), pointer);
        }
        if let Some(burst) = cpu.burst {
            self.either("cpu", "cpu.cfs_burst_us", "cpu.max.burst", burst.to_string(), pointer);
        }
    }

    fn memory(&mut self, memory: &Memory) {
        let pointer = "/linux/resources/memory";
        self.check_swap(memory);
        // Version 1 counts memory and swap together, the unified hierarchy swap alone.
        let without_swap = memory.limit.unwrap_or_default().max(0);
        for (limit, other, old, new) in [
            (memory.limit, 0, "memory.limit_in_bytes", "memory.max"),
            (memory.swap, without_swap, "memory.memsw.limit_in_bytes", "memory.swap.max"),
            (memory.reservation, 0, "memory.soft_limit_in_bytes", "memory.low"),
        ] {
            let Some(limit) = limit.filter(|limit| *limit != 0) else { continue };
            let is_old = self.is_old("memory");
            let value = if is_old { limit.to_string() } else { most(limit.saturating_sub(other)) };
            self.either("memory", old, new, value, pointer);
        }
        let limited = |limit: Option<i64>| Some(limit.filter(|limit| *limit >= 0)?.to_string());
        for (value, file) in [
            (limited(memory.kernel), "memory.kmem.limit_in_bytes"),
            (limited(memory.kernel_tcp), "memory.kmem.tcp.limit_in_bytes"),
            (memory.swappiness.map(|value| value.to_string()), "memory.swappiness"),
            (
                memory.disable_oom_killer.filter(|disable| *disable).map(|_| "1".into()),
                "memory.oom_control",
            ),
        ] {
            if let Some(value) = value {
                self.old("memory", file, value, pointer);
            }
        }
    }

    fn check_swap(&mut self, memory: &Memory) {
        let pointer = "/linux/resources/memory";
        let Some(swap) = memory.swap.filter(|swap| *swap > 0) else { return };
        let reason = "`swap` is memory and swap together";
        match memory.limit.filter(|limit| *limit > 0) {
            None => self.planner.refuse(pointer, format!("{reason}, and there is no `limit`")),
            Some(limit) if swap < limit => {
                self.planner.refuse(pointer, format!("{reason}, and below `limit`"));
            }
            Some(_) => {}
        }
    }

    fn block_io(&mut self, block_io: &BlockIo) {
        let pointer = "/linux/resources/blockIO";
        if block_io.weight.is_some_and(|weight| weight > 1000 || (1..10).contains(&weight)) {
            self.planner.refuse(format!("{pointer}/weight"), "it is not between 10 and 1000");
        }
        if let Some(weight) = block_io.weight.filter(|weight| *weight > 0) {
            let new = 1 + u64::from(weight.clamp(10, 1000) - 10) * 9999 / 990;
            if self.is_old("blkio") {
                self.push("blkio", "blkio.weight", weight.to_string());
            } else {
                self.unified("io", "io.weight", new.to_string(), pointer);
            }
        }
        if let Some(weight) = block_io.leaf_weight.filter(|weight| *weight > 0) {
            self.old("blkio", "blkio.leaf_weight", weight.to_string(), pointer);
        }
        for (index, device) in block_io.weight_device.iter().enumerate() {
            if device.weight.is_none() && device.leaf_weight.is_none() {
                self.planner.refuse(format!("{pointer}/weightDevice/{index}"), "it has no weight");
            }
            let at = format!("{}:{}", device.major, device.minor);
            if let Some(weight) = device.weight {
                self.old("blkio", "blkio.weight_device", format!("{at} {weight}"), pointer);
            }
            if let Some(weight) = device.leaf_weight {
                self.old("blkio", "blkio.leaf_weight_device", format!("{at} {weight}"), pointer);
            }
        }
        self.throttle(&block_io.throttle_read_bps_device, "read_bps", "rbps");
        self.throttle(&block_io.throttle_write_bps_device, "write_bps", "wbps");
        self.throttle(&block_io.throttle_read_iops_device, "read_iops", "riops");
        self.throttle(&block_io.throttle_write_iops_device, "write_iops", "wiops");
    }

    fn throttle(&mut self, devices: &[ThrottleDevice], old: &str, new: &str) {
        for device in devices {
            let at = format!("{}:{}", device.major, device.minor);
            if self.is_old("blkio") {
                self.push(
                    "blkio",
                    &format!("blkio.throttle.{old}_device"),
                    format!("{at} {}", device.rate),
                );
            } else {
                self.unified(
                    "io",
                    "io.max",
                    format!("{at} {new}={}", device.rate),
                    "/linux/resources/blockIO",
                );
            }
        }
    }

    fn hugepages(&mut self, pointer: &str, page: &HugepageLimit) {
        let size = &page.page_size;
        if size.contains(['/', '\0']) {
            self.planner.refuse(pointer, "it is not a page size");
        }
        let (v1, v2) = (format!("hugetlb.{size}.limit_in_bytes"), format!("hugetlb.{size}.max"));
        self.either("hugetlb", &v1, &v2, page.limit.to_string(), pointer);
    }

    fn rdma(&mut self, device: &str, rdma: &Rdma) {
        if rdma.hca_handles.is_none() && rdma.hca_objects.is_none() {
            let pointer = format!("/linux/resources/rdma/{device}");
            self.planner.refuse(pointer, "it has no limit");
        }
        let mut line = device.to_owned();
        for (word, value) in [("hca_handle", rdma.hca_handles), ("hca_object", rdma.hca_objects)] {
            line += &value.map(|value| format!(" {word}={value}")).unwrap_or_default();
        }
        self.either("rdma", "rdma.max", "rdma.max", line, "/linux/resources/rdma");
    }

    fn unified_file(&mut self, file: &str, value: &str) {
        let pointer = format!("/linux/resources/unified/{file}");
        // A slash would lead out of the cgroup.
        let controller = file.split_once('.').filter(|_| !file.contains(['/', '\0']));
        match controller {
            Some(("cgroup", _)) => self.push("", file, value.into()),
            Some((controller, _)) => self.unified(controller, file, value.into(), &pointer),
            None => self.planner.refuse(pointer, "it is not the name of a file of a cgroup"),
        }
    }

    fn network(&mut self, network: &Network) {
        let pointer = "/linux/resources/network";
        if let Some(class) = network.class_id.filter(|class| *class > 0) {
            self.old("net_cls", "net_cls.classid", class.to_string(), pointer);
        }
        for priority in &network.priorities {
            let line = format!("{} {}", priority.name, priority.priority);
            self.old("net_prio", "net_prio.ifpriomap", line, pointer);
        }
    }
}
