//! The process of a container, told from a later one of the same number.

use std::fs;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::time::Duration;

use rustix::fs::{fstat, fstatfs};
use rustix::io::Errno;
use rustix::process::{Pid, PidfdFlags, pidfd_open};

use super::Record;
use crate::wait::until_ended;

/// The process of a container, as it is now.
#[derive(Debug)]
pub(crate) enum Process {
    /// It runs, or is about to end.
    Alive(OwnedFd),
    /// It has ended, and its parent has not waited for it yet.
    Zombie(OwnedFd),
    /// It has ended, or there was none.
    Gone,
}

impl Process {
    /// Its pidfd, as long as it has one.
    pub(crate) fn pidfd(self) -> Option<OwnedFd> {
        match self {
            Self::Alive(pidfd) | Self::Zombie(pidfd) => Some(pidfd),
            Self::Gone => None,
        }
    }
}

impl Record {
    /// Notes the process.
    ///
    /// # Errors
    /// If nothing would tell it from a later one of the same number.
    pub(crate) fn set_process(&mut self, pid: i32, pidfd: &OwnedFd) -> io::Result<()> {
        self.inode = inode(pidfd);
        // `/proc` may hide it (its mount option `hidepid`).
        let begun = begun(pid);
        self.begun = if self.inode.is_some() { begun.ok() } else { Some(begun?) };
        self.pid = Some(pid);
        self.boot = boot();
        Ok(())
    }

    /// Whether both are about the same process.
    pub(crate) fn has_process_of(&self, other: &Self) -> bool {
        (self.pid, self.begun, self.inode, &self.boot)
            == (other.pid, other.begun, other.inode, &other.boot)
    }

    /// The process that was noted, as it is now.
    ///
    /// # Errors
    /// If it cannot be told whether the process of that number is the one that was noted. It is not dead then.
    pub(crate) fn process(&self) -> io::Result<Process> {
        let Some(pid) = self.pid.filter(|_| self.boot == boot()).and_then(Pid::from_raw) else {
            return Ok(Process::Gone);
        };
        // First the handle, then the check: a pidfd is never of another process that gets the same number later.
        let pidfd = match pidfd_open(pid, PidfdFlags::empty()) {
            // The last two: the number is a thread's by now.
            Err(Errno::SRCH | Errno::INVAL | Errno::NOENT) => return Ok(Process::Gone),
            pidfd => pidfd?,
        };
        let ended = until_ended(pidfd.as_fd(), Some(Duration::ZERO))?;
        Ok(match self.is_of(pid, &pidfd)? {
            false => Process::Gone,
            true if ended => Process::Zombie(pidfd),
            true => Process::Alive(pidfd),
        })
    }

    /// Whether the process is the one that was noted.
    fn is_of(&self, pid: Pid, pidfd: &OwnedFd) -> io::Result<bool> {
        if let (Some(noted), Some(found)) = (self.inode, inode(pidfd)) {
            return Ok(noted == found);
        }
        let pid = pid.as_raw_nonzero().get();
        match begun(pid) {
            Ok(begun) => Ok(Some(begun) == self.begun),
            // `/proc` hides it, or it is gone since.
            Err(_) if until_ended(pidfd.as_fd(), Some(Duration::ZERO))? => Ok(false),
            Err(_) if self.cgroup.processes().is_ok_and(|all| all.contains(&pid)) => Ok(true),
            Err(error) => Err(io::Error::new(
                error.kind(),
                format!(
                    "process {pid} may be the container's or a later one of its number: `/proc` hides it (mount \
                     option `hidepid`)"
                ),
            )),
        }
    }
}

/// The inode number of a pidfd, which no other process of this boot has. None: before Linux 6.9 all pidfds share one.
fn inode(pidfd: &OwnedFd) -> Option<u64> {
    const PID_FS_MAGIC: u64 = 0x5049_4446;
    let filesystem = fstatfs(pidfd).ok()?;
    (u64::try_from(filesystem.f_type) == Ok(PID_FS_MAGIC))
        .then(|| fstat(pidfd).ok())?
        .map(|file| file.st_ino)
}

/// When a process began, in the kernel's ticks.
fn begun(pid: i32) -> io::Result<u64> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat"))?;
    // The name, in parentheses, may hold anything.
    let mut fields = text.rsplit_once(") ").map_or("", |(_, rest)| rest).split(' ');
    Ok(fields.nth(19).and_then(|field| field.parse().ok()).ok_or(io::ErrorKind::InvalidData)?)
}

fn boot() -> String {
    fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default().trim().into()
}
