//! execve without the allocation and signal work of the standard library.

use std::ffi::{CStr, CString};
use std::io;
use std::os::unix::process::CommandExt;
use std::process::Command;
use std::ptr;

/// The arguments or the environment of a program, laid out as execve reads them.
#[derive(Debug)]
pub(crate) struct CStringArray {
    /// Into the strings; a null pointer ends it.
    pointers: Vec<*const libc::c_char>,
    strings: Vec<CString>,
}

impl CStringArray {
    /// Lays words out. No word may have a NUL in it.
    pub(crate) fn new(words: &[String]) -> io::Result<Self> {
        let strings =
            words.iter().map(|word| CString::new(word.as_str())).collect::<Result<Vec<_>, _>>()?;
        let pointers = strings.iter().map(|word| word.as_ptr()).chain([ptr::null()]).collect();
        Ok(Self { pointers, strings })
    }

    /// Adds a word at the end.
    pub(crate) fn push(&mut self, word: &str) -> io::Result<()> {
        let word = CString::new(word)?;
        // Before the null pointer.
        self.pointers.insert(self.strings.len(), word.as_ptr());
        self.strings.push(word);
        Ok(())
    }
}

/// Has a command do this in its process, last before the program is executed.
///
/// Only the init calls this. It has one thread, so no lock can be held by a thread that the process lacks.
pub(crate) fn before_exec(
    command: &mut Command,
    action: impl FnMut() -> io::Result<()> + Send + Sync + 'static,
) {
    // SAFETY: this process has one thread, so what the closure does after the fork may allocate and take locks.
    unsafe { command.pre_exec(action) };
}

/// Replaces this program. Returns only if that failed. Makes one system call, and allocates nothing.
pub(crate) fn execute(
    path: &CStr,
    arguments: &CStringArray,
    environment: &CStringArray,
) -> io::Error {
    // SAFETY: the path is valid; the lists end with a null pointer and outlive the call, as do the strings, which stay
    // where they are however their owner moves.
    unsafe {
        libc::execve(path.as_ptr(), arguments.pointers.as_ptr(), environment.pointers.as_ptr());
    }
    io::Error::last_os_error()
}
