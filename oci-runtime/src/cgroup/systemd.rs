//! Cgroups that systemd makes: a transient scope for each container ([org.freedesktop.systemd1]).
//!
//! [org.freedesktop.systemd1]: https://www.freedesktop.org/software/systemd/man/latest/org.freedesktop.systemd1.html

#[cfg(feature = "systemd")]
mod bus;
#[cfg(not(feature = "systemd"))]
#[path = "systemd/off.rs"]
mod bus;
#[cfg(feature = "systemd")]
mod properties;

use std::io;

use serde::{Deserialize, Serialize};

use super::CgroupError;
use crate::ContainerId;
use crate::plan::{CgroupWrite, UnitPlan};

/// The scope of a container. Kept in the container's record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Unit {
    name: String,
    slice: String,
    /// Of the service manager of the user, not of that of the system.
    is_user: bool,
    /// Tells it from another unit that gets its name later.
    description: String,
}

impl Unit {
    pub(super) fn of(plan: &UnitPlan, id: &ContainerId) -> Self {
        let name = plan.name.as_deref().unwrap_or(id.as_str());
        let dash = if plan.prefix.is_empty() { "" } else { "-" };
        let nanoseconds = std::time::UNIX_EPOCH.elapsed().map_or(0, |elapsed| elapsed.as_nanos());
        Self {
            name: format!("{}{dash}{name}.scope", plan.prefix),
            slice: plan.slice.clone(),
            is_user: plan.is_user,
            description: format!("container {id} ({}, {nanoseconds})", std::process::id()),
        }
    }

    /// Starts it with a process in it. Returns the path of its cgroup below the mount.
    pub(super) fn start(&self, writes: &[CgroupWrite], pid: i32) -> Result<String, CgroupError> {
        bus::start(self, writes, pid).map_err(self.failed("start unit"))
    }

    /// Passes new limits on, which systemd sets again whenever its configuration is loaded.
    pub(super) fn update(&self, writes: &[CgroupWrite]) -> Result<(), CgroupError> {
        bus::update(self, writes).map_err(self.failed("change unit"))
    }

    /// Stops it. It is not an error if it is gone, as it is when its processes have ended.
    pub(super) fn stop(&self) -> Result<(), CgroupError> {
        bus::stop(self).map_err(self.failed("stop unit"))
    }

    fn failed(&self, action: &'static str) -> impl Fn(io::Error) -> CgroupError {
        move |error| CgroupError::new(action, &self.name, error)
    }
}
