use oci_image::json::model;

model! {
    /// How the kernel schedules a process, as sched_setattr(2) takes it.
    pub struct Scheduler {
        /// The policy.
        required policy: SchedulerPolicy = "policy";
        /// The nice value, for `SCHED_OTHER` and `SCHED_BATCH`.
        optional nice: i32 = "nice";
        /// The static priority, for `SCHED_FIFO` and `SCHED_RR`.
        optional priority: i32 = "priority";
        /// Flags.
        list flags: Vec<SchedulerFlag> = "flags";
        /// Nanoseconds to run in each period, for `SCHED_DEADLINE`.
        optional runtime: u64 = "runtime";
        /// Nanoseconds within which the runtime is given, for `SCHED_DEADLINE`.
        optional deadline: u64 = "deadline";
        /// The period in nanoseconds, for `SCHED_DEADLINE`.
        optional period: u64 = "period";
    }

    /// The priority of a process's input and output, as ioprio_set(2) takes it.
    pub struct IoPriority {
        /// The class.
        required class: IoPriorityClass = "class";
        /// The level in the class: 0 (first) to 7.
        required priority: i64 = "priority";
    }
}

open! {
    /// A policy of scheduling.
    pub enum SchedulerPolicy {
        Normal = "SCHED_OTHER",
        Fifo = "SCHED_FIFO",
        Rr = "SCHED_RR",
        Batch = "SCHED_BATCH",
        Iso = "SCHED_ISO",
        Idle = "SCHED_IDLE",
        Deadline = "SCHED_DEADLINE",
    }

    /// A flag of scheduling.
    pub enum SchedulerFlag {
        ResetOnFork = "SCHED_FLAG_RESET_ON_FORK",
        Reclaim = "SCHED_FLAG_RECLAIM",
        DlOverrun = "SCHED_FLAG_DL_OVERRUN",
        KeepPolicy = "SCHED_FLAG_KEEP_POLICY",
        KeepParams = "SCHED_FLAG_KEEP_PARAMS",
        UtilClampMin = "SCHED_FLAG_UTIL_CLAMP_MIN",
        UtilClampMax = "SCHED_FLAG_UTIL_CLAMP_MAX",
    }

    /// A class of input and output priority.
    pub enum IoPriorityClass {
        RealTime = "IOPRIO_CLASS_RT",
        BestEffort = "IOPRIO_CLASS_BE",
        Idle = "IOPRIO_CLASS_IDLE",
    }
}

impl SchedulerPolicy {
    /// The number by which sched_setattr(2) knows it.
    pub(crate) fn number(&self) -> Option<u32> {
        match self {
            Self::Normal => Some(0),
            Self::Fifo => Some(1),
            Self::Rr => Some(2),
            Self::Batch => Some(3),
            Self::Iso => Some(4),
            Self::Idle => Some(5),
            Self::Deadline => Some(6),
            Self::Other(_) => None,
        }
    }
}

impl SchedulerFlag {
    /// The bit by which sched_setattr(2) knows it.
    pub(crate) fn number(&self) -> Option<u32> {
        match self {
            Self::ResetOnFork => Some(0x01),
            Self::Reclaim => Some(0x02),
            Self::DlOverrun => Some(0x04),
            Self::KeepPolicy => Some(0x08),
            Self::KeepParams => Some(0x10),
            Self::UtilClampMin => Some(0x20),
            Self::UtilClampMax => Some(0x40),
            Self::Other(_) => None,
        }
    }
}

impl IoPriorityClass {
    /// The number by which ioprio_set(2) knows it.
    pub(crate) fn number(&self) -> Option<u32> {
        match self {
            Self::RealTime => Some(1),
            Self::BestEffort => Some(2),
            Self::Idle => Some(3),
            Self::Other(_) => None,
        }
    }
}
