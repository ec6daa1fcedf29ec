//! Hooks in the namespaces of the init.

use rustix::fs::Mode;
use rustix::process::umask;
use serde_json::Value;

use super::error::StepError;
use super::steps::Init;
use crate::hooks;
use crate::plan::{HookKind, Hooks, ProcessStep, Step};

impl Init<'_> {
    /// Runs hooks in the namespaces of this process: the host's for those of the runtime, else the container's.
    pub(super) fn hooks(&mut self, hooks: &Hooks) -> Result<(), StepError> {
        // The init makes files with umask 0. startContainer hooks run after the step that sets the container's own
        // umask.
        let mask = match hooks.kind {
            HookKind::StartContainer => None,
            HookKind::CreateContainer => Some(Mode::from_raw_mode(0o022)),
            HookKind::Prestart
            | HookKind::CreateRuntime
            | HookKind::Poststart
            | HookKind::Poststop => Some(self.callers_umask),
        };
        if !hooks.kind.runs_in_runtime() {
            self.set_own_state(hooks.kind);
        }
        let own = mask.map(umask);
        let rights = match hooks.kind {
            HookKind::StartContainer => self.rights.as_slice(),
            _ => &[],
        };
        self.preserved.hold()?;
        let result = hooks::run(&hooks.hooks, &self.state, self.directory.as_deref(), rights);
        if hooks.kind == HookKind::StartContainer {
            // The step that looked the program up is done.
            self.preserved.release()?;
        }
        own.map(umask);
        Ok(result?)
    }

    /// Puts into the state what it is from inside.
    fn set_own_state(&mut self, kind: HookKind) {
        let status = if kind == HookKind::StartContainer { "created" } else { "creating" };
        if let Value::Object(state) = &mut self.state {
            state.insert("status".into(), status.into());
            state.insert("pid".into(), rustix::process::getpid().as_raw_nonzero().get().into());
        }
    }
}

/// What the program gives up after the startContainer hooks have run. They are programs of the image like it, so they have
/// given it up, too; the init has not yet, which has to start them and wait for them.
pub(super) fn rights(steps: &[Step]) -> Vec<ProcessStep> {
    let begin = steps.iter().position(|step| *step == Step::AwaitStart).unwrap_or(steps.len());
    let steps = steps.iter().skip(begin);
    let given_up = |step: &Step| match step {
        Step::Process(step @ (ProcessStep::Seccomp(_) | ProcessStep::Capabilities(_))) => {
            Some(step.clone())
        }
        _ => None,
    };
    steps.filter_map(given_up).collect()
}
