//! Cgroups.

use std::collections::BTreeSet;
use std::fmt::{self, Display, Formatter};

use serde::{Deserialize, Serialize};

use crate::host::Hierarchy;
use crate::spec::linux::DeviceAccess;

/// A cgroup and what is written to it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct CgroupPlan {
    /// As `cgroupsPath` has it. None: named after the container.
    pub(crate) path: Option<String>,
    /// Where each hierarchy is mounted, by controller; the unified one has the empty name.
    pub(crate) hierarchies: Vec<Hierarchy>,
    pub(crate) writes: Vec<CgroupWrite>,
    /// Rules for devices, in order.
    pub(crate) devices: Vec<DeviceRule>,
    /// What systemd makes it by. None: it is made in the filesystems.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) unit: Option<UnitPlan>,
}

/// A scope of systemd for a container, whose name is `PREFIX-NAME.scope`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct UnitPlan {
    pub(crate) slice: String,
    pub(crate) prefix: String,
    /// None: the ID of the container.
    pub(crate) name: Option<String>,
    /// Of the service manager of the user, not of that of the system.
    pub(crate) is_user: bool,
}

impl Display for CgroupPlan {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let path = self.path.as_deref().unwrap_or("named after the container");
        let maker = if self.unit.is_some() { "have systemd make" } else { "make" };
        write!(f, "{maker} cgroup {path}")?;
        for line in &self.writes {
            write!(f, ", {}={}", line.file, line.value)?;
        }
        if self.devices.is_empty() {
            Ok(())
        } else {
            write!(f, ", {} device rules", self.devices.len())
        }
    }
}

/// New limits for a cgroup.
#[derive(Clone, Debug, PartialEq)]
#[cfg(target_os = "linux")]
pub(crate) struct CgroupUpdate {
    pub(crate) writes: Vec<CgroupWrite>,
    /// Rules in place of those before. None: they stay.
    pub(crate) devices: Option<Vec<DeviceRule>>,
    /// A limit of memory, in bytes, that is set only if it is not below the use.
    pub(crate) memory_above_use: Option<u64>,
}

/// One line for one file of a cgroup.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct CgroupWrite {
    /// The controller whose hierarchy holds the file; empty for the unified one.
    pub(crate) controller: String,
    pub(crate) file: String,
    pub(crate) value: String,
}

/// Who may use which devices.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct DeviceRule {
    pub(crate) allow: bool,
    pub(crate) kind: DeviceRuleKind,
    /// None: any.
    pub(crate) major: Option<u32>,
    /// None: any.
    pub(crate) minor: Option<u32>,
    pub(crate) access: BTreeSet<DeviceAccess>,
}

/// The kind of devices that a rule is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum DeviceRuleKind {
    All,
    Character,
    Block,
}
