//! The default signal state for a fresh process, and ending by a signal.

use std::io;

/// Sets every signal to its default action and blocks none: ignored and blocked signals pass exec.
pub(crate) fn reset() -> io::Result<()> {
    const SIGNAL_SET_SIZE: usize = 8;
    // The kernel's sigaction: all zero is SIG_DFL without flags, and no machine has a longer one.
    let default = [0u64; 4];
    for signal in 1..=64 {
        // Not by libc, which keeps signals 32 and 33 for itself. The kernel refuses SIGKILL and SIGSTOP, which need it
        // not.
        // SAFETY: the action outlives the call and runs no code of ours; the old one is not asked for.
        unsafe {
            libc::syscall(
                libc::SYS_rt_sigaction,
                signal,
                default.as_ptr(),
                std::ptr::null::<u64>(),
                SIGNAL_SET_SIZE,
            )
        };
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
