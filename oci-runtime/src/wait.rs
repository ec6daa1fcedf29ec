//! Waiting for processes, children of this one or not.

use std::io;
use std::os::fd::BorrowedFd;
use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;

use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;
use rustix::process::{WaitId, WaitIdOptions, WaitIdStatus, waitid};

use crate::sys;

/// Waits for a process. None: it ended, and how is not known here.
pub(crate) fn wait(pidfd: BorrowedFd<'_>) -> io::Result<Option<ExitStatus>> {
    loop {
        match waitid(WaitId::PidFd(pidfd), WaitIdOptions::EXITED) {
            Ok(Some(status)) => return Ok(Some(ExitStatus::from_raw(raw(&status)))),
            Ok(None) | Err(Errno::INTR) => {}
            // It is not a child of this process, was waited for before, or is an eventfd in place of a pidfd.
            Err(Errno::CHILD | Errno::BADF | Errno::INVAL) => {
                break;
            }
            Err(error) => return Err(error.into()),
        }
    }
    until_ended(pidfd)?;
    Ok(sys::pidfd::exit_status(pidfd)?.map(ExitStatus::from_raw))
}

/// Waits until a process has ended, and leaves its status to be collected.
pub(crate) fn until_ended(pidfd: BorrowedFd<'_>) -> io::Result<()> {
    loop {
        match poll(&mut [PollFd::new(&pidfd, PollFlags::IN)], None) {
            Err(Errno::INTR) => {}
            result => return Ok(result.map(drop)?),
        }
    }
}

/// The status as wait(2) gives it.
fn raw(status: &WaitIdStatus) -> i32 {
    const DUMPED: i32 = 0x80;
    match (status.exit_status(), status.terminating_signal()) {
        (Some(code), _) => (code & 0xff) << 8,
        (None, Some(signal)) => signal | if status.dumped() { DUMPED } else { 0 },
        (None, None) => 0,
    }
}
