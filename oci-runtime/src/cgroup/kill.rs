//! Signals to all processes of a cgroup.

use std::os::fd::AsFd;

use rustix::process::{Pid, PidfdFlags, pidfd_open};

use super::{Cgroup, CgroupError, write};
use crate::{Signal, sys};

/// Passes over the processes of a cgroup without `cgroup.kill` (Linux before 5.14, and version 1), each of which may
/// find new ones.
const MAX_PASSES: usize = 100;

impl Cgroup {
    /// Kills every process in the cgroups.
    pub(crate) fn kill_all(&self) -> Result<(), CgroupError> {
        if let Some(group) = self.unified() {
            let kill = group.directory.join("cgroup.kill");
            // The kernel kills forks that race with this, too.
            if kill.exists() && write(&kill, "1").is_ok() {
                return self.thaw_all();
            }
        }
        // Frozen processes of version 1 do not die before they are thawed.
        self.thaw_all()?;
        for _ in 0..MAX_PASSES {
            if self.signal_each(Signal::KILL)? == 0 {
                break;
            }
            std::thread::yield_now();
        }
        Ok(())
    }

    /// Sends a signal to every process in the cgroups. They are frozen meanwhile where that is possible, so that none
    /// forks away from it.
    pub(crate) fn signal_all(&self, signal: Signal) -> Result<(), CgroupError> {
        let freezes = !self.is_frozen_or_below() && self.freeze().is_ok();
        let sent = self.signal_each(signal);
        if freezes {
            self.thaw()?;
        }
        sent.map(drop)
    }

    /// Sends a signal to each process that is listed now. Returns how many there were.
    fn signal_each(&self, signal: Signal) -> Result<usize, CgroupError> {
        let listed = self.processes()?.into_iter();
        let opened: Vec<_> = listed
            .filter_map(|pid| {
                Some((pid, pidfd_open(Pid::from_raw(pid)?, PidfdFlags::empty()).ok()?))
            })
            .collect();
        // Between reading and opening, a number may have gone to another process: a second look at the list after the
        // pidfd is open says whether it names a process of the container.
        let still = self.processes()?;
        for (_, pidfd) in opened.iter().filter(|(pid, _)| still.binary_search(pid).is_ok()) {
            // It may have ended since.
            let _ = sys::pidfd::send_signal(pidfd.as_fd(), signal.number());
        }
        Ok(opened.len())
    }
}
