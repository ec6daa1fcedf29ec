//! A child process, held by a pidfd.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::process::{Command, ExitStatus};

use rustix::io::Errno;
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};

use crate::spawn::spawn;
use crate::wait::wait_for_killed;

/// A child of this process.
///
/// Not by its number, as `std::process::Child` has it: a caller that ignores SIGCHLD or waits for any child (as the
/// first process of a PID namespace has to) leaves the number to another process when the child ends.
#[derive(Debug)]
pub(crate) struct Child {
    pub(crate) pid: i32,
    pub(crate) pidfd: OwnedFd,
}

impl Child {
    pub(crate) fn spawn(command: &mut Command) -> io::Result<Self> {
        // It is not waited for when it is dropped.
        let child = spawn(command)?;
        let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw).ok_or(Errno::SRCH)?;
        let pidfd = pidfd_open(pid, PidfdFlags::empty())?;
        Ok(Self { pid: pid.as_raw_nonzero().get(), pidfd })
    }

    pub(crate) fn kill(&self) {
        let _ = pidfd_send_signal(&self.pidfd, Signal::KILL);
    }

    /// Waits for the end of a child that ends by itself or was killed. None: how it ended is not known, as the caller leaves
    /// nothing to wait for.
    pub(crate) fn wait(&self) -> Option<ExitStatus> {
        wait_for_killed(self.pidfd.as_fd())
    }
}
