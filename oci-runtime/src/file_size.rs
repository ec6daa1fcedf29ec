//! The limit of the caller on the size of files.

use std::io;

use rustix::process::{Resource, getrlimit};

/// Fails if this process may not write a file of so many bytes: the kernel would answer with SIGXFSZ, which ends a
/// process that does not handle it (setrlimit(2), `RLIMIT_FSIZE`).
pub(crate) fn require(length: u64) -> io::Result<()> {
    match getrlimit(Resource::Fsize).current {
        Some(limit) if length > limit => Err(io::Error::new(
            io::ErrorKind::FileTooLarge,
            format!("{length} bytes are over this process's RLIMIT_FSIZE of {limit}"),
        )),
        _ => Ok(()),
    }
}
