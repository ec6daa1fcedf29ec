//! clone3 in the manner of fork, for the single-threaded init alone.

use std::io;

use super::checked;

/// Which of the two processes returned from [`clone`].
pub(crate) enum Cloned {
    /// The process that called; `pid` is the child's, as seen from here.
    Parent { pid: i32 },
    /// The new process.
    Child,
}

/// Makes a process in the new namespaces of `flags` (`CLONE_NEW*`, `CLONE_PARENT`) with a copy of this one's memory.
///
/// Only the init calls this. It has one thread, so no lock can be held by a thread that the child lacks.
pub(crate) fn clone(flags: u64) -> io::Result<Cloned> {
    // With CLONE_PARENT the kernel takes the exit signal from the caller and refuses another.
    let parent = libc::CLONE_PARENT as u64;
    let exit_signal = if flags & parent == 0 { libc::SIGCHLD as u64 } else { 0 };
    let arguments: [u64; 8] = [flags, 0, 0, 0, exit_signal, 0, 0, 0];
    // SAFETY: the arguments are a valid clone_args of 64 bytes without CLONE_VM and without a stack, so the child
    // runs on a copy of this memory, as after fork.
    let pid = checked(unsafe {
        libc::syscall(libc::SYS_clone3, arguments.as_ptr(), size_of_val(&arguments))
    })?;
    Ok(match i32::try_from(pid) {
        Ok(0) => Cloned::Child,
        Ok(pid) => Cloned::Parent { pid },
        Err(_) => return Err(io::Error::from_raw_os_error(libc::EOVERFLOW)),
    })
}

/// Ends this process at once, without the work that a normal exit does.
pub(crate) fn leave(status: i32) -> ! {
    // SAFETY: _exit takes no pointer and does not return.
    unsafe { libc::_exit(status) }
}
