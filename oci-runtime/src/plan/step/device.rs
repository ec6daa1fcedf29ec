//! Device nodes.

use serde::{Deserialize, Serialize};

/// A device node.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Device {
    pub(crate) path: String,
    pub(crate) kind: DeviceKind,
    pub(crate) major: u32,
    pub(crate) minor: u32,
    pub(crate) mode: u32,
    pub(crate) uid: u32,
    pub(crate) gid: u32,
    pub(crate) supply: Supply,
}

/// Where a device node comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Supply {
    /// It is made.
    Make,
    /// The caller may not make device nodes: the host's node of the same path and number is shown.
    Show,
    /// Its directory is the host's: it must be there.
    Demand,
}

/// The kind of a device node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum DeviceKind {
    Character,
    Block,
    Fifo,
}
