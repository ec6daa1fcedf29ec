//! Killing all processes of a cgroup.

use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};

use super::{Cgroup, CgroupError, write};

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
            let processes = self.processes()?;
            if processes.is_empty() {
                break;
            }
            for pid in processes.into_iter().filter_map(Pid::from_raw) {
                // Between reading and opening, the number may have gone to another process: a second look at the list
                // after the pidfd is open says whether it names a process of the container.
                let Ok(pidfd) = pidfd_open(pid, PidfdFlags::empty()) else { continue };
                if self.processes()?.contains(&pid.as_raw_nonzero().get()) {
                    let _ = pidfd_send_signal(&pidfd, Signal::KILL);
                }
            }
            std::thread::yield_now();
        }
        Ok(())
    }
}
