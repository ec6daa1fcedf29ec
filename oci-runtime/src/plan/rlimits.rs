//! The limits of the process, each at the point where it can be set and does not bind the init.

use std::collections::BTreeSet;

use super::{Planner, ProcessStep, Step};
use crate::host::Resource;
use crate::spec::{Capability, Process, Rlimit};

impl Planner<'_> {
    /// Raises hard limits, while this is the user namespace of the host: in another no process may (getrlimit(2)).
    /// Refuses what is not a limit.
    pub(super) fn raise_limits(&mut self) {
        let Some(process) = &self.spec.process else { return };
        let mut seen = BTreeSet::new();
        for (index, rlimit) in process.rlimits.iter().enumerate() {
            let (pointer, word) = (format!("/process/rlimits/{index}"), &rlimit.r#type);
            if !seen.insert(word) {
                self.refuse(&pointer, format!("`{word}` is listed twice"));
            }
            if rlimit.soft > rlimit.hard {
                self.refuse(&pointer, format!("the soft limit of `{word}` is above the hard one"));
            }
            let Some(resource) = Resource::parse(word) else {
                self.refuse(&pointer, format!("the kernel has no limit `{word}`"));
                continue;
            };
            let Some(most) = self.host.hard_limits.get(word).filter(|most| rlimit.hard > **most)
            else {
                continue;
            };
            if !self.host.has_capability(&Capability::SysResource) {
                self.refuse(&pointer, format!("the caller may not raise `{word}` above {most}"));
            }
            self.steps.push(step(resource, rlimit.hard, rlimit.hard));
        }
    }

    /// Sets the limits within which the process can be scheduled.
    pub(super) fn limits_of_scheduling(&mut self, process: &Process) {
        self.set_limits(process, is_of_scheduling);
    }

    /// Sets all other limits: last, because they would leave the init no descriptor, memory or process.
    pub(super) fn limits(&mut self, process: &Process) {
        self.set_limits(process, |resource| !is_of_scheduling(resource));
    }

    fn set_limits(&mut self, process: &Process, which: impl Fn(Resource) -> bool) {
        // Those without a resource were refused when limits were raised.
        let parse =
            |rlimit: &Rlimit| Some((Resource::parse(&rlimit.r#type)?, rlimit.soft, rlimit.hard));
        let limits = process.rlimits.iter().filter_map(parse);
        let steps = limits.filter(|(resource, ..)| which(*resource));
        self.steps.extend(steps.map(|(resource, soft, hard)| step(resource, soft, hard)));
    }
}

fn is_of_scheduling(resource: Resource) -> bool {
    matches!(resource, Resource::Nice | Resource::Rtprio | Resource::Rttime)
}

fn step(resource: Resource, soft: u64, hard: u64) -> Step {
    ProcessStep::Rlimit { resource, soft, hard }.into()
}
