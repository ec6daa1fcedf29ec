//! The parent of a process that was added to a container.

use rustix::io::Errno;
use rustix::process::{
    Pid, Resource, Rlimit, WaitOptions, WaitStatus, getrlimit, setrlimit, setsid, waitpid,
};

use crate::sys::{clone::leave, descriptors, signal::raise};

/// Waits for the end of a child, and ends in the same way.
///
/// Nothing that this process has open keeps anybody waiting, and no key of the caller's terminal ends it.
pub(crate) fn supervise(pid: i32) -> ! {
    let status = descriptors::close_from(0)
        .map_err(|error| Errno::from_io_error(&error).unwrap_or(Errno::IO))
        .and_then(|()| setsid())
        .and_then(|_| wait(Pid::from_raw(pid)));
    match status {
        Ok(status) => end_like(status),
        Err(_) => leave(126),
    }
}

fn wait(pid: Option<Pid>) -> Result<WaitStatus, Errno> {
    loop {
        match waitpid(pid, WaitOptions::empty()) {
            Ok(Some((_, status))) => return Ok(status),
            Ok(None) | Err(Errno::INTR) => {}
            Err(error) => return Err(error),
        }
    }
}

fn end_like(status: WaitStatus) -> ! {
    if let Some(signal) = status.terminating_signal() {
        // The core that was to be written is the child's.
        let none = Rlimit { current: Some(0), maximum: getrlimit(Resource::Core).maximum };
        let _ = setrlimit(Resource::Core, none);
        raise(signal);
    }
    leave(status.exit_status().unwrap_or(126))
}
