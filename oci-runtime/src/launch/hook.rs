//! Hooks in the namespaces of the host.

use std::path::Path;
use std::time::Instant;

use super::conversation::{Conversation, Outcome, unplanned};
use super::failure::failed;
use super::{Launch, Launched, RuntimeSteps};
use crate::deadline::Deadline;
use crate::launcher::Started;
use crate::plan::{Hook, HookKind, Hooks, RuntimeStep, Step};
use crate::{Error, Launcher, trace};

/// Runs one hook, in `directory` and with the OCI state on its standard input.
///
/// As a child of an init that does nothing else: how a child of this process ends is not known where the caller ignores
/// SIGCHLD or waits for any child, and the hook would inherit what the caller ignores.
pub(crate) fn run_hook(
    launcher: &Launcher,
    (kind, hook): (HookKind, &Hook),
    state: &serde_json::Value,
    directory: &Path,
    deadline: Deadline,
) -> Result<(), Error> {
    let begun = Instant::now();
    let mut limited = hook.clone();
    // By the init, which ends what the hook has started, too.
    limited.timeout = limited.timeout.into_iter().chain(deadline.seconds_left()).min();
    let hooks = Hooks { kind, hooks: vec![limited] };
    let steps = [Step::Hooks(hooks), Step::AwaitStart];
    let Started { child, socket, errors } = launcher.spawn()?;
    let mut conversation = Conversation {
        socket,
        steps: &steps,
        runtime_steps: &mut NoSteps,
        pid: child.pid,
        launched: None,
        next: 0,
        // That of the hook counts.
        deadline: Deadline::default(),
    };
    let directory = Some(directory.into());
    let descriptors = Vec::new();
    let launch = Launch { steps: &steps, descriptors, state: state.clone(), directory, deadline };
    let result = conversation.begin(launch);
    drop(conversation);
    let result = match result {
        Ok(Outcome::Done) => {
            child.wait();
            Ok(())
        }
        result => {
            child.kill();
            Err(failed(launcher, result, child.wait(), errors, &NoSteps))
        }
    };
    trace::hook_ended(&hook.path, result.is_ok(), begun.elapsed());
    result
}

/// There is no step but the hook.
struct NoSteps;

impl RuntimeSteps for NoSteps {
    fn run(&mut self, _: &RuntimeStep, _: i32) -> Result<(), Error> {
        Err(unplanned("another step than"))
    }

    fn process_created(&mut self, _: &Launched) -> Result<(), Error> {
        Err(unplanned("more processes than"))
    }

    fn is_out_of_memory(&self) -> bool {
        false
    }

    fn is_frozen(&self) -> bool {
        false
    }

    fn thaw(&self) {}
}
