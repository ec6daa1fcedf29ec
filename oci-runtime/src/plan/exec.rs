//! One more process in a container that exists.

use super::{Namespace, NamespaceStep, Planner, ProcessStep, Refusals};
use crate::exec::{Exec, Parent};
use crate::spec::Process;
use crate::{Bundle, Host, Plan};

impl Plan {
    /// Plans another process for the container that was made from the bundle's specification: what its first process
    /// went through, without what made the container.
    ///
    /// # Errors
    /// Every reason why the process cannot be had there.
    pub(crate) fn exec(exec: &Exec, bundle: &Bundle, host: &Host) -> Result<Self, Refusals> {
        let mut spec = bundle.spec().clone();
        let mut process = exec.process.clone();
        let own = spec.process.as_ref().and_then(|process| process.oom_score_adj);
        process.oom_score_adj = process.oom_score_adj.or(own);
        spec.process = Some(process.clone());
        // What follows the container is not the process's.
        spec.hooks = None;
        let mut planner = Planner::new(&spec, bundle.dir(), host);
        planner.function = exec.function.as_ref();
        planner.exec(&process, exec.parent);
        planner.finish()
    }
}

impl Planner<'_> {
    fn exec(&mut self, process: &Process, parent: Parent) {
        self.check_kernel();
        self.check_process();
        if let Some(affinity) = &process.exec_cpu_affinity {
            self.initial_affinity(affinity);
        }
        self.oom_score();
        self.keyring();
        self.raise_limits();
        self.join_container(parent);
        self.enter_cgroup();
        if let Some(affinity) = &process.exec_cpu_affinity {
            self.final_affinity(affinity);
        }
        self.steps.push(ProcessStep::Session.into());
        let terminal = self.terminal();
        self.steps.extend(terminal);
        let rights = self.find_program(process);
        self.execute(process, rights);
    }

    /// The steps to a process in the namespaces of the container.
    fn join_container(&mut self, parent: Parent) {
        let kinds: Vec<Namespace> = self.spaces().into_keys().collect();
        self.steps.push(NamespaceStep::JoinTarget(kinds).into());
        if self.has_user_namespace() {
            // Its terminal and its session are to belong to a user that exists inside.
            self.steps.push(ProcessStep::User { uid: 0, gid: 0, groups: None }.into());
        }
        let step = match parent {
            Parent::Supervisor => NamespaceStep::CloneAndWait,
            Parent::Caller => NamespaceStep::Clone(Vec::new()),
        };
        self.steps.push(step.into());
    }
}
