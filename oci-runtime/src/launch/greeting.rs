//! The first message of an init, without which a program is none.

use std::io::{self, ErrorKind};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use crate::wire::{self, Greeting};

/// How long a program may take until it is an init: until its `main` has called `oci_runtime::init()`.
pub(super) const TIMEOUT: Duration = Duration::from_secs(30);

/// Why a program did not become an init.
#[derive(Debug, PartialEq)]
pub(super) enum Missing {
    /// It closed its socket, which it does by ending.
    Closed,
    /// It did not greet in time.
    TimedOut,
    /// It has threads.
    Threads,
}

/// Sends the instructions by `send` and waits for the greeting, for as long as `timeout` in all.
///
/// The instructions are sent first: the init finds them there when it has begun.
pub(super) fn exchange(
    socket: &UnixStream,
    timeout: Duration,
    send: impl FnOnce() -> io::Result<()>,
) -> io::Result<Result<(), Missing>> {
    socket.set_write_timeout(Some(timeout))?;
    socket.set_read_timeout(Some(timeout))?;
    let sent = send();
    let greeting = wire::receive(socket);
    socket.set_write_timeout(None)?;
    socket.set_read_timeout(None)?;
    match greeting {
        Ok(Some((Greeting::Alone, _))) => sent.map(Ok),
        Ok(Some((Greeting::HasThreads, _))) => Ok(Err(Missing::Threads)),
        Ok(None) => Ok(Err(Missing::Closed)),
        Err(error) => match error.kind() {
            ErrorKind::WouldBlock | ErrorKind::TimedOut => Ok(Err(Missing::TimedOut)),
            // It ended without reading the instructions.
            ErrorKind::ConnectionReset => Ok(Err(Missing::Closed)),
            _ => Err(error),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_becomes_an_init_by_its_greeting_alone() {
        let result = |program: &dyn Fn(UnixStream) -> Option<UnixStream>| {
            let (ours, theirs) = UnixStream::pair().unwrap();
            let _open = program(theirs);
            let send = || wire::send(&ours, &"instructions", &[]);
            exchange(&ours, Duration::from_millis(10), send).unwrap()
        };
        let greet = |socket: UnixStream, greeting| {
            wire::send(&socket, &greeting, &[]).unwrap();
            Some(socket)
        };
        assert_eq!(result(&|_| None), Err(Missing::Closed));
        assert_eq!(result(&|socket| greet(socket, Greeting::HasThreads)), Err(Missing::Threads));
        assert_eq!(result(&|socket| greet(socket, Greeting::Alone)), Ok(()));
    }

    #[test]
    fn a_program_that_neither_reads_nor_greets_is_not_waited_for() {
        for length in [1, 1 << 20] {
            let (ours, theirs) = UnixStream::pair().unwrap();
            let (done, ended) = std::sync::mpsc::channel::<()>();
            // Without a limit the wait ends here, with another result.
            let program = std::thread::spawn(move || {
                let _ = ended.recv_timeout(Duration::from_secs(10));
                drop(theirs);
            });
            let send = || wire::send(&ours, &"x".repeat(length), &[]);
            let result = exchange(&ours, Duration::from_millis(10), send).unwrap();
            assert_eq!(result, Err(Missing::TimedOut), "{length}");
            drop(done);
            program.join().unwrap();
        }
    }
}
