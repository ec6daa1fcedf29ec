//! Ending all processes of a group.

use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};

use super::{Cgroup, CgroupError, write};

/// Rounds over the processes of a group without `cgroup.kill`, each of which may find new ones.
const ROUNDS: usize = 100;

impl Cgroup {
    /// Kills every process in the groups.
    pub(crate) fn kill_all(&self) -> Result<(), CgroupError> {
        if let Some(group) = self.unified() {
            let kill = group.directory.join("cgroup.kill");
            if kill.exists() && write(&kill, "1").is_ok() {
                return self.thaw();
            }
        }
        self.thaw()?;
        for _ in 0..ROUNDS {
            let processes = self.processes()?;
            if processes.is_empty() {
                break;
            }
            for pid in processes.into_iter().filter_map(Pid::from_raw) {
                // Between reading and opening the number may have gone to another process: ask again who it is.
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
