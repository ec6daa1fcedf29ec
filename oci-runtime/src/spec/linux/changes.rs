//! Limits with changes.

use super::{BlockIo, Cpu, Memory, Network, Pids, Resources};

/// Takes each of these members from `$changes` if it is there.
macro_rules! take {
    ($to:ident, $changes:ident, $($member:ident),*) => {
        $(if $changes.$member.is_some() { $to.$member = $changes.$member.clone(); })*
    };
}

/// Takes each element from `$changes`, in place of that with the same key.
macro_rules! take_each {
    ($to:ident, $changes:ident, $key:expr, $($member:ident),*) => {
        $(for new in &$changes.$member {
            let key = $key;
            $to.$member.retain(|old| key(old) != key(new));
            $to.$member.push(new.clone());
        })*
    };
}

impl Resources {
    /// These limits with changes: a member that is absent in `changes` stays as it is, and rules for devices replace all
    /// rules before them.
    pub(crate) fn with(&self, changes: &Self) -> Self {
        let mut all = self.clone();
        if !changes.devices.is_empty() {
            all.devices = changes.devices.clone();
        }
        if let Some(changes) = &changes.memory {
            memory(all.memory.get_or_insert_with(Memory::new), changes);
        }
        if let Some(changes) = &changes.cpu {
            cpu(all.cpu.get_or_insert_with(Cpu::new), changes);
        }
        if let Some(changes) = &changes.pids {
            let pids = all.pids.get_or_insert_with(Pids::new);
            take!(pids, changes, limit);
        }
        if let Some(changes) = &changes.block_io {
            block_io(all.block_io.get_or_insert_with(BlockIo::new), changes);
        }
        take_each!(
            all,
            changes,
            |page: &super::HugepageLimit| page.page_size.clone(),
            hugepage_limits
        );
        if let Some(changes) = &changes.network {
            let network = all.network.get_or_insert_with(Network::new);
            take!(network, changes, class_id);
            take_each!(
                network,
                changes,
                |at: &super::InterfacePriority| at.name.clone(),
                priorities
            );
        }
        let rdma = changes.rdma.iter().map(|(device, limit)| (device.clone(), limit.clone()));
        all.rdma.extend(rdma);
        let files = changes.unified.iter().map(|(file, value)| (file.clone(), value.clone()));
        all.unified.extend(files);
        all
    }
}

fn memory(memory: &mut Memory, changes: &Memory) {
    take!(
        memory,
        changes,
        limit,
        reservation,
        swap,
        kernel,
        kernel_tcp,
        swappiness,
        disable_oom_killer,
        use_hierarchy,
        check_before_update
    );
}

fn cpu(cpu: &mut Cpu, changes: &Cpu) {
    take!(
        cpu,
        changes,
        shares,
        quota,
        burst,
        period,
        realtime_runtime,
        realtime_period,
        cpus,
        mems,
        idle
    );
}

fn block_io(block_io: &mut BlockIo, changes: &BlockIo) {
    take!(block_io, changes, weight, leaf_weight);
    take_each!(block_io, changes, |at: &super::WeightDevice| (at.major, at.minor), weight_device);
    take_each!(
        block_io,
        changes,
        |at: &super::ThrottleDevice| (at.major, at.minor),
        throttle_read_bps_device,
        throttle_write_bps_device,
        throttle_read_iops_device,
        throttle_write_iops_device
    );
}
