//! How a program ended.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;

use rustix::event::{PollFd, PollFlags, poll};
use rustix::process::{WaitId, WaitIdOptions, WaitIdStatus, waitid};

use super::Container;
use crate::{Error, ErrorKind, sys};

impl Container {
    /// Waits until the program has ended, and returns how; as often as it is asked, and in any thread.
    ///
    /// # Errors
    /// [`ErrorKind::State`] if the container was made by another process and the kernel (before 6.15) tells nobody but the parent
    /// how a process ended.
    pub fn wait(&self) -> Result<ExitStatus, Error> {
        let doing = || format!("wait for container `{}`", self.id);
        let record = self.record().ok();
        if let Some(exit) = record.as_ref().and_then(|record| record.exit) {
            return Ok(ExitStatus::from_raw(exit));
        }
        let unknown = || {
            Error::new(
                ErrorKind::State,
                doing(),
                "how it ended is known only to the process that created it",
            )
        };
        let status = wait(self.as_fd()).map_err(Error::system(doing()))?.ok_or_else(unknown)?;
        // By now another container may have the id.
        if let Ok(mut entry) = self.entry()
            && record.is_some_and(|record| record.has_process_of(&entry.record))
        {
            entry.record.exit = Some(status.into_raw());
            let _ = entry.save();
        }
        Ok(status)
    }
}

/// Waits for a process. None: it ended, and how is not known here.
pub(crate) fn wait(pidfd: BorrowedFd<'_>) -> io::Result<Option<ExitStatus>> {
    loop {
        match waitid(WaitId::PidFd(pidfd), WaitIdOptions::EXITED) {
            Ok(Some(status)) => return Ok(Some(ExitStatus::from_raw(raw(&status)))),
            Ok(None) | Err(rustix::io::Errno::INTR) => {}
            // It is not a child of this process, was waited for before, or is an eventfd in place of a pidfd.
            Err(rustix::io::Errno::CHILD | rustix::io::Errno::BADF | rustix::io::Errno::INVAL) => {
                break;
            }
            Err(error) => return Err(error.into()),
        }
    }
    until_ended(pidfd)?;
    Ok(sys::pidfd::exit_status(pidfd)?.map(ExitStatus::from_raw))
}

/// Waits until a process has ended, and leaves its status to be collected.
pub(super) fn until_ended(pidfd: BorrowedFd<'_>) -> io::Result<()> {
    loop {
        match poll(&mut [PollFd::new(&pidfd, PollFlags::IN)], None) {
            Err(rustix::io::Errno::INTR) => {}
            result => return Ok(result.map(drop)?),
        }
    }
}

/// The status as `wait` gives it.
fn raw(status: &WaitIdStatus) -> i32 {
    const DUMPED: i32 = 0x80;
    match (status.exit_status(), status.terminating_signal()) {
        (Some(code), _) => (code & 0xff) << 8,
        (None, Some(signal)) => signal | if status.dumped() { DUMPED } else { 0 },
        (None, None) => 0,
    }
}
