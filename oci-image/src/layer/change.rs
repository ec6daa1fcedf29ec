use std::fmt;

use super::{Entry, EntryPath};

/// One step from the filesystem below a layer to the one above. Closed by nature: a layer adds, removes,
/// and hides what is below a directory.
#[expect(clippy::exhaustive_enums, reason = "closed by nature")]
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// What is at the path afterwards, whatever was there before. Only a directory that comes where
    /// a directory was keeps what it holds.
    Upsert(Entry),
    /// What lower layers have at the path is gone. What this layer puts there stays, whichever
    /// comes first.
    Whiteout(EntryPath),
    /// What lower layers have in the directory is gone. What this layer puts there stays, whichever
    /// comes first.
    Opaque(EntryPath),
}

impl Change {
    /// Where the change is: of an opaque marker, the directory.
    pub fn path(&self) -> &EntryPath {
        match self {
            Self::Upsert(entry) => &entry.path,
            Self::Whiteout(path) | Self::Opaque(path) => path,
        }
    }
}

impl From<Entry> for Change {
    fn from(entry: Entry) -> Self {
        Self::Upsert(entry)
    }
}

/// One line in the manner of `ls -l`; whiteouts show as `- /path`, opaque directories as `! /path`.
impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Upsert(entry) => entry.fmt(f),
            Self::Whiteout(path) => write!(f, "- {path}"),
            Self::Opaque(path) => write!(f, "! {path}"),
        }
    }
}
