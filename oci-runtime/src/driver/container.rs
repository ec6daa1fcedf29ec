//! A container of another runtime.

use std::ffi::OsString;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::process::ExitStatus;

use super::{Driver, command};
use crate::children::{Child, Children};
use crate::deadline::Deadline;
use crate::launch::Launched;
use crate::spec::{Process, State};
use crate::{ContainerId, Error, ErrorKind, Signal, Stdio, wait};

/// A container of another runtime. Dropping the handle leaves it as it is; no zombies pile up of such.
#[derive(Debug)]
pub struct DrivenContainer {
    driver: Driver,
    id: ContainerId,
    /// What waits for its process, and ends in the same way.
    supervisor: Option<OwnedFd>,
}

/// A process that was added to a container of another runtime. Dropping the handle leaves it as it is; no zombies pile up of
/// such.
#[derive(Debug)]
pub struct DrivenProcess {
    pid: i32,
    supervisor: OwnedFd,
    children: Children,
}

/// The pidfd of what waits for a process that a command made.
fn supervisor(launched: Launched) -> OwnedFd {
    launched.supervisor.map_or(launched.pidfd, |supervisor| supervisor.pidfd)
}

impl DrivenContainer {
    pub(super) fn new(driver: Driver, id: ContainerId, launched: Option<Launched>) -> Self {
        Self { driver, id, supervisor: launched.map(supervisor) }
    }

    /// The ID.
    pub fn id(&self) -> &ContainerId {
        &self.id
    }

    fn run(&self, arguments: &[&str]) -> Result<(), Error> {
        command::run(&self.driver, arguments).map(drop)
    }

    /// What the container is doing, as the runtime says it.
    ///
    /// # Errors
    /// With the runtime's own words.
    pub fn state(&self) -> Result<State, Error> {
        self.driver.state(&self.id)
    }

    /// Runs the program.
    ///
    /// # Errors
    /// With the runtime's own words.
    pub fn start(&self) -> Result<(), Error> {
        self.run(&["start", self.id.as_str()])
    }

    /// Sends a signal to the program.
    ///
    /// # Errors
    /// With the runtime's own words.
    pub fn kill(&self, signal: Signal) -> Result<(), Error> {
        self.run(&["kill", self.id.as_str(), &signal.number().to_string()])
    }

    /// Freezes all processes of the container.
    ///
    /// # Errors
    /// With the runtime's own words.
    pub fn pause(&self) -> Result<(), Error> {
        self.run(&["pause", self.id.as_str()])
    }

    /// Resumes all processes of the container.
    ///
    /// # Errors
    /// With the runtime's own words.
    pub fn resume(&self) -> Result<(), Error> {
        self.run(&["resume", self.id.as_str()])
    }

    /// Runs one more program in the container. Returns when it runs.
    ///
    /// # Errors
    /// [`ErrorKind::Step`] with the runtime's own words.
    pub fn exec(&self, process: &Process, stdio: Stdio) -> Result<DrivenProcess, Error> {
        let files = self.driver.files(&self.id);
        command::write_process(&files, process)?;
        let mut arguments: Vec<OsString> = vec!["exec".into(), "--detach".into()];
        arguments.extend(["--pid-file".into(), files.pid().into()]);
        arguments.extend(["--process".into(), files.process().into(), self.id.as_str().into()]);
        let how = (stdio, Deadline::default());
        let launched = command::launch(&self.driver, &files, arguments, how)?;
        Ok(DrivenProcess {
            pid: launched.pid,
            supervisor: supervisor(launched),
            children: self.driver.children.clone(),
        })
    }

    /// Waits until the program has ended, and returns how.
    ///
    /// # Errors
    /// [`ErrorKind::State`] if another program made the container, or it was waited for before.
    pub fn wait(&self) -> Result<ExitStatus, Error> {
        let doing = || format!("wait for container `{}`", self.id);
        let reason = "how it ends is known to the program that made it";
        let unknown = || Error::new(ErrorKind::State, doing(), reason);
        let supervisor = self.supervisor.as_ref().ok_or_else(unknown)?;
        wait::wait(supervisor.as_fd()).map_err(Error::system(doing()))?.ok_or_else(unknown)
    }

    /// Removes all that creating made. The bundle stays.
    ///
    /// # Errors
    /// With the runtime's own words, such as that it still runs.
    pub fn delete(&self) -> Result<(), Error> {
        self.run(&["delete", self.id.as_str()])?;
        self.forget()
    }

    /// Kills what still runs and removes all that creating made.
    ///
    /// # Errors
    /// With the runtime's own words.
    pub fn force_delete(&self) -> Result<(), Error> {
        self.run(&["delete", "--force", self.id.as_str()])?;
        self.forget()
    }

    fn forget(&self) -> Result<(), Error> {
        let files = self.driver.files(&self.id);
        match std::fs::remove_dir_all(files.dir()) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
            removed => removed.map_err(Error::system(format!("delete container `{}`", self.id))),
        }
    }
}

impl DrivenProcess {
    /// Its process ID, as this process sees it.
    pub fn pid(&self) -> i32 {
        self.pid
    }

    /// Waits until it has ended, and returns how.
    ///
    /// # Errors
    /// If it was waited for before.
    pub fn wait(&self) -> Result<ExitStatus, Error> {
        let doing = || format!("wait for process {}", self.pid);
        wait::wait(self.supervisor.as_fd())
            .map_err(Error::system(doing()))?
            .ok_or_else(|| Error::new(ErrorKind::State, doing(), "it was waited for before"))
    }
}

impl Drop for DrivenContainer {
    fn drop(&mut self) {
        if let Some(pidfd) = self.supervisor.take() {
            self.driver.children.adopt(Child { pidfd, container: None });
        }
    }
}

impl Drop for DrivenProcess {
    fn drop(&mut self) {
        if let Ok(pidfd) = self.supervisor.try_clone() {
            self.children.adopt(Child { pidfd, container: None });
        }
    }
}

/// Readable when the process has ended.
impl AsFd for DrivenProcess {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.supervisor.as_fd()
    }
}
