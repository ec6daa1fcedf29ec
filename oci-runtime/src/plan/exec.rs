//! One more process in a container that is there.

use super::{Namespace, Planner, Refusals, Step};
use crate::spec::{Process, Spec};
use crate::{Bundle, Host, Plan};

impl Plan {
    /// Plans another process for the container that was made from `spec`: what its first process went through, without
    /// what made the container.
    ///
    /// # Errors
    /// Every reason why the process cannot be had there.
    pub(crate) fn exec(
        spec: &Spec,
        process: Process,
        bundle: &Bundle,
        host: &Host,
    ) -> Result<Self, Refusals> {
        let mut spec = spec.clone();
        spec.process = Some(process);
        let mut planner = Planner::new(&spec, bundle, host);
        planner.plan();
        let enter = planner.enter();
        let (initial, last) = planner.affinity();
        let made = std::mem::take(&mut planner.steps);
        let steps = made.into_iter().flat_map(|step| match step {
            Step::Clone(_) => enter.clone(),
            // Its group is entered by now, if it has one.
            Step::Session => last.iter().cloned().chain([step]).collect(),
            step if is_of_process(&step) => vec![step],
            _ => Vec::new(),
        });
        planner.steps = initial.into_iter().chain(steps).collect();
        planner.finish()
    }
}

impl Planner<'_> {
    /// The steps to a process in the namespaces of the container.
    fn enter(&self) -> Vec<Step> {
        let kinds: Vec<Namespace> = self.spaces().into_keys().collect();
        let mut steps = vec![Step::JoinTarget(kinds)];
        if self.has_user_namespace() {
            // Its terminal and its session are to belong to somebody who is known inside.
            let root = Step::User { uid: 0, gid: 0, groups: None, keep_capabilities: true };
            steps.push(root);
        }
        steps.push(Step::Attend);
        steps
    }
}

/// Whether a step makes the process what it is, and changes nothing but the process.
fn is_of_process(step: &Step) -> bool {
    matches!(
        step,
        Step::OomScore(_)
            | Step::EnterCgroup
            | Step::Terminal { .. }
            | Step::Rlimit { .. }
            | Step::Schedule(_)
            | Step::IoPriority { .. }
            | Step::Personality(_)
            | Step::MemoryPolicy { .. }
            | Step::WorkingDirectory(_)
            | Step::BoundingSet(_)
            | Step::User { .. }
            | Step::Umask(_)
            | Step::Capabilities(_)
            | Step::NoNewPrivileges
            | Step::FindProgram { .. }
            | Step::Seccomp(_)
            | Step::Execute { .. }
    )
}
