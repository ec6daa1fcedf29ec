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

/// Gives up what the thread that launched this process had set for itself and what passes exec: processors, real-time
/// scheduling, memory policy and personality (a debugger turns randomized addresses off).
///
/// What a filter of system calls around this process forbids to change stays, as it does for the container.
pub(crate) fn reset() {
    // As many processors as the kernel can be built for; it ignores those that are not there.
    let all = [u64::MAX; 8192 / 64];
    // SAFETY: the map is as long as is said.
    unsafe { libc::syscall(libc::SYS_sched_setaffinity, 0, size_of_val(&all), all.as_ptr()) };
    // SAFETY: takes no pointer.
    let policy = unsafe { libc::syscall(libc::SYS_sched_getscheduler, 0) };
    let real_time = [libc::SCHED_FIFO, libc::SCHED_RR, libc::SCHED_DEADLINE].map(i64::from);
    if real_time.contains(&policy) {
        let _ = set_schedule(Schedule::default());
    }
    let _ = set_memory_policy(libc::MPOL_DEFAULT as u32, &[]);
    let _ = set_personality(0);
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
