//! Whether a process gets a terminal, and who has its master.

use std::fs::File;
use std::os::unix::net::UnixStream;
use std::path::Path;

use oci_runtime::Stdio;
use oci_runtime::spec::Process;

use crate::Result;
use crate::creation::Mode;
use crate::terminal;

/// Whether a program asks for a terminal. In the foreground it gets one of the size of this process's.
pub(crate) fn has_terminal(process: &mut Process, mode: Mode) -> bool {
    let asked = process.terminal == Some(true);
    if asked && mode == Mode::Foreground {
        process.console_size = terminal::size().or(process.console_size.take());
    }
    asked
}

/// Who receives the master of the terminal.
#[derive(Debug)]
pub(crate) enum Console {
    /// There is no terminal, or the caller's console socket receives the master.
    Elsewhere,
    Own(UnixStream),
}

impl Console {
    /// Standard input and output for a process with or without a terminal.
    pub(crate) fn open(terminal: bool, socket: Option<&Path>, mode: Mode) -> Result<(Stdio, Self)> {
        match (terminal, socket, mode) {
            (true, Some(path), _) => {
                let socket = UnixStream::connect(path).map_err(|error| {
                    format!("cannot connect to console socket `{}`: {error}", path.display())
                })?;
                Ok((Stdio::terminal(socket), Self::Elsewhere))
            }
            (true, None, Mode::Foreground) => {
                let (own, theirs) = UnixStream::pair()?;
                Ok((Stdio::terminal(theirs), Self::Own(own)))
            }
            (true, None, Mode::Detached) => {
                Err("cannot allocate tty if ocirun will detach without setting console socket"
                    .into())
            }
            (false, Some(_), _) => {
                Err("cannot use console socket if ocirun will not detach or allocate tty".into())
            }
            (false, None, _) => Ok((Stdio::inherit(), Self::Elsewhere)),
        }
    }

    /// The master, if this process is to have it. The container has been created, or the process runs.
    pub(crate) fn master(&self) -> Result<Option<File>> {
        match self {
            Self::Elsewhere => Ok(None),
            Self::Own(socket) => Ok(Some(Stdio::master(socket)?)),
        }
    }
}
