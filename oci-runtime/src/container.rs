//! One container.

mod delete;
mod resources;
mod wait;

use std::io::{self, Write};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::MetadataExt;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::sync::Mutex;
use std::time::{Duration, SystemTime};

use rustix::event::{EventfdFlags, eventfd};

use crate::children::{Child, Children};
use crate::deadline::Deadline;
use crate::launch::{run_hook, step_error};
use crate::plan::HookKind;
use crate::record::{Entry, Phase, Process, Record, start_socket};
use crate::spec::{Spec, State, Status};
use crate::wait::{END_TIMEOUT, Heard, until_ended, until_heard};
use crate::wire::{self, Event, Report};
use crate::{ContainerId, Error, ErrorKind, Launcher, Runtime, Signal, sys};

pub(crate) use delete::poststop;

/// How long [`Container::kill`] waits for the end of a process that it has killed.
const KILL_WAIT: Duration = Duration::from_secs(1);

/// A container: a handle that threads share, and that can be found again by its id.
///
/// Dropping the handle leaves the container as it is. Its process, a child of the one that made the container, is waited
/// for when it has ended: by the next call of the [`Runtime`] or one of its containers, so that no zombies pile up.
///
/// ```no_run
/// use oci_runtime::{Bundle, Runtime, Signal, Spec, Stdio, spec::Process};
///
/// let mut spec = Spec::linux_default(); // `sh`, in namespaces of its own
/// spec.process.get_or_insert_with(|| Process::new("/".into())).args = vec!["sleep".into(), "9".into()];
/// let runtime = Runtime::open("/run/my-tool")?;
/// let container = runtime.create("web-1", &Bundle::new("bundle", spec), Stdio::null())?;
/// container.start()?;
///
/// let mut more = Process::new("/".into()); // its working directory
/// more.args = vec!["ps".into()];
/// more.env = vec!["PATH=/usr/bin:/bin".into()];
/// let status = container.exec(more, Stdio::inherit())?.wait()?;
/// println!("ps ended with {status}, and the container uses {:?} bytes", container.stats()?.memory.usage.usage);
///
/// container.kill(Signal::TERM)?;
/// println!("its program ended with {}", container.wait()?);
/// container.delete()?; // force_delete() deletes what runs, too
/// # Ok::<(), oci_runtime::Error>(())
/// ```
///
/// It goes through the states of the specification: `created` by [`Runtime::create`], `running` by
/// [`start`](Self::start), `stopped` when its program has ended, until [`delete`](Self::delete). Each call says which
/// it needs, and fails with [`ErrorKind::State`] otherwise.
#[derive(Debug)]
pub struct Container {
    runtime: Runtime,
    id: ContainerId,
    handle: OwnedFd,
    warnings: Mutex<Vec<String>>,
    /// Its process is a child of this one.
    is_child: bool,
}

impl Container {
    pub(crate) fn new(
        runtime: Runtime,
        id: ContainerId,
        pidfd: Option<OwnedFd>,
        warnings: &[String],
    ) -> Result<Self, Error> {
        // In place of a pidfd of a process that has ended: it is readable for ever, too.
        let ended = || {
            eventfd(1, EventfdFlags::CLOEXEC)
                .map_err(Error::system(format!("make a handle of container `{id}`")))
        };
        let handle = pidfd.map_or_else(ended, Ok)?;
        Ok(Self { runtime, id, handle, warnings: Mutex::new(warnings.to_vec()), is_child: false })
    }

    /// The same of a container that this process has just made.
    pub(crate) fn of_a_child(mut self) -> Self {
        self.is_child = true;
        self
    }

    /// The ID.
    pub fn id(&self) -> &ContainerId {
        &self.id
    }

    pub(crate) fn launcher(&self) -> &Launcher {
        &self.runtime.launcher
    }

    /// Another handle.
    #[cfg(feature = "tokio")]
    pub(crate) fn duplicate(&self) -> Result<Self, Error> {
        let handle = self.handle.try_clone();
        let doing = format!("make a handle of container `{}`", self.id);
        let handle = handle.map_err(Error::system(doing))?;
        Self::new(self.runtime.clone(), self.id.clone(), Some(handle), &[])
    }

    pub(crate) fn children(&self) -> &Children {
        &self.runtime.children
    }

    pub(crate) fn dir(&self) -> PathBuf {
        self.runtime.dir.join(self.id.as_str())
    }

    pub(crate) fn entry(&self) -> Result<Entry, Error> {
        self.entry_within(Deadline::default())
    }

    fn entry_within(&self, deadline: Deadline) -> Result<Entry, Error> {
        Entry::open(&self.runtime.dir, &self.id, deadline)
    }

    pub(crate) fn record(&self) -> Result<Record, Error> {
        match crate::record::read(&self.dir()) {
            Ok(record) => Ok(record),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                Err(crate::record::not_found(&self.id))
            }
            Err(error) => {
                Err(Error::system(format!("read the state of container `{}`", self.id))(error))
            }
        }
    }

    /// What the container is doing, as the specification words it; also `paused`.
    ///
    /// # Errors
    /// If the container was deleted.
    pub fn state(&self) -> Result<State, Error> {
        let record = self.record()?;
        let doing = || format!("read the state of container `{}`", self.id);
        Ok(record.state_as(record.status().map_err(Error::system(doing()))?))
    }

    /// When making the container began.
    ///
    /// # Errors
    /// If the container was deleted.
    pub fn created(&self) -> Result<SystemTime, Error> {
        Ok(self.record()?.created)
    }

    /// The user ID of the caller that made the container.
    ///
    /// # Errors
    /// If the container was deleted.
    pub fn owner(&self) -> Result<u32, Error> {
        match std::fs::metadata(self.dir()) {
            Ok(found) => Ok(found.uid()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                Err(crate::record::not_found(&self.id))
            }
            Err(error) => {
                Err(Error::system(format!("read the owner of container `{}`", self.id))(error))
            }
        }
    }

    /// The specification that the container was made from, with the limits of the last [`update`](Self::update).
    ///
    /// # Errors
    /// If the container was deleted.
    pub fn spec(&self) -> Result<Spec, Error> {
        crate::record::read_spec(&self.dir(), &self.id)
    }

    /// What was asked for and not given, where the runtime specification demands a warning and not an error.
    pub fn warnings(&self) -> Vec<String> {
        self.warnings.lock().unwrap_or_else(std::sync::PoisonError::into_inner).clone()
    }

    pub(crate) fn warn(&self, warning: String) {
        self.warnings.lock().unwrap_or_else(std::sync::PoisonError::into_inner).push(warning);
    }

    /// Runs the program. Returns when it runs and the poststart hooks have ended.
    ///
    /// # Errors
    /// [`ErrorKind::State`] if the container is not `created` or has no program. [`ErrorKind::Step`] if the program cannot
    /// be run, [`ErrorKind::Hook`] if a hook fails; then the container is stopped.
    pub fn start(&self) -> Result<(), Error> {
        let deadline = Deadline::after(self.runtime.timeout);
        let mut entry = self.entry_within(deadline)?;
        let doing = || format!("start container `{}`", self.id);
        self.require_status(&entry.record, &doing(), &[Status::Created])?;
        if !entry.record.has_program {
            return Err(Error::new(
                ErrorKind::State,
                doing(),
                "its specification has no `process`",
            ));
        }
        // Noted first: if this process is killed, the program may run or not, and the process tells.
        entry.record.phase = Phase::Starting;
        entry.save()?;
        if let Err(error) = self.ask_to_start(&entry.record, &doing(), deadline) {
            if deadline.is_over() {
                // It may run a moment later, though it was not started.
                self.end_all(&entry.record, Deadline::default())?;
            }
            return Err(error);
        }
        entry.record.phase = Phase::Started;
        entry.save()?;
        let record = entry.record.clone();
        // A hook may ask for something that wants the lock.
        drop(entry);
        if let Err(error) = self.poststart(&record, deadline) {
            self.end_all(&record, Deadline::default())?;
            return Err(error);
        }
        Ok(())
    }

    fn ask_to_start(&self, record: &Record, doing: &str, deadline: Deadline) -> Result<(), Error> {
        let system = |error: io::Error| Error::because(ErrorKind::System, doing, error);
        let (_handle, path) = start_socket(&self.dir()).map_err(system)?;
        let asked = UnixStream::connect(path).and_then(|mut socket| {
            socket.write_all(b"s")?;
            Ok(socket)
        });
        let socket = match asked {
            // It has been killed since its status was read.
            Err(error)
                if matches!(
                    error.kind(),
                    io::ErrorKind::ConnectionRefused | io::ErrorKind::BrokenPipe
                ) =>
            {
                return Err(Error::new(ErrorKind::State, doing, "it has ended"));
            }
            asked => asked.map_err(system)?,
        };
        let is_frozen = || record.cgroup.is_frozen_or_below();
        match until_heard(socket.as_fd(), deadline, is_frozen).map_err(system)? {
            Heard::Something => {}
            Heard::Frozen => {
                return Err(Error::new(ErrorKind::System, doing, "its cgroup is frozen: thaw it"));
            }
            Heard::TimedOut => return Err(deadline.error(doing)),
        }
        // The program's exec closes the other end.
        match wire::receive(&socket) {
            Ok(None) => Ok(()),
            Ok(Some((Report { event: Event::Failed(failure), .. }, _))) => {
                // Who is told so may delete the container at once.
                let _ = until_ended(self.as_fd(), Some(END_TIMEOUT));
                Err(step_error(failure))
            }
            Ok(Some(_)) => {
                Err(Error::new(ErrorKind::System, doing, "the init sent an unexpected message"))
            }
            Err(error) if error.kind() == io::ErrorKind::ConnectionReset => Ok(()),
            Err(error) => Err(system(error)),
        }
    }

    fn poststart(&self, record: &Record, deadline: Deadline) -> Result<(), Error> {
        let state = serde_json::to_value(record.state_as(Status::Running)).unwrap_or_default();
        for list in record.later.iter().filter(|list| list.kind == HookKind::Poststart) {
            list.hooks.iter().try_for_each(|hook| {
                run_hook(self.launcher(), (list.kind, hook), &state, &record.bundle, deadline)
            })?;
        }
        Ok(())
    }

    /// Sends a signal to the program.
    ///
    /// [`Signal::KILL`] resumes a container that is paused, where the program would not end otherwise (cgroup version 1), and
    /// returns when the program has ended, or after a second.
    ///
    /// # Errors
    /// [`ErrorKind::State`] if the container is neither created nor running nor paused.
    pub fn kill(&self, signal: Signal) -> Result<(), Error> {
        let doing = || format!("send {signal} to container `{}`", self.id);
        let record = self.record()?;
        let permitted = [Status::Created, Status::Running, Status::Paused];
        self.require_status(&record, &doing(), &permitted)?;
        let pidfd = self.alive(&record, &doing())?;
        sys::pidfd::send_signal(pidfd.as_fd(), signal.number()).map_err(Error::system(doing()))?;
        if signal == Signal::KILL {
            if record.cgroup.keeps_killed_frozen() {
                let thawed = record.cgroup.thaw_all();
                thawed.map_err(|error| Error::because(ErrorKind::System, doing(), error))?;
            }
            let _ = until_ended(pidfd.as_fd(), Some(KILL_WAIT));
        }
        Ok(())
    }

    /// The process of the container, which must be alive.
    pub(crate) fn alive(&self, record: &Record, doing: &str) -> Result<OwnedFd, Error> {
        match record.process().map_err(Error::system(doing))? {
            Process::Alive(pidfd) => Ok(pidfd),
            Process::Zombie(_) | Process::Gone => {
                Err(Error::new(ErrorKind::State, doing, "it has ended"))
            }
        }
    }

    /// Kills every process of the container, and returns when its first has ended.
    ///
    /// Without a cgroup to find them by, those outside of a process namespace of the container live on.
    ///
    /// # Errors
    /// If the kernel does not let it, or the container was deleted.
    pub fn kill_all(&self) -> Result<(), Error> {
        let record = self.record()?;
        self.end_all(&record, Deadline::default())
    }

    /// Freezes all processes of the container; its status is `paused`.
    ///
    /// # Errors
    /// [`ErrorKind::State`] if it is neither created nor running, [`ErrorKind::System`] if it has no cgroup.
    pub fn pause(&self) -> Result<(), Error> {
        let entry = self.entry()?;
        let doing = format!("pause container `{}`", self.id);
        self.require_status(&entry.record, &doing, &[Status::Created, Status::Running])?;
        entry
            .record
            .cgroup
            .freeze()
            .map_err(|error| Error::because(ErrorKind::System, doing, error))
    }

    /// Resumes all processes of the container.
    ///
    /// # Errors
    /// [`ErrorKind::State`] if it is not paused.
    pub fn resume(&self) -> Result<(), Error> {
        let entry = self.entry()?;
        let doing = format!("resume container `{}`", self.id);
        if !entry.record.cgroup.is_frozen() {
            return Err(Error::new(ErrorKind::State, doing, "it is not paused"));
        }
        let thawed = entry.record.cgroup.thaw();
        thawed.map_err(|error| Error::because(ErrorKind::System, doing.as_str(), error))?;
        match entry.record.cgroup.frozen_above() {
            None => Ok(()),
            Some(above) => {
                let reason = format!("cgroup `{}` above is frozen: thaw it", above.display());
                Err(Error::new(ErrorKind::System, doing, reason))
            }
        }
    }

    /// Fails unless the container has one of these statuses.
    pub(crate) fn require_status(
        &self,
        record: &Record,
        doing: &str,
        permitted: &[Status],
    ) -> Result<(), Error> {
        let status = record.status().map_err(Error::system(doing))?;
        if permitted.contains(&status) {
            return Ok(());
        }
        Err(Error::new(ErrorKind::State, doing, format!("it is `{status}`")))
    }
}

impl Drop for Container {
    fn drop(&mut self) {
        if !self.is_child {
            return;
        }
        let Ok(pidfd) = self.handle.try_clone() else { return };
        let container = self.record().ok().map(|record| (self.runtime.dir.clone(), record));
        self.runtime.children.adopt(Child { pidfd, container });
    }
}

/// The pidfd of the container's process: readable when the process has ended.
impl AsFd for Container {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.handle.as_fd()
    }
}
