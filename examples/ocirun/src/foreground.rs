//! Standing for a process until it ends: its signals, its terminal, its exit status.

use std::fs::File;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::process::ExitStatusExt;
use std::process::{ExitCode, ExitStatus};

use nix::sys::signal::{SigSet, Signal as Kind};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use oci_runtime::{Error, Signal};
use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;

use crate::Result;
use crate::terminal::Relay;

/// The signals that are passed on.
const PASSED_ON: [Kind; 14] = [
    Kind::SIGHUP,
    Kind::SIGINT,
    Kind::SIGQUIT,
    Kind::SIGUSR1,
    Kind::SIGUSR2,
    Kind::SIGALRM,
    Kind::SIGTERM,
    Kind::SIGCONT,
    Kind::SIGTSTP,
    Kind::SIGTTIN,
    Kind::SIGTTOU,
    Kind::SIGWINCH,
    Kind::SIGIO,
    Kind::SIGPWR,
];

/// Receives the signals of this process from now on.
#[derive(Debug)]
pub(crate) struct Foreground(SignalFd);

impl Foreground {
    pub(crate) fn new() -> Result<Self> {
        let signals: SigSet = PASSED_ON.into_iter().collect();
        signals.thread_block()?;
        Ok(Self(SignalFd::with_flags(&signals, SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK)?))
    }

    /// Passes signals on until the process has ended; with the master of its terminal, what is typed and printed, too.
    pub(crate) fn follow(
        &self,
        process: BorrowedFd<'_>,
        kill: impl Fn(Signal) -> Result<(), Error>,
        terminal: Option<&File>,
    ) -> Result<()> {
        let relay = terminal.map(Relay::start).transpose()?;
        while !self.has_ended(process)? {
            while let Some(received) = self.0.read_signal()? {
                let Some(signal) = signal(received.ssi_signo) else { continue };
                match &relay {
                    Some(relay) if signal == Signal::WINCH => relay.resize(),
                    // It may have ended meanwhile.
                    _ => drop(kill(signal)),
                }
            }
        }
        relay.into_iter().for_each(Relay::finish);
        Ok(())
    }

    /// Waits for a signal or the end.
    fn has_ended(&self, process: BorrowedFd<'_>) -> Result<bool> {
        let signals = self.0.as_fd();
        let mut ready =
            [PollFd::new(&process, PollFlags::IN), PollFd::new(&signals, PollFlags::IN)];
        match poll(&mut ready, None) {
            Err(Errno::INTR) => Ok(false),
            Err(error) => Err(error.into()),
            Ok(_) => Ok(ready.first().is_some_and(|process| !process.revents().is_empty())),
        }
    }
}

fn signal(number: u32) -> Option<Signal> {
    Signal::try_from(i32::try_from(number).ok()?).ok()
}

/// The exit status of a program, as a shell has it.
pub(crate) fn exit_code(status: ExitStatus) -> ExitCode {
    let killed = || status.signal().map(|signal| signal + 128);
    let code = status.code().or_else(killed).and_then(|code| u8::try_from(code).ok());
    code.map_or(ExitCode::FAILURE, ExitCode::from)
}
