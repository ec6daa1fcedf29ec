//! execve without the allocation and signal work of the standard library.

use std::ffi::CStr;
use std::io;
use std::ptr;

/// Replaces this program. Returns only if that failed.
pub(crate) fn execute(path: &CStr, arguments: &[&CStr], environment: &[&CStr]) -> io::Error {
    let list = |strings: &[&CStr]| -> Vec<*const libc::c_char> {
        strings.iter().map(|string| string.as_ptr()).chain([ptr::null()]).collect()
    };
    let (arguments, environment) = (list(arguments), list(environment));
    // SAFETY: all three are valid, the lists end with a null pointer and outlive the call.
    unsafe { libc::execve(path.as_ptr(), arguments.as_ptr(), environment.as_ptr()) };
    io::Error::last_os_error()
}
