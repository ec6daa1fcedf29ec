//! The processors of a process that enters a container.

use super::{Planner, ProcessStep};
use crate::spec::ExecCpuAffinity;

impl Planner<'_> {
    /// Sets the processors up to the cgroup.
    pub(super) fn initial_affinity(&mut self, asked: &ExecCpuAffinity) {
        self.processors("initial", asked.initial.as_deref());
    }

    /// Sets the processors from the cgroup on. Without any the kernel decides, and nothing is done.
    pub(super) fn final_affinity(&mut self, asked: &ExecCpuAffinity) {
        self.processors("final", asked.r#final.as_deref());
    }

    fn processors(&mut self, member: &str, text: Option<&str>) {
        let Some(text) = text.filter(|text| !text.is_empty()) else { return };
        let list = super::identity::list(text).filter(|list| !list.is_empty());
        match list {
            Some(list) => self.steps.push(ProcessStep::Processors(list).into()),
            None => {
                let reason = format!("`{text}` is not a list of processors like `0-3,7`");
                self.refuse(format!("/process/execCPUAffinity/{member}"), reason);
            }
        }
    }
}
