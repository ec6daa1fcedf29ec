//! The limits of the process, each at the point where it can be set and does not bind the init.

use super::{Planner, Step};
use crate::spec::{Process, Rlimit, RlimitType};

impl Planner<'_> {
    /// Raises hard limits, while this is the user namespace of the host: the kernel lets nobody do so in another.
    pub(super) fn raise_limits(&mut self) {
        const SYS_RESOURCE: u32 = 24;
        let Some(process) = &self.spec.process else { return };
        for (index, rlimit) in process.rlimits.iter().enumerate() {
            let (pointer, resource) = (format!("/process/rlimits/{index}"), rlimit.r#type.as_str());
            if matches!(rlimit.r#type, RlimitType::Other(_)) {
                self.refuse(&pointer, format!("the kernel has no limit `{resource}`"));
            }
            let Some(most) =
                self.host.hard_limits.get(resource).filter(|most| rlimit.hard > **most)
            else {
                continue;
            };
            if !self.host.has_capability(SYS_RESOURCE) {
                let reason = format!("the caller may not raise `{resource}` above {most}");
                self.refuse(&pointer, reason);
            }
            self.steps.push(step(resource, rlimit.hard, rlimit.hard));
        }
    }

    /// Sets the limits within which the process can be scheduled.
    pub(super) fn limits_of_scheduling(&mut self, process: &Process) {
        let of_scheduling = process.rlimits.iter().filter(|rlimit| is_of_scheduling(rlimit));
        self.steps.extend(of_scheduling.map(asked));
    }

    /// Sets all other limits: last, because they would leave the init no descriptor, memory or process.
    pub(super) fn limits(&mut self, process: &Process) {
        let others = process.rlimits.iter().filter(|rlimit| !is_of_scheduling(rlimit));
        self.steps.extend(others.map(asked));
    }
}

fn is_of_scheduling(rlimit: &Rlimit) -> bool {
    matches!(rlimit.r#type, RlimitType::Nice | RlimitType::Rtprio | RlimitType::Rttime)
}

fn asked(rlimit: &Rlimit) -> Step {
    step(rlimit.r#type.as_str(), rlimit.soft, rlimit.hard)
}

fn step(resource: &str, soft: u64, hard: u64) -> Step {
    Step::Rlimit { resource: resource.into(), soft, hard }
}
