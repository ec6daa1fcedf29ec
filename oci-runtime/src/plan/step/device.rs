//! Device nodes.

use std::fmt::{self, Display, Formatter};

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
    pub(crate) origin: DeviceOrigin,
}

impl Display for Device {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Self { path, major, minor, mode, .. } = self;
        let verb = match self.origin {
            DeviceOrigin::Made => "make device",
            DeviceOrigin::Host => "bind device",
            DeviceOrigin::Existing => "find device",
        };
        write!(f, "{verb} {path} ({major}:{minor}, mode {mode:03o})")
    }
}

/// Where a device node comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum DeviceOrigin {
    /// It is made by `mknod`.
    Made,
    /// The caller may not make device nodes: the host's node of the same path and number is bind mounted.
    Host,
    /// Its directory is bind mounted from the host: the node must exist there.
    Existing,
}

/// The kind of a device node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum DeviceKind {
    Character,
    Block,
    Fifo,
}
