//! The supervisor: the parent of a process that was added to a container, which waits for it.

use rustix::io::Errno;
use rustix::process::{
    Pid, Resource, Rlimit, WaitOptions, WaitStatus, getrlimit, setrlimit, setsid, waitpid,
};

use crate::sys::{clone::leave, descriptors, signal::raise};

/// Waits for the end of a child, and ends in the same way.
///
/// It closes all its descriptors: an open end of a pipe would keep the other side from seeing the end of the process.
/// And it leaves the session of the caller: Ctrl-C in the caller's terminal is not for it.
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
    // EINTR follows a signal handler, and this process installs none: the loop ends with the child.
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
        // The child has written its core dump: this process writes none over it.
        let none = Rlimit { current: Some(0), maximum: getrlimit(Resource::Core).maximum };
        let _ = setrlimit(Resource::Core, none);
        raise(signal);
    }
    leave(status.exit_status().unwrap_or(126))
}
