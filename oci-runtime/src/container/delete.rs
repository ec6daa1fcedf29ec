//! The end of a container: its processes killed, what creating made removed.

use std::error::Error as _;
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;
use std::time::Duration;

use super::Container;
use crate::cgroup::Cgroup;
use crate::deadline::Deadline;
use crate::launch::run_hook;
use crate::plan::HookKind;
use crate::record::{Entry, Phase, Process, Record, is_locked};
use crate::spec::Status;
use crate::wait::{END_TIMEOUT, until_ended, wait};
use crate::{Error, ErrorKind, Launcher, Signal, sys};

/// How long the end of processes below a frozen cgroup is waited for: it may be thawed at this moment.
const FROZEN_WAIT: Duration = Duration::from_millis(100);

impl Container {
    /// Removes all that creating made. The bundle stays.
    ///
    /// # Errors
    /// [`ErrorKind::State`] if the container is not stopped.
    pub fn delete(&self) -> Result<(), Error> {
        let deadline = Deadline::after(self.runtime.timeout);
        let entry = self.entry_within(deadline)?;
        self.require_status(
            &entry.record,
            &format!("delete container `{}`", self.id),
            &[Status::Stopped],
        )?;
        self.remove(&entry, deadline)
    }

    /// Kills what still runs and removes all that creating made, in any state.
    ///
    /// A second call, and one for a container that another deleted, finds nothing to do.
    ///
    /// # Errors
    /// If another is still making it, or if the kernel holds on to something.
    pub fn force_delete(&self) -> Result<(), Error> {
        let deadline = Deadline::after(self.runtime.timeout);
        // Another call may hold the lock as long as processes of the container live, such as a start with hooks of the
        // image.
        if is_locked(&self.dir())
            && let Ok(record) = self.record()
            && record.phase != Phase::Creating
        {
            self.end_all(&record, deadline)?;
        }
        match self.entry_within(deadline) {
            Ok(entry) => self.remove(&entry, deadline),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
            Err(error) => Err(error),
        }
    }

    fn remove(&self, entry: &Entry, deadline: Deadline) -> Result<(), Error> {
        let doing = || format!("delete container `{}`", self.id);
        self.end_all(&entry.record, deadline)?;
        // A child that is not waited for stays a zombie.
        let _ = wait(self.as_fd());
        entry
            .record
            .cgroup
            .remove()
            .map_err(|error| Error::because(ErrorKind::System, doing(), error))?;
        entry.remove()?;
        crate::record::sweep(&self.runtime.dir);
        self.runtime.children.collect();
        poststop(self.launcher(), &entry.record, &entry.record.bundle)
            .into_iter()
            .for_each(|warning| self.warn(warning));
        Ok(())
    }

    /// Kills the process and all others of the cgroup.
    pub(super) fn end_all(&self, record: &Record, deadline: Deadline) -> Result<(), Error> {
        let doing = || format!("kill the processes of container `{}`", self.id);
        let process = record.process().map_err(Error::system(doing()))?;
        if let Process::Alive(pidfd) = &process {
            match sys::pidfd::send_signal(pidfd.as_fd(), Signal::KILL.number()) {
                Err(error) if error.raw_os_error() == Some(libc::ESRCH) => {}
                result => result.map_err(Error::system(doing()))?,
            }
        }
        record
            .cgroup
            .kill_all()
            .map_err(|error| Error::because(ErrorKind::System, doing(), error))?;
        // Until it is dead its mounts and its cgroup are busy.
        let pidfd = process.pidfd();
        let mut processes = pidfd.iter().chain([&self.handle]);
        processes.try_for_each(|process| await_end(&record.cgroup, process, &doing(), deadline))
    }
}

/// Waits until a process that was killed has ended.
fn await_end(
    cgroup: &Cgroup,
    process: &OwnedFd,
    doing: &str,
    deadline: Deadline,
) -> Result<(), Error> {
    // Another's cgroup above is not thawed here, and until it is, nothing in it ends.
    let above = if cgroup.keeps_killed_frozen() { cgroup.frozen_above() } else { None };
    let limit = if above.is_some() { FROZEN_WAIT } else { END_TIMEOUT };
    if until_ended(process.as_fd(), Some(deadline.left_of(limit))).unwrap_or(true) {
        return Ok(());
    }
    if deadline.is_over() {
        return Err(deadline.error(doing));
    }
    let reason = match above {
        Some(above) => {
            format!("they end when cgroup `{}` is thawed, which is above theirs", above.display())
        }
        None => format!(
            "the first of them has not ended within {} s: it may wait for a device or a filesystem",
            limit.as_secs()
        ),
    };
    Err(Error::new(ErrorKind::System, doing, reason))
}

/// Runs the hooks that follow a deletion. All run; each that fails gives a warning.
pub(crate) fn poststop(launcher: &Launcher, record: &Record, bundle: &Path) -> Vec<String> {
    let state = serde_json::to_value(record.state_as(Status::Stopped)).unwrap_or_default();
    let unlimited = Deadline::default();
    let lists = record.later.iter().filter(|list| list.kind == HookKind::Poststop);
    lists
        .flat_map(|list| &list.hooks)
        .filter_map(|hook| {
            run_hook(launcher, (HookKind::Poststop, hook), &state, bundle, unlimited).err()
        })
        .map(|error| match error.source() {
            Some(source) => format!("{error}: {source}"),
            None => error.to_string(),
        })
        .collect()
}
