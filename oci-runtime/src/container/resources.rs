//! What a container uses, and new limits for it.

use super::Container;
use crate::deadline::Deadline;
use crate::plan::CgroupUpdate;
use crate::record::Process;
use crate::spec::Status;
use crate::spec::linux::Resources;
use crate::stats::Stats;
use crate::{Bundle, Error, ErrorKind, Host, Signal, Spec};

impl Container {
    /// What the processes of the container use now; nothing if it has no cgroup.
    ///
    /// # Errors
    /// If the container was deleted.
    pub fn stats(&self) -> Result<Stats, Error> {
        Ok(self.record()?.cgroup.stats())
    }

    /// Changes limits of the container, also while it is paused. What `changes` does not have stays as it is; rules for
    /// devices replace all rules before them. [`spec`](Self::spec) has the new limits.
    ///
    /// With `memory.checkBeforeUpdate` a limit of memory that is below the use is refused; without it, cgroup version 2
    /// may kill processes.
    ///
    /// # Errors
    /// [`ErrorKind::State`] if the container is neither created nor running nor paused, [`ErrorKind::Refused`] with every
    /// reason if the host cannot set the limits, [`ErrorKind::System`] if it has no cgroup or the kernel refuses one of them; then
    /// those before are set again.
    pub fn update(&self, changes: &Resources) -> Result<(), Error> {
        let entry = self.entry()?;
        let doing = || format!("update container `{}`", self.id);
        let permitted = [Status::Created, Status::Running, Status::Paused];
        self.require_status(&entry.record, &doing(), &permitted)?;
        if entry.record.cgroup.is_none() {
            return Err(Error::new(ErrorKind::System, doing(), "it has no cgroup"));
        }
        let mut spec = self.spec()?;
        let resources = limits(&spec).with(changes);
        let host = Host::probe().map_err(Error::system("probe the host"))?;
        let bundle = Bundle::new(entry.record.bundle.clone(), spec.clone());
        let update = CgroupUpdate::new(&resources, changes, &bundle, &host)
            .map_err(|refusals| Error::because(ErrorKind::Refused, doing(), refusals))?;
        entry
            .record
            .cgroup
            .update(&update)
            .map_err(|error| Error::because(ErrorKind::System, doing(), error))?;
        spec.linux.get_or_insert_with(crate::spec::Linux::new).resources = Some(resources);
        entry.save_spec(&spec)
    }

    /// The processes of the container by their numbers in the caller's PID namespace, in their order, also when its first
    /// has ended; without a cgroup the first alone.
    ///
    /// # Errors
    /// If the container was deleted.
    pub fn processes(&self) -> Result<Vec<i32>, Error> {
        let record = self.record()?;
        let doing = || format!("list the processes of container `{}`", self.id);
        if !record.cgroup.is_none() {
            let listed = record.cgroup.processes();
            return listed.map_err(|error| Error::because(ErrorKind::System, doing(), error));
        }
        Ok(match record.process().map_err(Error::system(doing()))? {
            Process::Alive(_) => record.pid.into_iter().collect(),
            Process::Zombie(_) | Process::Gone => Vec::new(),
        })
    }

    /// Sends a signal to every process of the container, also when its first has ended; without a cgroup to the first
    /// alone. They are frozen for that moment, so that none forks away from it; in a container that is paused they receive it
    /// when it is resumed.
    ///
    /// # Errors
    /// If the container was deleted; without a cgroup [`ErrorKind::State`] if it has ended.
    pub fn signal_all(&self, signal: Signal) -> Result<(), Error> {
        let record = self.record()?;
        if record.cgroup.is_none() {
            return self.kill(signal);
        }
        let doing = || format!("send {signal} to the processes of container `{}`", self.id);
        if signal == Signal::KILL {
            return self.end_all(&record, Deadline::default());
        }
        // Locked: who pauses it meanwhile is not to see it thawed.
        let sent = self.entry()?.record.cgroup.signal_all(signal);
        sent.map_err(|error| Error::because(ErrorKind::System, doing(), error))
    }
}

fn limits(spec: &Spec) -> Resources {
    let resources = spec.linux.as_ref().and_then(|linux| linux.resources.clone());
    resources.unwrap_or_default()
}
