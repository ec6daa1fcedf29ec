//! The launching side: a fresh init, and the steps that it cannot do itself.

mod greeting;
mod hook;

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::process::ExitStatus;
use std::time::{Duration, Instant};

use greeting::Missing;
pub(crate) use hook::run_hook;
use rustix::process::{Signal, pidfd_send_signal};

use crate::child::Child;
use crate::launcher::{Started, THREADS};
use crate::plan::{NamespaceStep, RuntimeStep, Step};
use crate::standard_error::StandardError;
use crate::wait::{until_heard, wait_for_killed};
use crate::wire::{self, Event, Failure, Instructions, Reply, Report, Role};
use crate::{Error, ErrorKind, Launcher, trace};

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

/// What fails when the init does not answer as it should.
const TALK: &str = "talk to init";

/// Has an init carry steps out up to the point where its process waits, or to the end if it is to wait nowhere. If
/// anything fails, no process is left.
pub(crate) fn launch(
    launcher: &Launcher,
    launch: Launch<'_>,
    runtime_steps: &mut dyn RuntimeSteps,
) -> Result<Launched, Error> {
    let steps = launch.steps;
    let supervised = steps.contains(&NamespaceStep::CloneAndWait.into());
    let Started { child, socket, errors } = launcher.spawn()?;
    let pid = child.pid;
    trace::launched(launcher.path(), pid);
    let mut conversation =
        Conversation { socket, steps, runtime_steps, pid, launched: None, next: 0 };
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

/// The error of an init that did not do what it was started for.
fn failed(
    launcher: &Launcher,
    result: Result<Outcome, Error>,
    status: Option<ExitStatus>,
    errors: StandardError,
    runtime_steps: &dyn RuntimeSteps,
) -> Error {
    match result {
        Ok(Outcome::Missing(missing)) => no_init(launcher, missing, status, errors),
        Ok(Outcome::Closed | Outcome::Done) => {
            ended_early(status, errors, runtime_steps.is_out_of_memory())
        }
        Err(error) => error,
    }
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

/// The error of a program that did not become an init.
fn no_init(
    launcher: &Launcher,
    missing: Missing,
    status: Option<ExitStatus>,
    errors: StandardError,
) -> Error {
    let (how, said) = (how_ended(status), errors.saying());
    let rule = "its `main` must begin with `oci_runtime::init()`";
    let reason = match missing {
        Missing::Threads => THREADS.into(),
        Missing::Closed => format!("it ended before it was an init ({how}){said}: {rule}"),
        Missing::TimedOut => {
            format!("it was not an init within {} s{said}: {rule}", greeting::TIMEOUT.as_secs())
        }
    };
    Error::new(ErrorKind::System, launcher.action(), reason)
}

/// The error of an init that ended before its steps were done.
fn ended_early(status: Option<ExitStatus>, errors: StandardError, out_of_memory: bool) -> Error {
    let (how, said) = (how_ended(status), errors.saying());
    let is_killed = status.and_then(|status| status.signal()) == Some(libc::SIGKILL);
    let reason = match is_killed && out_of_memory {
        true => "the kernel killed it because the memory of its cgroup is used up: raise \
                 `/linux/resources/memory/limit`"
            .into(),
        false => format!("it ended without a report ({how}){said}"),
    };
    Error::new(ErrorKind::System, TALK, reason)
}

fn how_ended(status: Option<ExitStatus>) -> String {
    status.map_or_else(|| "for an unknown reason".into(), |status| status.to_string())
}

/// How the conversation with an init ended.
enum Outcome {
    /// The steps are done up to the start, or the program runs.
    Done,
    /// The init closed its socket.
    Closed,
    /// The program did not become an init.
    Missing(Missing),
}

/// The talk with one init.
struct Conversation<'a> {
    socket: UnixStream,
    steps: &'a [Step],
    runtime_steps: &'a mut dyn RuntimeSteps,
    /// The process that the next step is about.
    pid: i32,
    launched: Option<Launched>,
    /// The first step that is not done. It only grows, so an init that never ends its talk is refused.
    next: usize,
}

impl Conversation<'_> {
    /// Has the init carry out its instructions.
    fn begin(&mut self, launch: Launch<'_>) -> Result<Outcome, Error> {
        let socket = &self.socket;
        let greeting = greeting::exchange(socket, greeting::TIMEOUT, || tell(socket, launch));
        match greeting {
            Ok(Ok(())) => self.listen(),
            Ok(Err(missing)) => Ok(Outcome::Missing(missing)),
            Err(error) => closed(error),
        }
    }

    /// Reads reports until the steps are done, and does what they ask for.
    fn listen(&mut self) -> Result<Outcome, Error> {
        loop {
            if !self.until_heard()? {
                self.runtime_steps.thaw();
                return Err(Error::new(ErrorKind::System, TALK, "its cgroup is frozen: thaw it"));
            }
            let message = match wire::receive(&self.socket) {
                Ok(message) => message,
                Err(error) => return closed(error),
            };
            let Some((Report { elapsed, event }, descriptors)) = message else {
                // Where nothing waits for a start, the exec of the program closes the socket.
                let executed = !self.steps.contains(&Step::AwaitStart) && self.launched.is_some();
                return Ok(if executed { Outcome::Done } else { Outcome::Closed });
            };
            elapsed.into_iter().try_for_each(|micros| self.step_done(micros))?;
            match event {
                Event::Ready => return Ok(Outcome::Done),
                Event::Failed(failure) => return Err(step_error(failure)),
                Event::ProcessCreated { pid } => self.process_created(pid, descriptors)?,
                Event::RunStep { step } => self.run_step(step)?,
            }
            if let Err(error) = wire::send(&self.socket, &Reply::Done, &[]) {
                return closed(error);
            }
        }
    }

    fn until_heard(&self) -> Result<bool, Error> {
        until_heard(self.socket.as_fd(), || self.runtime_steps.is_frozen())
            .map_err(Error::system(TALK))
    }

    /// Notes that a step is done, in microseconds.
    fn step_done(&mut self, elapsed: u64) -> Result<(), Error> {
        let step = self.steps.get(self.next).ok_or_else(|| unplanned("more steps than"))?;
        self.next += 1;
        trace::step_done(self.next, step, Duration::from_micros(elapsed));
        Ok(())
    }

    fn process_created(&mut self, pid: i32, mut descriptors: Vec<OwnedFd>) -> Result<(), Error> {
        let pidfd = descriptors.pop().ok_or_else(|| unplanned("a process without a pidfd, not"))?;
        if self.launched.is_some() {
            return Err(unplanned("more processes than"));
        }
        self.pid = pid;
        let launched = self.launched.insert(Launched { pid, pidfd, supervisor: None });
        self.runtime_steps.process_created(launched)
    }

    fn run_step(&mut self, index: usize) -> Result<(), Error> {
        let Some(Step::Runtime(step)) = self.steps.get(index).filter(|_| index == self.next) else {
            return Err(unplanned("another step than"));
        };
        let begun = Instant::now();
        if let Err(error) = self.runtime_steps.run(step, self.pid) {
            let _ = wire::send(&self.socket, &Reply::Stop, &[]);
            return Err(error);
        }
        self.step_done(u64::try_from(begun.elapsed().as_micros()).unwrap_or(u64::MAX))
    }
}

/// Sends the instructions, and closes this process's copies of the descriptors.
fn tell(socket: &UnixStream, launch: Launch<'_>) -> io::Result<()> {
    let (roles, descriptors): (Vec<Role>, Vec<OwnedFd>) = launch.descriptors.into_iter().unzip();
    let steps = launch.steps.to_vec();
    let Launch { state, directory, .. } = launch;
    let instructions = Instructions { steps, descriptors: roles, state, directory };
    let descriptors: Vec<_> = descriptors.iter().map(AsFd::as_fd).collect();
    wire::send(socket, &instructions, &descriptors)
}

/// What an error of the socket means: these are the ways to learn that the other side is gone.
fn closed(error: io::Error) -> Result<Outcome, Error> {
    match error.kind() {
        io::ErrorKind::BrokenPipe
        | io::ErrorKind::ConnectionReset
        | io::ErrorKind::UnexpectedEof => Ok(Outcome::Closed),
        _ => Err(Error::system(TALK)(error)),
    }
}

fn unplanned(what: &str) -> Error {
    Error::new(ErrorKind::System, TALK, format!("it reported {what} the plan has"))
}

/// The error of a step: what the step is, what is known beyond that, and the kernel's reason.
pub(crate) fn step_error(failure: Failure) -> Error {
    let kind = if failure.is_hook { ErrorKind::Hook } else { ErrorKind::Step };
    let Failure { step, errno, detail, .. } = failure;
    match (errno.map(io::Error::from_raw_os_error), detail) {
        (Some(error), Some(detail)) => Error::because(kind, step, error).with_reason(detail),
        (Some(error), None) => Error::because(kind, step, error),
        (None, detail) => Error::new(kind, step, detail.unwrap_or_else(|| "unknown".into())),
    }
}

#[cfg(test)]
mod tests {
    use oci_testing::chain;

    use super::*;

    #[test]
    fn the_error_of_a_step_says_what_cannot_be_done_and_why() {
        let failure = |errno, detail: Option<&str>| {
            step_error(Failure {
                step: "mount proc on /proc".into(),
                is_hook: false,
                errno,
                detail: detail.map(Into::into),
            })
        };
        for (errno, detail, expected) in [
            (
                Some(libc::EPERM),
                None,
                "cannot mount proc on /proc: Operation not permitted (os error 1)",
            ),
            (
                Some(libc::EINVAL),
                Some("cannot set option `x`"),
                "cannot mount proc on /proc: cannot set option `x`: Invalid argument (os error 22)",
            ),
            (None, Some("it is a link"), "cannot mount proc on /proc: it is a link"),
        ] {
            assert_eq!(chain(&failure(errno, detail)), expected);
        }
    }

    /// What the launching process makes of the reports of an init that closes its socket after them.
    fn listen(reports: Vec<Event>, elapsed: &[u64]) -> Result<(Outcome, Vec<String>), Error> {
        #[derive(Default)]
        struct Steps(Vec<String>);
        impl RuntimeSteps for Steps {
            fn run(&mut self, step: &RuntimeStep, pid: i32) -> Result<(), Error> {
                self.0.push(format!("{step} of {pid}"));
                Ok(())
            }
            fn process_created(&mut self, launched: &Launched) -> Result<(), Error> {
                self.0.push(format!("created {}", launched.pid));
                Ok(())
            }
            fn is_out_of_memory(&self) -> bool {
                false
            }
            fn is_frozen(&self) -> bool {
                false
            }
            fn thaw(&self) {}
        }
        let (socket, init) = UnixStream::pair().unwrap();
        let pidfd = init.try_clone().unwrap();
        for event in reports {
            let report = Report { elapsed: elapsed.to_vec(), event };
            wire::send(&init, &report, &[pidfd.as_fd()]).unwrap();
        }
        init.shutdown(std::net::Shutdown::Write).unwrap();
        let steps =
            [RuntimeStep::EnterCgroup.into(), RuntimeStep::EnterCgroup.into(), Step::AwaitStart];
        let mut done = Steps::default();
        let mut conversation = Conversation {
            socket,
            steps: &steps,
            runtime_steps: &mut done,
            pid: 1,
            launched: None,
            next: 0,
        };
        let outcome = conversation.listen()?;
        Ok((outcome, done.0))
    }

    #[test]
    fn steps_are_done_in_the_order_of_the_plan_for_the_process_that_was_created() {
        let created = || Event::ProcessCreated { pid: 7 };
        let run = |step| Event::RunStep { step };
        let (outcome, done) = listen(vec![run(0), created(), run(1), Event::Ready], &[]).unwrap();
        assert!(matches!(outcome, Outcome::Done));
        assert_eq!(done, ["enter the cgroup of 1", "created 7", "enter the cgroup of 7"]);
        let (outcome, _) = listen(vec![run(0)], &[]).unwrap();
        assert!(matches!(outcome, Outcome::Closed));
    }

    #[test]
    fn an_init_that_leaves_the_plan_is_refused() {
        let created = || Event::ProcessCreated { pid: 7 };
        let run = |step| Event::RunStep { step };
        for (reports, elapsed, expected) in [
            (vec![run(1)], vec![], "another step than"),
            (vec![run(0), run(0)], vec![], "another step than"),
            (vec![run(2)], vec![], "another step than"),
            (vec![run(9)], vec![], "another step than"),
            (vec![created(), created()], vec![], "more processes than"),
            (vec![Event::Ready], vec![1; 4], "more steps than"),
        ] {
            let error = listen(reports, &elapsed).map(|(_, done)| done).unwrap_err();
            let expected = format!("cannot talk to init: it reported {expected} the plan has");
            assert_eq!(error.to_string(), expected);
        }
    }
}
