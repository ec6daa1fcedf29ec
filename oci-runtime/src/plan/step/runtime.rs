//! What the process that asked for the container does.

use std::fmt::{self, Display, Formatter};

use serde::{Deserialize, Serialize};

use super::{CgroupPlan, Hooks, MapIds};

/// A step of the process that asked for the container.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum RuntimeStep {
    /// Make the cgroup and write its limits.
    MakeCgroup(CgroupPlan),
    /// Write which ids of the host the ids inside are.
    MapIds(MapIds),
    /// Put the process into its cgroup.
    EnterCgroup,
    /// Run programs in the namespaces of the host.
    Hooks(Hooks),
}

impl Display for RuntimeStep {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::MakeCgroup(plan) => plan.fmt(f),
            Self::MapIds(ids) => ids.fmt(f),
            Self::EnterCgroup => f.write_str("enter the cgroup"),
            Self::Hooks(hooks) => hooks.fmt(f),
        }
    }
}
