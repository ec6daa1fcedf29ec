//! Starting programs from a process whose other threads start some too.

use std::io;
use std::process::{Child, Command};
use std::thread::sleep;
use std::time::Duration;

/// How often a busy program is tried, a millisecond apart.
const TRIES: usize = 1000;

/// Starts a program.
///
/// What was open for writing when another thread forked is open in the fork until that becomes a program of its own,
/// and so long the kernel runs no such file: it is tried again.
pub(crate) fn spawn(command: &mut Command) -> io::Result<Child> {
    patiently(|| command.spawn())
}

fn patiently<T>(mut attempt: impl FnMut() -> io::Result<T>) -> io::Result<T> {
    for _ in 1..TRIES {
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
    fn a_program_that_is_busy_for_a_moment_is_started() {
        let dir = tempfile::tempdir().unwrap();
        let program = dir.path().join("true");
        assert!(Command::new("cp").arg("/bin/true").arg(&program).status().unwrap().success());
        let mut writer = Some(OpenOptions::new().write(true).open(&program).unwrap());
        let mut tries = 0;
        let status = patiently(|| {
            tries += 1;
            if tries == 3 {
                writer = None;
            }
            Command::new(&program).status()
        });
        assert!(status.unwrap().success());
        assert!(writer.is_none());
    }
}
