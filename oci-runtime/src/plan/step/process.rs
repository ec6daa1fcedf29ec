//! What the program may do, and how it is scheduled.

use serde::{Deserialize, Serialize};

/// How a process is scheduled.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Schedule {
    pub(crate) policy: String,
    pub(crate) flags: Vec<String>,
    pub(crate) nice: i32,
    pub(crate) priority: i32,
    pub(crate) runtime: u64,
    pub(crate) deadline: u64,
    pub(crate) period: u64,
}

/// A capability by its name and its number.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Capability {
    pub(crate) name: String,
    pub(crate) number: u32,
}

/// The capability sets of a process but for the bounding set.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Capabilities {
    pub(crate) effective: Vec<Capability>,
    pub(crate) permitted: Vec<Capability>,
    pub(crate) inheritable: Vec<Capability>,
    pub(crate) ambient: Vec<Capability>,
}

/// A compiled system call filter.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Filter {
    /// What the profile says, for people.
    pub(crate) summary: String,
    /// `SECCOMP_FILTER_FLAG_*` words.
    pub(crate) flags: Vec<String>,
    /// Code, jump if true, jump if false, value.
    pub(crate) instructions: Vec<(u16, u8, u8, u32)>,
}
