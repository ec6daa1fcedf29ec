//! Namespaces, and what makes ids and clocks inside them others.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// A kind of namespace.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Namespace {
    User,
    Mount,
    Pid,
    Network,
    Ipc,
    Uts,
    Cgroup,
    Time,
}

impl Namespace {
    /// All kinds.
    pub(crate) const ALL: [Self; 8] = [
        Self::User,
        Self::Mount,
        Self::Pid,
        Self::Network,
        Self::Ipc,
        Self::Uts,
        Self::Cgroup,
        Self::Time,
    ];

    /// The name of the file in `/proc/PID/ns`.
    pub(crate) fn file(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Mount => "mnt",
            Self::Pid => "pid",
            Self::Network => "net",
            Self::Ipc => "ipc",
            Self::Uts => "uts",
            Self::Cgroup => "cgroup",
            Self::Time => "time",
        }
    }

    /// The word of the runtime specification.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Mount => "mount",
            Self::Network => "network",
            other => other.file(),
        }
    }
}

/// A run of ids inside a user namespace and on the host.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct IdRange {
    pub(crate) inside: u32,
    pub(crate) outside: u32,
    pub(crate) size: u32,
}

/// How id mappings come into the kernel.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct MapIds {
    pub(crate) uids: Vec<IdRange>,
    pub(crate) gids: Vec<IdRange>,
    /// Paths of newuidmap and newgidmap, if the caller may not write the mappings itself.
    pub(crate) helpers: Option<(PathBuf, PathBuf)>,
    /// The kernel demands that setgroups is given up first.
    pub(crate) deny_setgroups: bool,
}

/// A clock of a time namespace.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct TimeOffset {
    pub(crate) clock: String,
    pub(crate) seconds: i64,
    pub(crate) nanoseconds: u32,
}
