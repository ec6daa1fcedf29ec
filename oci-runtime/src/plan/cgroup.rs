//! The cgroup and its limits, in the words of the host's hierarchies.

mod limits;
mod unit;

use super::{CgroupPlan, Planner, RuntimeStep};
use crate::host::CgroupDriver;
use crate::spec::linux::Resources;

impl Planner<'_> {
    /// Whether the container gets a cgroup.
    fn has_cgroup(&self) -> bool {
        match self.host.cgroups.driver {
            CgroupDriver::Filesystem => self.host.cgroups.writable,
            CgroupDriver::Systemd => true,
            CgroupDriver::None => false,
        }
    }

    /// The path of the cgroup, if the container gets one and the specification says where.
    pub(super) fn cgroup_path(&self) -> Option<String> {
        let path = self.linux().cgroups_path.clone();
        path.filter(|path| !path.is_empty() && self.has_cgroup())
    }

    /// Puts the process into the cgroup of the container, if it has one.
    pub(super) fn enter_cgroup(&mut self) {
        if self.has_cgroup() {
            self.steps.push(RuntimeStep::EnterCgroup.into());
        }
    }

    /// Plans the cgroup, if the container gets one.
    pub(super) fn cgroup(&mut self) {
        let linux = self.linux();
        let asked = linux.resources.as_ref().filter(|resources| !is_empty(resources));
        let path = linux.cgroups_path.clone().filter(|path| !path.is_empty());
        if !self.has_cgroup() {
            self.without_cgroup(asked, path.as_deref());
            return;
        }
        let by_systemd = self.host.cgroups.driver == CgroupDriver::Systemd;
        let unit = if by_systemd { self.unit(path.as_deref()) } else { None };
        if let Some(path) = path.as_ref().filter(|_| !by_systemd)
            && (path.contains('\0')
                || path.split('/').any(|part| part == "..")
                || path.trim_matches('/').is_empty())
        {
            self.refuse(
                "/linux/cgroupsPath",
                format!("`{path}` does not name a cgroup below another"),
            );
        }
        let writes = asked.map(|resources| self.cgroup_writes(resources)).unwrap_or_default();
        let devices = self.device_rules(asked.map_or(&[], |resources| &resources.devices));
        let hierarchies = self.host.cgroups.hierarchies.clone();
        let plan = CgroupPlan { path, hierarchies, writes, devices, unit };
        self.steps.push(RuntimeStep::MakeCgroup(plan).into());
    }

    /// What is asked for and needs a cgroup is refused; a mere name is not followed.
    fn without_cgroup(&mut self, asked: Option<&Resources>, path: Option<&str>) {
        let why = match self.host.cgroups.driver {
            CgroupDriver::None => "the driver of cgroups is `none`",
            _ => "the caller may not make one: `Spec::rootless` drops them",
        };
        let needs = format!("a cgroup, and {why}");
        if let Some(resources) = asked {
            let mut limits = resources.clone();
            limits.devices.clear();
            if !is_empty(&limits) {
                self.refuse("/linux/resources", format!("limits need {needs}"));
            }
            // Without the right to mount and without a user namespace the caller is told of `Spec::rootless` anyway.
            let is_told = !self.host.is_privileged() && !self.has_user_namespace();
            if !resources.devices.is_empty() && !is_told {
                self.refuse("/linux/resources/devices", format!("device rules need {needs}"));
            }
        } else if path.is_some() && self.host.cgroups.driver != CgroupDriver::None {
            self.warn("the caller may not make cgroups: the container stays in the caller's");
        }
    }
}

/// Whether nothing is limited.
fn is_empty(resources: &Resources) -> bool {
    let mut other = resources.clone();
    other.unknown = Resources::new().unknown;
    other == Resources::new()
}
