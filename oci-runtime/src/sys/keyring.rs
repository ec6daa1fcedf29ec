//! The session keyring of this process (session-keyring(7)).

use std::io;

use super::checked;

/// Replaces the session keyring by a new one that is empty and has no name, so that no other process can join it.
pub(crate) fn new_session() -> io::Result<()> {
    let none = std::ptr::null::<libc::c_char>();
    // SAFETY: a null name is permitted, and asks for a new keyring.
    checked(unsafe { libc::syscall(libc::SYS_keyctl, libc::KEYCTL_JOIN_SESSION_KEYRING, none) })
        .map(drop)
}

/// Whether this process may ask for keyrings: the kernel may be built without, or a system call filter forbid it.
pub(crate) fn are_there() -> bool {
    const MAKE_NONE: libc::c_long = 0;
    // SAFETY: takes no pointer.
    let asked = checked(unsafe {
        libc::syscall(
            libc::SYS_keyctl,
            libc::KEYCTL_GET_KEYRING_ID,
            libc::KEY_SPEC_SESSION_KEYRING,
            MAKE_NONE,
        )
    });
    // There may be none yet, or one that is revoked or expired.
    !asked.is_err_and(|error| matches!(error.raw_os_error(), Some(libc::ENOSYS | libc::EPERM)))
}
