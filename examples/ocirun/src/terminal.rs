//! This process's terminal, joined to that of a container.

use std::fs::File;
use std::io::{self, Read, Write};
use std::thread::JoinHandle;

use oci_runtime::spec::ConsoleSize;
use rustix::termios::{
    OptionalActions, Termios, isatty, tcgetattr, tcgetwinsize, tcsetattr, tcsetwinsize,
};

use crate::Result;

/// The size of this process's terminal, if it has one: for a program that asks for it at once.
pub(crate) fn size() -> Option<ConsoleSize> {
    let size = tcgetwinsize(io::stdin()).ok()?;
    Some(ConsoleSize::new(size.ws_row.into(), size.ws_col.into()))
}

/// Passes on what is typed to the terminal of a container, and prints what is printed there.
#[derive(Debug)]
pub(crate) struct Relay {
    master: File,
    printed: JoinHandle<()>,
    /// The settings of this process's terminal before, if it has one.
    before: Option<Termios>,
}

impl Relay {
    pub(crate) fn start(master: &File) -> Result<Self> {
        let before = isatty(io::stdin()).then(|| tcgetattr(io::stdin())).transpose()?;
        if let Some(before) = &before {
            // The container's terminal echoes and edits.
            let mut raw = before.clone();
            raw.make_raw();
            tcsetattr(io::stdin(), OptionalActions::Now, &raw)?;
        }
        let (input, output) = (master.try_clone()?, master.try_clone()?);
        // It ends with this process: nothing else ends a read of standard input.
        std::thread::spawn(move || drop(pass_on(io::stdin(), input)));
        let printed = std::thread::spawn(move || drop(pass_on(output, io::stdout())));
        Ok(Self { master: master.try_clone()?, printed, before })
    }

    /// Gives the container's terminal the size of this process's.
    pub(crate) fn resize(&self) {
        if self.before.is_some()
            && let Ok(size) = tcgetwinsize(io::stdin())
        {
            let _ = tcsetwinsize(&self.master, size);
        }
    }

    /// Prints the rest, once the process has ended, and leaves the terminal as it was.
    pub(crate) fn finish(self) {
        let Self { master, printed, before } = self;
        drop(master);
        let _ = printed.join();
        if let Some(before) = before {
            let _ = tcsetattr(io::stdin(), OptionalActions::Now, &before);
        }
    }
}

/// Copies, and flushes after each read: who types waits for what is printed.
fn pass_on(mut from: impl Read, mut to: impl Write) -> io::Result<()> {
    let mut buffer = [0; 4096];
    loop {
        match from.read(&mut buffer) {
            Ok(0) => return Ok(()),
            Ok(count) => {
                to.write_all(buffer.get(..count).unwrap_or_default())?;
                to.flush()?;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            // No process has the terminal open any more (EIO).
            Err(error) => return Err(error),
        }
    }
}
