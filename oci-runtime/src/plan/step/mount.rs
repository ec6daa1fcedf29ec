//! Mounts and their attributes.

use std::fmt::{self, Display, Formatter};
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::host::IdRange;

/// A directory or file of the host to be mounted later, by its number in the plan.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct OpenTree {
    pub(crate) id: usize,
    pub(crate) source: PathBuf,
    /// The JSON pointer of what asks for it.
    pub(crate) pointer: String,
    pub(crate) recursive: bool,
    /// How mounts propagate into and out of the tree; none leaves it as the host has it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) propagation: Option<Propagation>,
    /// Ids on disk are shown as other ids.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) idmap: Option<Idmap>,
}

impl Display for OpenTree {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "open {} (`{}`)", self.source.display(), self.pointer)?;
        if self.recursive {
            f.write_str(" and the mounts below it")?;
        }
        if self.idmap.is_some() { f.write_str(", with mapped ids") } else { Ok(()) }
    }
}

/// The mapping of an idmapped mount.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Idmap {
    pub(crate) uids: Vec<IdRange>,
    pub(crate) gids: Vec<IdRange>,
    pub(crate) recursive: bool,
}

/// How mounts and unmounts propagate between peers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Propagation {
    pub(crate) kind: PropagationKind,
    pub(crate) recursive: bool,
}

/// The option word, such as `rslave`.
impl Display for Propagation {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(if self.recursive { "r" } else { "" })?;
        f.write_str(match self.kind {
            PropagationKind::Shared => "shared",
            PropagationKind::Slave => "slave",
            PropagationKind::Private => "private",
            PropagationKind::Unbindable => "unbindable",
        })
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum PropagationKind {
    Shared,
    Slave,
    Private,
    Unbindable,
}

/// One entry of the mount table to be made.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Mount {
    pub(crate) source: Source,
    /// Absolute, as seen from inside.
    pub(crate) target: String,
    #[serde(default, skip_serializing_if = "Change::is_empty")]
    pub(crate) change: Change,
    #[serde(default, skip_serializing_if = "Change::is_empty")]
    pub(crate) recursive_change: Change,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) propagation: Option<Propagation>,
}

impl Display for Mount {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let mut shown = self.change.words("");
        shown.extend(self.recursive_change.words("r"));
        shown.extend(self.propagation.map(|propagation| propagation.to_string()));
        match &self.source {
            Source::Filesystem { kind, options, .. } => {
                write!(f, "mount {kind} on {}", self.target)?;
                shown.extend(options.iter().cloned());
            }
            Source::Copy { options } => {
                write!(f, "mount tmpfs on {}", self.target)?;
                shown.extend(options.iter().cloned().chain(["tmpcopyup".into()]));
            }
            Source::Tree { path, .. } => write!(f, "mount {} on {}", path.display(), self.target)?,
            Source::Remount { options, .. } => {
                write!(f, "remount {}", self.target)?;
                shown.extend(options.iter().cloned());
            }
        }
        if shown.is_empty() { Ok(()) } else { write!(f, " ({})", shown.join(", ")) }
    }
}

/// What is mounted.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Source {
    /// A new instance of a filesystem.
    Filesystem {
        kind: String,
        source: Option<String>,
        /// Options for the filesystem and its superblock: `key` or `key=value`.
        options: Vec<String>,
        /// Symbolic links on the way to the target are refused.
        plain_target: bool,
    },
    /// A filesystem in memory with a copy of the directory that it covers.
    Copy { options: Vec<String> },
    /// A tree that an earlier step opened.
    Tree { id: usize, path: PathBuf },
    /// What is mounted there already, with other options.
    Remount { superblock: bool, options: Vec<String> },
}

/// Attributes of a mount to set and to clear.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Change {
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) set: Vec<Attribute>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) clear: Vec<Attribute>,
}

impl Change {
    /// Whether nothing is changed.
    pub(crate) fn is_empty(&self) -> bool {
        self.set.is_empty() && self.clear.is_empty()
    }

    /// The option words, each with the prefix.
    fn words(&self, prefix: &str) -> Vec<String> {
        let set = self.set.iter().map(|attribute| attribute.word());
        let cleared = self.clear.iter().map(|attribute| attribute.opposite());
        set.chain(cleared).map(|word| format!("{prefix}{word}")).collect()
    }
}

/// An attribute of a mount.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Attribute {
    Ro,
    NoSuid,
    NoDev,
    NoExec,
    NoDirAtime,
    NoSymFollow,
    Relatime,
    NoAtime,
    StrictAtime,
}

impl Attribute {
    /// The option word that sets it.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Ro => "ro",
            Self::NoSuid => "nosuid",
            Self::NoDev => "nodev",
            Self::NoExec => "noexec",
            Self::NoDirAtime => "nodiratime",
            Self::NoSymFollow => "nosymfollow",
            Self::Relatime => "relatime",
            Self::NoAtime => "noatime",
            Self::StrictAtime => "strictatime",
        }
    }

    /// The option word that clears it.
    fn opposite(self) -> &'static str {
        match self {
            Self::Ro => "rw",
            Self::NoSuid => "suid",
            Self::NoDev => "dev",
            Self::NoExec => "exec",
            Self::NoDirAtime => "diratime",
            Self::NoSymFollow => "symfollow",
            Self::Relatime | Self::NoAtime | Self::StrictAtime => "atime",
        }
    }

    /// Whether it is one of the three that exclude each other.
    pub(crate) fn is_access_time(self) -> bool {
        match self {
            Self::Relatime | Self::NoAtime | Self::StrictAtime => true,
            Self::Ro
            | Self::NoSuid
            | Self::NoDev
            | Self::NoExec
            | Self::NoDirAtime
            | Self::NoSymFollow => false,
        }
    }
}
