//! Processes that are added to a container.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::process::ExitStatus;

use crate::children::{Child, Children};
use crate::deadline::Deadline;
use crate::launch::{Launch, Launched, RuntimeSteps, launch};
use crate::plan::RuntimeStep;
use crate::record::Record;
use crate::spec::Status;
use crate::wait::wait;
use crate::wire::Role;
use crate::{
    Bundle, Container, ContainerId, Error, ErrorKind, Exec, Host, Plan, Signal, Stdio, sys,
};

/// A process that was added to a container by [`Container::exec`]; what it runs is a
/// [`spec::Process`](crate::spec::Process).
///
/// Dropping the handle leaves it as it is; when the container ends, it ends too. When it has ended, it is waited for by the
/// next call of the [`Runtime`](crate::Runtime) or one of its containers, so that no zombies pile up.
#[derive(Debug)]
pub struct Process {
    pid: i32,
    /// To send signals to.
    process: OwnedFd,
    /// Its parent, if that is a child of this process that ends when it ends and in the same way. None: it is itself a
    /// child of this process.
    supervisor: Option<OwnedFd>,
    container: ContainerId,
    children: Children,
}

impl Container {
    /// Runs one more program in the container: in its namespaces, its cgroup and its system call filter, and
    /// with the rights, limits and user that `process` has. Returns when the program runs; what was asked for and not
    /// given is among the [`warnings`](Self::warnings).
    ///
    /// `exec` is a [`spec::Process`](crate::spec::Process), or an [`Exec`] that says more. Nothing but `oomScoreAdj` is taken
    /// from the container's program: without `process.env` there is no environment, without `process.capabilities` there
    /// are none, and without `process.user` it is user and group 0.
    ///
    /// # Errors
    /// [`ErrorKind::State`] if the container is neither created nor running, [`ErrorKind::Refused`] if the process cannot
    /// run here, [`ErrorKind::Step`] if a step fails, as when there is no such program. Then nothing is left in the
    /// container.
    pub fn exec(&self, exec: impl Into<Exec>, stdio: Stdio) -> Result<Process, Error> {
        self.add(exec.into(), stdio)
    }

    fn add(&self, exec: Exec, stdio: Stdio) -> Result<Process, Error> {
        let doing = || format!("run a process in container `{}`", self.id());
        let record = self.record()?;
        let mut permitted = vec![Status::Created, Status::Running];
        permitted.extend(exec.even_if_paused.then_some(Status::Paused));
        self.require_status(&record, &doing(), &permitted)?;
        let target = self.alive(&record, &doing())?;
        let host = Host::probe().map_err(Error::system("probe the host"))?;
        let bundle = Bundle::new(record.bundle.clone(), self.spec()?);
        let plan = Plan::exec(&exec, &bundle, &host)
            .map_err(|refusals| Error::because(ErrorKind::Refused, doing(), refusals))?;
        stdio.check(&plan, &doing())?;
        self.launcher().check()?;
        self.children().collect();
        let mut descriptors =
            stdio.into_descriptors().map_err(Error::system("open standard input and output"))?;
        descriptors.push((Role::Target, target));
        let state = serde_json::Value::Null;
        let deadline = Deadline::default();
        let launched = Launch { steps: &plan.steps, descriptors, state, directory: None, deadline };
        let oom_kills = record.cgroup.oom_kills();
        let may_wait = exec.even_if_paused;
        let mut joining = Joining { oom_kills, record: &record, may_wait };
        let process = launch(self.launcher(), launched, &mut joining)?;
        plan.warnings().iter().for_each(|warning| self.warn(warning.clone()));
        Ok(Process {
            pid: process.pid,
            process: process.pidfd,
            supervisor: process.supervisor.map(|supervisor| supervisor.pidfd),
            container: self.id().clone(),
            children: self.children().clone(),
        })
    }
}

impl Process {
    /// Its process ID, as this process sees it.
    pub fn pid(&self) -> i32 {
        self.pid
    }

    /// Waits until it has ended, and returns how.
    ///
    /// # Errors
    /// If it was waited for before.
    pub fn wait(&self) -> Result<ExitStatus, Error> {
        let doing = || format!("wait for process {} of container `{}`", self.pid, self.container);
        wait(self.as_fd())
            .map_err(Error::system(doing()))?
            .ok_or_else(|| Error::new(ErrorKind::State, doing(), "it was waited for before"))
    }

    /// Sends it a signal.
    ///
    /// # Errors
    /// If it has ended.
    pub fn kill(&self, signal: Signal) -> Result<(), Error> {
        let doing =
            || format!("send {signal} to process {} of container `{}`", self.pid, self.container);
        sys::pidfd::send_signal(self.process.as_fd(), signal.number())
            .map_err(Error::system(doing()))
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // A child of the caller's own is waited for by its number.
        if let Some(pidfd) = self.supervisor.take() {
            self.children.adopt(Child { pidfd, container: None });
        }
    }
}

/// Readable when the process has ended.
impl AsFd for Process {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.supervisor.as_ref().unwrap_or(&self.process).as_fd()
    }
}

/// What the launching process does for a process that joins a container.
struct Joining<'a> {
    record: &'a Record,
    /// Processes of the container that the kernel killed before for want of memory.
    oom_kills: Option<u64>,
    /// The container may be frozen for as long as it likes.
    may_wait: bool,
}

impl RuntimeSteps for Joining<'_> {
    fn run(&mut self, step: &RuntimeStep, pid: i32) -> Result<(), Error> {
        match step {
            RuntimeStep::EnterCgroup => self
                .record
                .cgroup
                .join(pid, self.record.pid.unwrap_or_default())
                .map_err(|error| Error::because(ErrorKind::Step, step.to_string(), error)),
            RuntimeStep::MakeCgroup(_) | RuntimeStep::MapIds(_) | RuntimeStep::Hooks(_) => {
                let reason = "the container exists already";
                Err(Error::new(ErrorKind::Step, step.to_string(), reason))
            }
        }
    }

    fn process_created(&mut self, _: &Launched) -> Result<(), Error> {
        Ok(())
    }

    fn is_out_of_memory(&self) -> bool {
        self.record.cgroup.oom_kills() > self.oom_kills
    }

    fn is_frozen(&self) -> bool {
        !self.may_wait && self.record.cgroup.is_frozen_or_below()
    }

    /// The others of the container are to stay as they are; it ends when they are thawed.
    fn thaw(&self) {}
}
