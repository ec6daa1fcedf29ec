//! The end of a container: its processes killed, what creating made removed.

use std::os::fd::AsFd;
use std::path::Path;

use super::Container;
use crate::plan::HookKind;
use crate::record::{Entry, Record};
use crate::spec::Status;
use crate::wait::{until_ended, wait};
use crate::{Error, ErrorKind, Signal, hooks, sys};

impl Container {
    /// Removes all that creating made. The bundle stays.
    ///
    /// # Errors
    /// [`ErrorKind::State`] if the container is not stopped.
    pub fn delete(&self) -> Result<(), Error> {
        let entry = self.entry()?;
        self.require_status(
            &entry.record,
            &format!("delete container `{}`", self.id),
            &[Status::Stopped],
        )?;
        self.remove(&entry)
    }

    /// Kills what still runs and removes all that creating made, in any state.
    ///
    /// A second call, and one for a container that another deleted, finds nothing to do.
    ///
    /// # Errors
    /// If another is still making it, or if the kernel holds on to something.
    pub fn force_delete(&self) -> Result<(), Error> {
        match self.entry() {
            Ok(entry) => self.remove(&entry),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
            Err(error) => Err(error),
        }
    }

    fn remove(&self, entry: &Entry) -> Result<(), Error> {
        let doing = || format!("delete container `{}`", self.id);
        self.end_all(&entry.record)?;
        // A child that is not waited for stays a zombie.
        let _ = wait(self.as_fd());
        entry
            .record
            .cgroup
            .remove()
            .map_err(|error| Error::because(ErrorKind::System, doing(), error))?;
        entry.remove()?;
        crate::record::sweep(&self.runtime.dir);
        poststop(&entry.record, &entry.record.bundle)
            .into_iter()
            .for_each(|warning| self.warn(warning));
        Ok(())
    }

    /// Kills the process and all others of the cgroup.
    pub(super) fn end_all(&self, record: &Record) -> Result<(), Error> {
        let doing = || format!("kill the processes of container `{}`", self.id);
        let pidfd = record.pidfd();
        if let Some(pidfd) = &pidfd {
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
        for process in pidfd.iter().chain([&self.handle]) {
            let _ = until_ended(process.as_fd());
        }
        Ok(())
    }
}

/// Runs the hooks that follow a deletion. All run; each that fails gives a warning.
pub(crate) fn poststop(record: &Record, bundle: &Path) -> Vec<String> {
    let state = serde_json::to_value(record.state_as(Status::Stopped)).unwrap_or_default();
    let lists = record.later.iter().filter(|list| list.kind == HookKind::Poststop);
    lists
        .flat_map(|list| &list.hooks)
        .filter_map(|hook| hooks::run_one(hook, &state, Some(bundle)).err())
        .map(|error| format!("poststop: {error}"))
        .collect()
}
