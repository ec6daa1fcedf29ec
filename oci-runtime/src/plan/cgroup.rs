//! The control group and its limits, in the words of the host's hierarchies.

mod limits;

use super::{CgroupPlan, Planner, Step};
use crate::spec::linux::Resources;

impl Planner<'_> {
    /// Plans the control group, if the container gets one.
    pub(super) fn cgroup(&mut self) {
        let linux = self.linux();
        let asked = linux.resources.as_ref().filter(|resources| !is_empty(resources));
        let path = linux.cgroups_path.clone().filter(|path| !path.is_empty());
        if !self.host.cgroups.writable {
            if asked.is_some() {
                let reason = "limits need control groups, and the caller may not make any";
                self.refuse("/linux/resources", reason);
            } else if path.is_some() {
                self.warn(
                    "the caller may not make control groups: the container stays in the caller's",
                );
            }
            return;
        }
        if let Some(path) = &path
            && (path.contains('\0')
                || path.split('/').any(|part| part == "..")
                || path.trim_matches('/').is_empty())
        {
            self.refuse(
                "/linux/cgroupsPath",
                format!("`{path}` does not name a group beneath another"),
            );
        }
        let writes = asked.map(|resources| self.cgroup_writes(resources)).unwrap_or_default();
        let devices =
            asked.map(|resources| self.device_rules(&resources.devices)).unwrap_or_default();
        let hierarchies = self.host.cgroups.hierarchies.clone();
        self.steps.push(Step::MakeCgroup(CgroupPlan { path, hierarchies, writes, devices }));
    }
}

/// Whether nothing is limited.
fn is_empty(resources: &Resources) -> bool {
    let mut other = resources.clone();
    other.unknown = Resources::new().unknown;
    other == Resources::new()
}
