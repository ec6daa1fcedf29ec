//! Who the process is and what it may do.

use rustix::process::{Resource, Rlimit};
use rustix::thread::{
    CapabilitySet, CapabilitySets, CpuSet, Gid, Uid, clear_ambient_capability_set,
    configure_capability_in_ambient_set, remove_capability_from_bounding_set, sched_setaffinity,
    set_capabilities, set_keep_capabilities, set_thread_groups, set_thread_res_gid,
    set_thread_res_uid,
};

use super::error::{Context, StepError};
use crate::plan::{Capabilities, Capability, Filter, Schedule};
use crate::seccomp;
use crate::sys;

/// Writes how willing the kernel shall be to kill this process and those to come from it.
pub(crate) fn oom_score(value: i32) -> Result<(), StepError> {
    Ok(std::fs::write("/proc/self/oom_score_adj", value.to_string())?)
}

/// Becomes user and group 0 of the user namespace.
pub(crate) fn become_root() -> Result<(), StepError> {
    set_thread_res_gid(Gid::ROOT, Gid::ROOT, Gid::ROOT)?;
    set_thread_res_uid(Uid::ROOT, Uid::ROOT, Uid::ROOT)?;
    // The change of ids closed /proc/self to us; the clocks of a time namespace are set there.
    Ok(rustix::process::set_dumpable_behavior(rustix::process::DumpableBehavior::Dumpable)?)
}

/// Takes on a user, a group and additional groups.
pub(crate) fn user(
    uid: u32,
    gid: u32,
    groups: Option<&[u32]>,
    keep_capabilities: bool,
) -> Result<(), StepError> {
    if let Some(groups) = groups {
        let groups: Vec<Gid> = groups.iter().map(|group| Gid::from_raw(*group)).collect();
        set_thread_groups(&groups).context(|| "set the additional groups".into())?;
    }
    let (uid, gid) = (Uid::from_raw(uid), Gid::from_raw(gid));
    set_thread_res_gid(gid, gid, gid).context(|| "set the group".into())?;
    set_keep_capabilities(keep_capabilities)?;
    set_thread_res_uid(uid, uid, uid).context(|| "set the user".into())?;
    set_keep_capabilities(false)?;
    if keep_capabilities {
        let mut sets = rustix::thread::capabilities(None)?;
        sets.effective = sets.permitted;
        set_capabilities(None, sets)?;
    }
    Ok(())
}

/// Drops from the bounding set all but these.
pub(crate) fn bounding_set(kept: &[Capability]) -> Result<(), StepError> {
    for number in 0..64 {
        if kept.iter().any(|capability| capability.number == number) {
            continue;
        }
        let capability = CapabilitySet::from_bits_retain(1 << number);
        match remove_capability_from_bounding_set(capability) {
            // The kernel has no more capabilities.
            Err(rustix::io::Errno::INVAL) => break,
            result => result.context(|| format!("drop capability {number}"))?,
        }
    }
    Ok(())
}

/// Sets all but the bounding set.
pub(crate) fn capabilities(sets: &Capabilities) -> Result<(), StepError> {
    let set = |list: &[Capability]| {
        CapabilitySet::from_bits_retain(
            list.iter().fold(0, |bits, capability| bits | 1 << capability.number),
        )
    };
    clear_ambient_capability_set()?;
    set_capabilities(
        None,
        CapabilitySets {
            effective: set(&sets.effective),
            permitted: set(&sets.permitted),
            inheritable: set(&sets.inheritable),
        },
    )?;
    for capability in &sets.ambient {
        configure_capability_in_ambient_set(
            CapabilitySet::from_bits_retain(1 << capability.number),
            true,
        )
        .context(|| format!("make {} ambient", capability.name))?;
    }
    Ok(())
}

/// Bounds a resource.
pub(crate) fn rlimit(resource: &str, soft: u64, hard: u64) -> Result<(), StepError> {
    let resource = match resource {
        "RLIMIT_AS" => Resource::As,
        "RLIMIT_CORE" => Resource::Core,
        "RLIMIT_CPU" => Resource::Cpu,
        "RLIMIT_DATA" => Resource::Data,
        "RLIMIT_FSIZE" => Resource::Fsize,
        "RLIMIT_LOCKS" => Resource::Locks,
        "RLIMIT_MEMLOCK" => Resource::Memlock,
        "RLIMIT_MSGQUEUE" => Resource::Msgqueue,
        "RLIMIT_NICE" => Resource::Nice,
        "RLIMIT_NOFILE" => Resource::Nofile,
        "RLIMIT_NPROC" => Resource::Nproc,
        "RLIMIT_RSS" => Resource::Rss,
        "RLIMIT_RTPRIO" => Resource::Rtprio,
        "RLIMIT_RTTIME" => Resource::Rttime,
        "RLIMIT_SIGPENDING" => Resource::Sigpending,
        "RLIMIT_STACK" => Resource::Stack,
        _ => return Err(StepError::new(format!("no such resource as `{resource}`"))),
    };
    let bound = |value| if value == u64::MAX { None } else { Some(value) };
    Ok(rustix::process::setrlimit(resource, Rlimit { current: bound(soft), maximum: bound(hard) })?)
}

/// Sets how this process is scheduled.
pub(crate) fn schedule(schedule: &Schedule) -> Result<(), StepError> {
    let policy = match schedule.policy.as_str() {
        "SCHED_OTHER" => 0,
        "SCHED_FIFO" => 1,
        "SCHED_RR" => 2,
        "SCHED_BATCH" => 3,
        "SCHED_ISO" => 4,
        "SCHED_IDLE" => 5,
        "SCHED_DEADLINE" => 6,
        other => return Err(StepError::new(format!("no such scheduling policy as `{other}`"))),
    };
    let mut flags = 0;
    for flag in &schedule.flags {
        flags |= match flag.as_str() {
            "SCHED_FLAG_RESET_ON_FORK" => 0x01,
            "SCHED_FLAG_RECLAIM" => 0x02,
            "SCHED_FLAG_DL_OVERRUN" => 0x04,
            "SCHED_FLAG_KEEP_POLICY" => 0x08,
            "SCHED_FLAG_KEEP_PARAMS" => 0x10,
            "SCHED_FLAG_UTIL_CLAMP_MIN" => 0x20,
            "SCHED_FLAG_UTIL_CLAMP_MAX" => 0x40,
            other => return Err(StepError::new(format!("no such scheduling flag as `{other}`"))),
        };
    }
    let priority =
        u32::try_from(schedule.priority).map_err(|_| StepError::new("the priority is negative"))?;
    Ok(sys::schedule::set_schedule(sys::schedule::Schedule {
        policy,
        flags,
        nice: schedule.nice,
        priority,
        runtime: schedule.runtime,
        deadline: schedule.deadline,
        period: schedule.period,
        ..Default::default()
    })?)
}

/// Sets which processors this process runs on.
pub(crate) fn processors(list: &[u32]) -> Result<(), StepError> {
    let mut set = CpuSet::new();
    for processor in 0..CpuSet::MAX_CPU {
        if list.iter().any(|asked| *asked as usize == processor) {
            set.set(processor);
        }
    }
    Ok(sched_setaffinity(None, &set)?)
}

/// Sets how input and output are scheduled.
pub(crate) fn io_priority(class: &str, level: i32) -> Result<(), StepError> {
    let class = match class {
        "IOPRIO_CLASS_RT" => 1,
        "IOPRIO_CLASS_BE" => 2,
        "IOPRIO_CLASS_IDLE" => 3,
        other => return Err(StepError::new(format!("no such I/O class as `{other}`"))),
    };
    Ok(sys::schedule::set_io_priority(class << 13 | level)?)
}

/// Sets the execution domain.
pub(crate) fn personality(domain: &str) -> Result<(), StepError> {
    let domain = match domain {
        "LINUX" => 0,
        "LINUX32" => 8,
        other => return Err(StepError::new(format!("no such execution domain as `{other}`"))),
    };
    Ok(sys::schedule::set_personality(domain)?)
}

/// Sets where memory comes from.
pub(crate) fn memory_policy(mode: &str, flags: &[String], nodes: &[u32]) -> Result<(), StepError> {
    let mut bits = match mode {
        "MPOL_DEFAULT" => 0,
        "MPOL_PREFERRED" => 1,
        "MPOL_BIND" => 2,
        "MPOL_INTERLEAVE" => 3,
        "MPOL_LOCAL" => 4,
        "MPOL_PREFERRED_MANY" => 5,
        "MPOL_WEIGHTED_INTERLEAVE" => 6,
        other => return Err(StepError::new(format!("no such memory policy as `{other}`"))),
    };
    for flag in flags {
        bits |= match flag.as_str() {
            "MPOL_F_STATIC_NODES" => 1 << 15,
            "MPOL_F_RELATIVE_NODES" => 1 << 14,
            "MPOL_F_NUMA_BALANCING" => 1 << 13,
            other => {
                return Err(StepError::new(format!("no such memory policy flag as `{other}`")));
            }
        };
    }
    let words = nodes.iter().max().map_or(0, |most| *most as usize / 64 + 1);
    let mut map = vec![0; words];
    for node in nodes {
        map[*node as usize / 64] |= 1u64 << (node % 64);
    }
    Ok(sys::schedule::set_memory_policy(bits, &map)?)
}

/// Loads the system call filter.
pub(crate) fn seccomp(filter: &Filter) -> Result<(), StepError> {
    let flags = seccomp::flag_bits(&filter.flags)
        .map_err(|flag| StepError::new(format!("no such flag as `{flag}`")))?;
    Ok(sys::seccomp::load(&filter.instructions, flags).map(drop)?)
}
