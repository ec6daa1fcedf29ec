//! New limits for a container that exists.

use super::{CgroupUpdate, Planner, Refusals};
use crate::spec::linux::Resources;
use crate::{Bundle, Host};

impl CgroupUpdate {
    /// Plans to have these limits in force: those that the container had, with what changes.
    ///
    /// # Errors
    /// Every reason why the host cannot set them.
    pub(crate) fn new(
        resources: &Resources,
        changes: &Resources,
        bundle: &Bundle,
        host: &Host,
    ) -> Result<Self, Refusals> {
        let mut planner = Planner::new(bundle.spec(), bundle.dir(), host);
        let writes = planner.cgroup_writes(resources);
        let devices = (!changes.devices.is_empty()).then(|| planner.device_rules(&changes.devices));
        planner.finish()?;
        let memory =
            changes.memory.as_ref().filter(|memory| memory.check_before_update == Some(true));
        let limit = memory.and_then(|memory| memory.limit).filter(|limit| *limit > 0);
        let memory_above_use = limit.map(i64::unsigned_abs);
        Ok(Self { writes, devices, memory_above_use })
    }
}
