//! The launching side: a fresh init, and the steps that it cannot do itself.

mod conversation;
mod failure;
mod greeting;
mod hook;

use std::os::fd::{AsFd, OwnedFd};
use std::path::PathBuf;
use std::process::ExitStatus;

use conversation::{Conversation, Outcome};
use failure::failed;
pub(crate) use failure::step_error;
pub(crate) use hook::run_hook;
use rustix::process::{Signal, pidfd_send_signal};

use crate::child::Child;
use crate::deadline::Deadline;
use crate::launcher::Started;
use crate::plan::{NamespaceStep, RuntimeStep, Step};
use crate::wait::wait_for_killed;
use crate::wire::Role;
use crate::{Error, Launcher, trace};

/// The process that an init created: it carries out the rest of the steps, and waits for the start.
#[derive(Debug)]
pub(crate) struct Launched {
    pub(crate) pid: i32,
    pub(crate) pidfd: OwnedFd,
    /// The parent of the process, a child of this one that waits for it and ends in the same way. None: the process is
    /// itself a child of this one.
    pub(crate) supervisor: Option<Child>,
}

/// What an init is told.
pub(crate) struct Launch<'a> {
    pub(crate) steps: &'a [Step],
    pub(crate) descriptors: Vec<(Role, OwnedFd)>,
    pub(crate) state: serde_json::Value,
    /// Where hooks of the runtime run.
    pub(crate) directory: Option<PathBuf>,
    pub(crate) deadline: Deadline,
}

/// Carries out the steps that fall to the launching process.
pub(crate) trait RuntimeSteps {
    /// Carries out one step. `pid` is the process that the step is about.
    fn run(&mut self, step: &RuntimeStep, pid: i32) -> Result<(), Error>;
    /// The container's process exists.
    fn process_created(&mut self, launched: &Launched) -> Result<(), Error>;
    /// Whether the kernel has killed a process of the container's cgroup since the launch, for want of memory.
    fn is_out_of_memory(&self) -> bool;
    /// Whether the process is frozen, or will be as soon as it runs.
    fn is_frozen(&self) -> bool;
    /// Thaws the process, if it is not to end otherwise: it was killed.
    fn thaw(&self);
}

/// Has an init carry steps out up to the point where its process waits, or to the end if it is to wait nowhere. If
/// anything fails, no process is left.
pub(crate) fn launch(
    launcher: &Launcher,
    launch: Launch<'_>,
    runtime_steps: &mut dyn RuntimeSteps,
) -> Result<Launched, Error> {
    let (steps, deadline) = (launch.steps, launch.deadline);
    let supervised = steps.iter().any(has_supervisor);
    let Started { child, socket, errors } = launcher.spawn()?;
    let pid = child.pid;
    trace::launched(launcher.path(), pid);
    let mut conversation =
        Conversation { socket, steps, runtime_steps, pid, launched: None, next: 0, deadline };
    let result = conversation.begin(launch);
    let launched = conversation.launched.take();
    // Closes the socket: a child that waits for a reply sees that there will be none, and ends.
    drop(conversation);
    match (result, launched) {
        (Ok(Outcome::Done), Some(launched)) if supervised => {
            Ok(Launched { supervisor: Some(child), ..launched })
        }
        (Ok(Outcome::Done), Some(launched)) => {
            // The first init has ended with its report: the process is its sibling (CLONE_PARENT), not its child.
            let _ = child.wait();
            Ok(launched)
        }
        (result, launched) => {
            let status = stop(&child, launched.as_ref(), supervised);
            Err(failed(launcher, result, status, errors, runtime_steps))
        }
    }
}

/// Whether the init becomes the parent of the process and waits for it.
fn has_supervisor(step: &Step) -> bool {
    matches!(step, Step::Namespace(NamespaceStep::CloneAndWait) | Step::Command(_))
}

/// Kills a process and waits until it is gone. Returns how it ended, if the kernel tells.
pub(crate) fn end(launched: &Launched) -> Option<ExitStatus> {
    kill(launched);
    wait_for_killed(launched.pidfd.as_fd())
}

fn kill(launched: &Launched) {
    // By pidfd, not by number: the number may be another's by now.
    let _ = pidfd_send_signal(&launched.pidfd, Signal::KILL);
}

/// Kills what was started and waits until it is gone. Returns how the last of the processes that could report ended: a
/// process that has begun to exit keeps its own status.
fn stop(child: &Child, launched: Option<&Launched>, supervised: bool) -> Option<ExitStatus> {
    let Some(launched) = launched else {
        child.kill();
        return child.wait();
    };
    if supervised {
        // Its supervisor has to reap it, or the PID namespace that it joined could not end; then that ends, too.
        kill(launched);
        return child.wait();
    }
    child.kill();
    child.wait();
    end(launched)
}
