//! Who the process is and what it may do.

use rustix::fs::FileType;
use rustix::process::Rlimit;
use rustix::thread::{
    CapabilitySet, CapabilitySets, CpuSet, Gid, Uid, clear_ambient_capability_set,
    configure_capability_in_ambient_set, remove_capability_from_bounding_set, sched_setaffinity,
    set_capabilities, set_keep_capabilities, set_thread_groups, set_thread_res_gid,
    set_thread_res_uid,
};

use super::error::{Context, StepError};
use crate::host::Resource;
use crate::plan::{Capabilities, Constant, Filter, ProcessStep, Schedule};
use crate::sys;

/// Sets how likely the kernel kills this process when memory is short; its children inherit it.
///
/// Before namespaces and users change: a lower value takes CAP_SYS_RESOURCE in the first user namespace.
pub(crate) fn oom_score(value: i32) -> Result<(), StepError> {
    Ok(std::fs::write("/proc/self/oom_score_adj", value.to_string())?)
}

/// Becomes user and group 0 of the user namespace.
pub(crate) fn become_root() -> Result<(), StepError> {
    // The group first: without user 0, and its CAP_SETGID, it could not be changed any more.
    set_thread_res_gid(Gid::ROOT, Gid::ROOT, Gid::ROOT)?;
    set_thread_res_uid(Uid::ROOT, Uid::ROOT, Uid::ROOT)?;
    // A change of IDs makes a process not dumpable, and `/proc/self` of such a process belongs to the host's root: the
    // launching process could not write the ID mappings, and this one not the clocks of a time namespace.
    Ok(rustix::process::set_dumpable_behavior(rustix::process::DumpableBehavior::Dumpable)?)
}

/// Sets the user, the group and the additional groups, and keeps the capabilities.
pub(crate) fn user(uid: u32, gid: u32, groups: Option<&[u32]>) -> Result<(), StepError> {
    // Groups before the user: setgroups(2) and setresgid(2) take rights that go with user 0. None keeps the caller's
    // groups: a user namespace that its owner mapped alone may not drop them (CVE-2014-8989).
    if let Some(groups) = groups {
        let groups: Vec<Gid> = groups.iter().map(|group| Gid::from_raw(*group)).collect();
        set_thread_groups(&groups).context(|| "set the additional groups".into())?;
    }
    let (uid, gid) = (Uid::from_raw(uid), Gid::from_raw(gid));
    set_thread_res_gid(gid, gid, gid).context(|| "set the group".into())?;
    // Without it the kernel takes all capabilities from a process that stops being user 0 (capabilities(7)).
    set_keep_capabilities(true)?;
    set_thread_res_uid(uid, uid, uid).context(|| "set the user".into())?;
    set_keep_capabilities(false)?;
    // Kept are the permitted ones alone; the steps that follow need them effective.
    let mut sets = rustix::thread::capabilities(None)?;
    sets.effective = sets.permitted;
    Ok(set_capabilities(None, sets)?)
}

/// Makes the user of the program the owner of the pipes that are its standard input, output and error: it may open them by
/// their names, as `/dev/stdout`. Nothing else, which others may open by a path: no device and no file.
pub(crate) fn own_pipes(uid: u32) {
    let stdio = [rustix::stdio::stdin(), rustix::stdio::stdout(), rustix::stdio::stderr()];
    for descriptor in stdio {
        let is_pipe = rustix::fs::fstat(descriptor).is_ok_and(|found| {
            FileType::from_raw_mode(found.st_mode) == FileType::Fifo && found.st_uid != uid
        });
        if is_pipe {
            // In a user namespace that does not have the owner, the kernel does not permit it.
            let _ = rustix::fs::fchown(descriptor, Some(Uid::from_raw(uid)), None);
        }
    }
}

/// Drops from the bounding set all but these. While CAP_SETPCAP is effective, so before the other sets.
pub(crate) fn bounding_set(kept: &[Constant]) -> Result<(), StepError> {
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
    let set = |list: &[Constant]| {
        CapabilitySet::from_bits_retain(
            list.iter().fold(0, |bits, capability| bits | 1 << capability.number),
        )
    };
    // Ambient capabilities must be permitted and inheritable (capabilities(7)): they are cleared first and raised last.
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

/// Limits a resource.
pub(crate) fn rlimit(resource: Resource, soft: u64, hard: u64) -> Result<(), StepError> {
    let limit = |value| (value != u64::MAX).then_some(value);
    let limits = Rlimit { current: limit(soft), maximum: limit(hard) };
    Ok(rustix::process::setrlimit(resource.kernel(), limits)?)
}

/// Sets how this process is scheduled.
pub(crate) fn schedule(schedule: &Schedule) -> Result<(), StepError> {
    Ok(sys::schedule::set_schedule(sys::schedule::Schedule {
        policy: schedule.policy.number,
        flags: schedule.flags.into(),
        nice: schedule.nice,
        priority: schedule.priority,
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
pub(crate) fn io_priority(class: &Constant, level: u32) -> Result<(), StepError> {
    const CLASS_SHIFT: u32 = 13;
    Ok(sys::schedule::set_io_priority(class.number << CLASS_SHIFT | level)?)
}

/// Sets the execution domain.
pub(crate) fn personality(domain: &Constant) -> Result<(), StepError> {
    Ok(sys::schedule::set_personality(domain.number)?)
}

/// Sets where memory comes from.
pub(crate) fn memory_policy(mode: &Constant, flags: u32, nodes: &[u32]) -> Result<(), StepError> {
    let words = nodes.iter().max().map_or(0, |most| *most as usize / 64 + 1);
    let mut map = vec![0; words];
    for node in nodes {
        map[*node as usize / 64] |= 1u64 << (node % 64);
    }
    Ok(sys::schedule::set_memory_policy(mode.number | flags, &map)?)
}

/// Gives up rights in the process of a hook.
pub(crate) fn give_up(rights: &[ProcessStep]) -> std::io::Result<()> {
    rights.iter().try_for_each(|step| {
        let given_up = match step {
            ProcessStep::Seccomp(filter) => seccomp(filter),
            ProcessStep::Capabilities(sets) => capabilities(sets),
            _ => Ok(()),
        };
        given_up.map_err(|error| match error.errno {
            Some(errno) => std::io::Error::from_raw_os_error(errno),
            None => std::io::ErrorKind::Other.into(),
        })
    })
}

/// Loads the system call filter. From here on every system call of this process is subject to it: after it comes
/// nothing but execve. Without CAP_SYS_ADMIN it takes `no_new_privs`, which the plan sets before.
pub(crate) fn seccomp(filter: &Filter) -> Result<(), StepError> {
    Ok(sys::seccomp::load(&filter.instructions, filter.flags.into()).map(drop)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The kernel refuses a flag that it does not know before it looks at anything else.
    #[test]
    fn a_filter_is_loaded_with_its_flags() {
        const ALLOW: (u16, u8, u8, u32) = (0x06, 0, 0, 0x7fff_0000);
        let filter = Filter { summary: String::new(), flags: 1 << 31, instructions: vec![ALLOW] };
        let error = seccomp(&filter).unwrap_err();
        assert_eq!(error.errno, Some(libc::EINVAL));
    }
}
