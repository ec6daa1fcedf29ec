//! Namespaces, and the mappings of ids and the clocks inside them.

use std::fmt::{self, Display, Formatter};
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::host::IdRange;

/// A step that makes the namespaces of the container and what is in them besides mounts.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum NamespaceStep {
    /// Join the namespace that a path names.
    Join {
        kind: Namespace,
        path: PathBuf,
        /// Kernel parameters or names are set in it, so it must not be the caller's own.
        is_changed: bool,
    },
    /// Join namespaces of the container's process.
    JoinTarget(Vec<Namespace>),
    /// Make a user namespace.
    NewUser,
    /// Become user and group 0 of the user namespace, with the rights of its owner.
    BecomeRoot,
    /// Make a time namespace, with its clocks set off from the host's.
    NewTime(Vec<TimeOffset>),
    /// Make the process of the container in new namespaces.
    Clone(Vec<Namespace>),
    /// Make the process in the namespaces that were joined, and wait until it has ended.
    CloneAndWait,
    /// Make a cgroup namespace, with the process's own cgroup as its root.
    NewCgroup,
    /// Set the host name.
    Hostname(String),
    /// Set the NIS domain name.
    Domainname(String),
    /// Bring up `lo`.
    Loopback,
}

impl Display for NamespaceStep {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Join { kind, path, .. } => {
                write!(f, "join {} namespace {}", kind.word(), path.display())
            }
            Self::JoinTarget(kinds) => write!(f, "join {} of the container", list(kinds)),
            Self::NewUser => f.write_str("make user namespace"),
            Self::BecomeRoot => f.write_str("become user 0 of the user namespace"),
            Self::NewTime(offsets) => {
                f.write_str("make time namespace")?;
                offsets.iter().try_for_each(|offset| offset.fmt(f))
            }
            Self::Clone(kinds) if kinds.is_empty() => f.write_str("make the process"),
            Self::Clone(kinds) => write!(f, "make the process in new {}", list(kinds)),
            Self::CloneAndWait => f.write_str("make the process and wait for its end"),
            Self::NewCgroup => f.write_str("make cgroup namespace"),
            Self::Hostname(name) => write!(f, "set host name {name}"),
            Self::Domainname(name) => write!(f, "set domain name {name}"),
            Self::Loopback => f.write_str("bring up lo"),
        }
    }
}

fn list(kinds: &[Namespace]) -> String {
    let words: Vec<&str> = kinds.iter().map(|kind| kind.word()).collect();
    format!("{} namespace{}", words.join(", "), if kinds.len() == 1 { "" } else { "s" })
}

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
            Self::User => "user",
            Self::Mount => "mount",
            Self::Pid => "pid",
            Self::Network => "network",
            Self::Ipc => "ipc",
            Self::Uts => "uts",
            Self::Cgroup => "cgroup",
            Self::Time => "time",
        }
    }
}

/// The id mappings of a user namespace, and how they are written.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct MapIds {
    pub(crate) uids: Vec<IdRange>,
    pub(crate) gids: Vec<IdRange>,
    /// Paths of newuidmap and newgidmap, if the caller may not write the mappings itself.
    pub(crate) helpers: Option<(PathBuf, PathBuf)>,
    /// `setgroups` is denied first: the kernel requires it of a caller without privileges (user_namespaces(7)).
    pub(crate) deny_setgroups: bool,
}

impl Display for MapIds {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let ranges = |ranges: &[IdRange]| {
            ranges.iter().map(IdRange::to_string).collect::<Vec<_>>().join(",")
        };
        write!(f, "map users {} and groups {}", ranges(&self.uids), ranges(&self.gids))?;
        match &self.helpers {
            Some((users, groups)) => write!(f, " by {} and {}", users.display(), groups.display()),
            None if self.deny_setgroups => f.write_str(", without setgroups"),
            None => Ok(()),
        }
    }
}

/// A clock that a time namespace has of its own (time_namespaces(7)).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Clock {
    Monotonic,
    Boottime,
}

impl Clock {
    /// The clock of a word of the specification.
    pub(crate) fn parse(word: &str) -> Option<Self> {
        match word {
            "monotonic" => Some(Self::Monotonic),
            "boottime" => Some(Self::Boottime),
            _ => None,
        }
    }
}

/// The word, as the kernel and the specification have it.
impl Display for Clock {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Monotonic => "monotonic",
            Self::Boottime => "boottime",
        })
    }
}

/// The offset of a clock of a time namespace.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct TimeOffset {
    pub(crate) clock: Clock,
    pub(crate) seconds: i64,
    pub(crate) nanoseconds: u32,
}

impl Display for TimeOffset {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, ", {} set off by {}.{:09} s", self.clock, self.seconds, self.nanoseconds)
    }
}
