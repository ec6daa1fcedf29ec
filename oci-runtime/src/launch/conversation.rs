//! The talk with one init.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use super::failure::step_error;
use super::greeting::{self, Missing};
use super::{Launch, Launched, RuntimeSteps};
use crate::deadline::Deadline;
use crate::plan::Step;
use crate::wait::{Heard, until_heard};
use crate::wire::{self, Event, Instructions, Reply, Report, Role};
use crate::{Error, ErrorKind, trace};

/// What fails when the init does not answer as it should.
pub(super) const TALK: &str = "talk to init";

/// How the conversation with an init ended.
pub(super) enum Outcome {
    /// The steps are done up to the start, or the program runs.
    Done,
    /// The init closed its socket.
    Closed,
    /// The program did not become an init.
    Missing(Missing),
}

/// The talk with one init.
pub(super) struct Conversation<'a> {
    pub(super) socket: UnixStream,
    pub(super) steps: &'a [Step],
    pub(super) runtime_steps: &'a mut dyn RuntimeSteps,
    /// The process that the next step is about.
    pub(super) pid: i32,
    pub(super) launched: Option<Launched>,
    /// The first step that is not done. It only grows, so an init that never ends its talk is refused.
    pub(super) next: usize,
    pub(super) deadline: Deadline,
}

impl Conversation<'_> {
    /// Has the init carry out its instructions.
    pub(super) fn begin(&mut self, launch: Launch<'_>) -> Result<Outcome, Error> {
        let socket = &self.socket;
        // Of zero the socket would make none.
        let limit = self.deadline.left_of(greeting::TIMEOUT).max(Duration::from_millis(1));
        let greeting = greeting::exchange(socket, limit, || tell(socket, launch));
        match greeting {
            Ok(Ok(())) => self.listen(),
            Ok(Err(Missing::TimedOut)) if self.deadline.is_over() => Err(self.deadline.error(TALK)),
            Ok(Err(missing)) => Ok(Outcome::Missing(missing)),
            Err(error) => closed(error),
        }
    }

    /// Reads reports until the steps are done, and does what they ask for.
    fn listen(&mut self) -> Result<Outcome, Error> {
        loop {
            self.until_heard()?;
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

    fn until_heard(&self) -> Result<(), Error> {
        let is_frozen = || self.runtime_steps.is_frozen();
        let heard = until_heard(self.socket.as_fd(), self.deadline, is_frozen);
        let error = match heard.map_err(Error::system(TALK))? {
            Heard::Something => return Ok(()),
            Heard::Frozen => Error::new(ErrorKind::System, TALK, "its cgroup is frozen: thaw it"),
            Heard::TimedOut => self.deadline.error(TALK),
        };
        self.runtime_steps.thaw();
        Err(error)
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

pub(super) fn unplanned(what: &str) -> Error {
    Error::new(ErrorKind::System, TALK, format!("it reported {what} the plan has"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::RuntimeStep;

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
            deadline: Deadline::default(),
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
