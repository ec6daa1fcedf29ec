//! Waiting in a program on tokio.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::process::ExitStatus;

use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use tokio::net::unix::pipe::{Receiver, Sender};
use tokio::task::spawn_blocking;

use crate::{Container, Error, ErrorKind, Pipes, Process};

impl Container {
    /// As [`wait`](Self::wait), and no thread waits. A future that is dropped changes nothing.
    ///
    /// # Panics
    /// Outside of a tokio runtime with I/O.
    ///
    /// # Errors
    /// Those of [`wait`](Self::wait).
    #[cfg_attr(docsrs, doc(cfg(feature = "tokio")))]
    pub async fn wait_async(&self) -> Result<ExitStatus, Error> {
        let doing = || format!("wait for container `{}`", self.id());
        until_readable(self.as_fd()).await.map_err(Error::system(doing()))?;
        // What is left takes the lock of the container.
        let container = self.duplicate()?;
        spawn_blocking(move || container.wait())
            .await
            .map_err(|error| Error::because(ErrorKind::System, doing(), error))?
    }
}

impl Process {
    /// As [`wait`](Self::wait), and no thread waits. A future that is dropped changes nothing.
    ///
    /// # Panics
    /// Outside of a tokio runtime with I/O.
    ///
    /// # Errors
    /// Those of [`wait`](Self::wait).
    #[cfg_attr(docsrs, doc(cfg(feature = "tokio")))]
    pub async fn wait_async(&self) -> Result<ExitStatus, Error> {
        let doing = format!("wait for process {}", self.pid());
        until_readable(self.as_fd()).await.map_err(Error::system(doing))?;
        self.wait()
    }
}

/// By a descriptor of its own: one that is registered twice is an error.
#[allow(
    deprecated,
    reason = "the later `register_with_interest` is unsafe, for descriptors that are not owned"
)]
async fn until_readable(pidfd: BorrowedFd<'_>) -> io::Result<()> {
    let pidfd = AsyncFd::with_interest(pidfd.try_clone_to_owned()?, Interest::READABLE)?;
    pidfd.readable().await?.retain_ready();
    Ok(())
}

/// [`Pipes`] for tokio.
#[cfg_attr(docsrs, doc(cfg(feature = "tokio")))]
#[derive(Debug)]
#[non_exhaustive]
pub struct AsyncPipes {
    /// What is written to it, the process reads.
    pub stdin: Sender,
    /// What the process writes to its standard output.
    pub stdout: Receiver,
    /// What the process writes to its standard error.
    pub stderr: Receiver,
}

impl Pipes {
    /// The same for tokio. The process's ends stay as they are.
    ///
    /// ```no_run
    /// use oci_runtime::{Container, Stdio, spec::Process};
    /// use tokio::io::AsyncReadExt;
    ///
    /// # async fn run(container: Container, process: Process) -> Result<(), Box<dyn std::error::Error>> {
    /// let (stdio, pipes) = Stdio::piped()?;
    /// let mut pipes = pipes.into_async()?;
    /// let process = container.exec(process, stdio)?;
    /// drop(pipes.stdin);
    /// let mut printed = String::new();
    /// pipes.stdout.read_to_string(&mut printed).await?;
    /// let status = process.wait_async().await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Panics
    /// Outside of a tokio runtime with I/O.
    ///
    /// # Errors
    /// If they cannot be registered with tokio.
    #[cfg_attr(docsrs, doc(cfg(feature = "tokio")))]
    pub fn into_async(self) -> io::Result<AsyncPipes> {
        Ok(AsyncPipes {
            stdin: Sender::from_owned_fd(OwnedFd::from(self.stdin))?,
            stdout: Receiver::from_owned_fd(OwnedFd::from(self.stdout))?,
            stderr: Receiver::from_owned_fd(OwnedFd::from(self.stderr))?,
        })
    }
}
