//! Creating the process that goes on with the steps, and waiting for its start.

use std::io::Read;
use std::os::fd::AsFd;

use rustix::io::Errno;
use rustix::process::{Pid, PidfdFlags, pidfd_open};

use super::error::Context;
use super::steps::{Init, Stop};
use super::{namespaces, supervisor};
use crate::plan::Namespace;
use crate::sys::clone::{Cloned, clone, leave};
use crate::wire::Event;

impl Init<'_> {
    /// The child goes on as the container's process; this process reports it and ends.
    ///
    /// It takes a second process: unshare(2) and setns(2) move the caller's children into a PID namespace, not the
    /// caller. The child is a sibling (`CLONE_PARENT`), so that the launching process can wait for it.
    pub(super) fn create_process(&mut self, kinds: &[Namespace]) -> Result<(), Stop> {
        match namespaces::clone(kinds)? {
            Cloned::Child => {
                self.elapsed.clear();
                if self.joins_pid_namespace {
                    // Other processes of the same user in that namespace could trace this one, which has descriptors of
                    // the host, until it executes the program (CVE-2016-9962).
                    namespaces::set_not_dumpable()?;
                }
                self.reply()
            }
            Cloned::Parent { pid } => leave(i32::from(self.report_process(pid).is_err())),
        }
    }

    /// The child goes on as the process; this process reports it, waits for it, and ends as it did.
    ///
    /// A zombie in a PID namespace keeps the namespace's first process from ending until its parent has waited for it.
    /// The launching process may never do so: this one does it at once.
    pub(super) fn create_supervised_process(&mut self) -> Result<(), Stop> {
        match clone(0)? {
            Cloned::Child => {
                self.elapsed.clear();
                self.reply()
            }
            Cloned::Parent { pid } => match self.report_process(pid) {
                Ok(()) => supervisor::supervise(pid),
                // The child reads the end of the socket instead of a reply, and ends.
                Err(_) => leave(1),
            },
        }
    }

    /// Reports a process with its pidfd: outside, its number may be another, and may become another process's.
    pub(super) fn report_process(&mut self, pid: i32) -> std::io::Result<()> {
        let child = Pid::from_raw(pid).ok_or(Errno::SRCH)?;
        // Opened by its parent, before anybody can wait for the child: the number is still the child's.
        let pidfd = pidfd_open(child, PidfdFlags::empty())?;
        self.report(Event::ProcessCreated { pid }, &[pidfd.as_fd()])
    }

    /// Reports that all is ready, leaves the launching process and waits for the start.
    pub(super) fn await_start(&mut self) -> Result<(), Stop> {
        self.report(Event::Ready, &[]).map_err(|_| Stop::Told)?;
        let Some(start) = self.start.take() else { return Ok(()) };
        // Without a bound: a created container waits as long as nobody starts or kills it. Each turn takes a connection
        // of a process that may enter the runtime's directory.
        loop {
            let mut connection = start.accept().context(|| "accept the start".into())?.0;
            // A connection that is closed without a byte, by a caller that was killed, starts nothing.
            if connection.read_exact(&mut [0]).is_ok() {
                self.socket = connection.into();
                return Ok(());
            }
        }
    }
}
