//! The default signal state for a fresh process, and ending by a signal.

use std::io;

/// Sets every signal to its default action and blocks none: ignored and blocked signals pass exec.
pub(crate) fn reset() -> io::Result<()> {
    for signal in 1..=64 {
        // SAFETY: SIG_DFL runs no code of ours. The kernel and libc refuse the few that cannot be set.
        unsafe { libc::signal(signal, libc::SIG_DFL) };
    }
    let mut none = std::mem::MaybeUninit::<libc::sigset_t>::uninit();
    // SAFETY: sigemptyset initialises the set before it is read; the old mask is not asked for.
    let result = unsafe {
        libc::sigemptyset(none.as_mut_ptr());
        libc::sigprocmask(libc::SIG_SETMASK, none.as_ptr(), std::ptr::null_mut())
    };
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// Sends a signal by its number to this process.
pub(crate) fn raise(signal: i32) {
    // SAFETY: takes no pointer; handlers are the default ones.
    unsafe { libc::kill(libc::getpid(), signal) };
}
