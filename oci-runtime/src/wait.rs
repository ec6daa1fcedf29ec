//! Waiting for processes, children of this one or not.

use std::io;
use std::os::fd::BorrowedFd;
use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::process::{WaitId, WaitIdOptions, WaitIdStatus, waitid};

use crate::deadline::Deadline;
use crate::sys;

/// How long a process that was killed may take to end. More, and it waits in the kernel for a device or a filesystem, or
/// is frozen.
pub(crate) const END_TIMEOUT: Duration = Duration::from_secs(10);

/// How often it is looked whether a process that says nothing is frozen, and how often in a row it may be.
const FROZEN_CHECK: Duration = Duration::from_secs(1);
const MAX_FROZEN_CHECKS: u32 = 10;

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
    until_ended(pidfd, None)?;
    Ok(sys::pidfd::exit_status(pidfd)?.map(ExitStatus::from_raw))
}

/// Waits until a process has ended, and leaves its status to be collected. False: it has not within the limit.
pub(crate) fn until_ended(pidfd: BorrowedFd<'_>, limit: Option<Duration>) -> io::Result<bool> {
    // A limit beyond what the clock can hold is none.
    let end = limit.and_then(|limit| Instant::now().checked_add(limit));
    loop {
        let left = end.map(|end| {
            let left = end.saturating_duration_since(Instant::now());
            Timespec { tv_sec: left.as_secs() as i64, tv_nsec: left.subsec_nanos().into() }
        });
        match poll(&mut [PollFd::new(&pidfd, PollFlags::IN)], left.as_ref()) {
            // Once for each signal that the caller handles.
            Err(Errno::INTR) => {}
            result => return Ok(result? > 0),
        }
    }
}

/// Waits for a process that was killed, within [`END_TIMEOUT`]. None: it has not ended, or how is not known here.
pub(crate) fn wait_for_killed(pidfd: BorrowedFd<'_>) -> Option<ExitStatus> {
    let ended = until_ended(pidfd, Some(END_TIMEOUT)).is_ok_and(|ended| ended);
    ended.then(|| wait(pidfd).ok().flatten())?
}

/// What has become of the process at the other end of a socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Heard {
    /// It has sent something, or closed the socket.
    Something,
    /// It was frozen for some seconds, and may be so for ever.
    Frozen,
    /// The time is over.
    TimedOut,
}

/// Waits until the process at the other end of a socket has sent something or closed it.
pub(crate) fn until_heard(
    socket: BorrowedFd<'_>,
    deadline: Deadline,
    is_frozen: impl Fn() -> bool,
) -> io::Result<Heard> {
    let mut frozen = 0;
    while !until_ended(socket, Some(deadline.left_of(FROZEN_CHECK)))? {
        if deadline.is_over() {
            return Ok(Heard::TimedOut);
        }
        frozen = if is_frozen() { frozen + 1 } else { 0 };
        if frozen == MAX_FROZEN_CHECKS {
            return Ok(Heard::Frozen);
        }
    }
    Ok(Heard::Something)
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
