//! Scheduling class, I/O priority, personality and memory policy of this process.

use std::io;

use super::checked;

/// The first version of the kernel's `sched_attr`.
#[derive(Clone, Copy, Debug, Default)]
#[repr(C)]
pub(crate) struct Schedule {
    pub(crate) size: u32,
    pub(crate) policy: u32,
    pub(crate) flags: u64,
    pub(crate) nice: i32,
    pub(crate) priority: u32,
    pub(crate) runtime: u64,
    pub(crate) deadline: u64,
    pub(crate) period: u64,
}

/// Sets how this thread is scheduled.
pub(crate) fn set_schedule(mut schedule: Schedule) -> io::Result<()> {
    schedule.size = size_of::<Schedule>() as u32;
    // SAFETY: the structure is valid, carries its own size and outlives the call.
    checked(unsafe { libc::syscall(libc::SYS_sched_setattr, 0, &raw const schedule, 0) }).map(drop)
}

/// Sets the I/O priority of this process; `value` is class and level as `ioprio_set` takes them.
pub(crate) fn set_io_priority(value: u32) -> io::Result<()> {
    const WHO_PROCESS: i32 = 1;
    // SAFETY: takes no pointer.
    checked(unsafe { libc::syscall(libc::SYS_ioprio_set, WHO_PROCESS, 0, value) }).map(drop)
}

/// Sets the execution domain of this process.
pub(crate) fn set_personality(value: u32) -> io::Result<()> {
    // SAFETY: takes no pointer.
    checked(unsafe { libc::personality(value.into()) }.into()).map(drop)
}

/// Sets where this thread's memory comes from; `nodes` is a bit map, lowest node first.
pub(crate) fn set_memory_policy(mode: u32, nodes: &[u64]) -> io::Result<()> {
    // The kernel reads one bit fewer than `maxnode` says.
    let bits = if nodes.is_empty() { 0 } else { nodes.len() * 64 + 1 };
    let pointer = if nodes.is_empty() { std::ptr::null() } else { nodes.as_ptr() };
    // SAFETY: the map is null or holds the bits that are named.
    checked(unsafe { libc::syscall(libc::SYS_set_mempolicy, mode, pointer, bits) }).map(drop)
}
