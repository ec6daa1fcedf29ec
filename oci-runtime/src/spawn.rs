//! Starting programs from a process whose other threads start some too.

use std::io;
use std::process::{Child, Command};
use std::thread::sleep;
use std::time::Duration;

/// Attempts to start a program that another process has open for writing, a millisecond apart.
const MAX_ATTEMPTS: usize = 1000;

/// Starts a program, retried while it is open for writing.
///
/// A descriptor that was open for writing when another thread forked stays open in the fork until its exec, and until
/// then execve of that file answers `ETXTBSY`.
pub(crate) fn spawn(command: &mut Command) -> io::Result<Child> {
    retry_while_busy(|| command.spawn())
}

fn retry_while_busy<T>(mut attempt: impl FnMut() -> io::Result<T>) -> io::Result<T> {
    for _ in 1..MAX_ATTEMPTS {
        match attempt() {
            Err(error) if error.kind() == io::ErrorKind::ExecutableFileBusy => {
                sleep(Duration::from_millis(1));
            }
            result => return result,
        }
    }
    attempt()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::OpenOptions;

    #[test]
    fn a_program_that_is_open_for_writing_for_a_moment_is_started() {
        let dir = tempfile::tempdir().unwrap();
        let program = dir.path().join("true");
        assert!(Command::new("cp").arg("/bin/true").arg(&program).status().unwrap().success());
        let mut writer = Some(OpenOptions::new().write(true).open(&program).unwrap());
        let mut attempts = 0;
        let status = retry_while_busy(|| {
            attempts += 1;
            if attempts == 3 {
                writer = None;
            }
            Command::new(&program).status()
        });
        assert!(status.unwrap().success());
        assert!(writer.is_none());
    }
}
