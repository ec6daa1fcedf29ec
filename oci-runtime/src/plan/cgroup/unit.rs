//! A cgroup that systemd makes.

use crate::plan::{Planner, UnitPlan};

/// What the name of a unit begins with by default.
const PREFIX: &str = "oci-runtime";

impl Planner<'_> {
    /// The unit that `cgroupsPath` names, as in `machine.slice:libpod:9f86d0`.
    pub(super) fn unit(&mut self, path: Option<&str>) -> Option<UnitPlan> {
        let pointer = "/linux/cgroupsPath";
        if !cfg!(feature = "systemd") {
            self.refuse(pointer, "to have systemd make cgroups needs the feature `systemd`");
        }
        let hierarchies = &self.host.cgroups.hierarchies;
        if hierarchies.len() != 1 || hierarchies.iter().any(|it| !it.controllers.is_empty()) {
            let reason = "systemd is asked for cgroups only where version 2 is all that is mounted";
            self.refuse(pointer, reason);
        }
        let is_user = self.host.uid != 0 || self.host.is_in_user_namespace();
        let parts: Vec<&str> = path.unwrap_or("::").split(':').collect();
        let [slice, prefix, name] = parts[..] else {
            let shown = path.unwrap_or_default();
            self.refuse(pointer, format!("`{shown}` is not `SLICE:PREFIX:NAME`"));
            return None;
        };
        let slice = match slice {
            "" if is_user => "user.slice",
            "" => "system.slice",
            slice => slice,
        };
        let prefix = if path.is_none() { PREFIX } else { prefix };
        let name = Some(name).filter(|name| !name.is_empty()).map(String::from);
        Some(UnitPlan { slice: slice.into(), prefix: prefix.into(), name, is_user })
    }
}
