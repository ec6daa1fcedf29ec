//! Pipes to the process of a container.

use std::io::{self, PipeReader, PipeWriter, pipe};

use super::Stdio;

/// The caller's ends of the pipes of [`Stdio::piped`].
///
/// Dropping [`stdin`](Self::stdin) ends the input of the process. Who reads one of the others to its end before it reads the
/// other blocks for ever if the process fills that: read them in two threads.
#[derive(Debug)]
#[non_exhaustive]
pub struct Pipes {
    /// What is written to it, the process reads.
    pub stdin: PipeWriter,
    /// What the process writes to its standard output.
    pub stdout: PipeReader,
    /// What the process writes to its standard error.
    pub stderr: PipeReader,
}

impl Stdio {
    /// Pipes, and the caller's ends of them.
    ///
    /// ```no_run
    /// use std::io::Read;
    /// use oci_runtime::{Bundle, Runtime, Stdio};
    ///
    /// # let bundle = Bundle::open("bundle")?;
    /// let (stdio, mut pipes) = Stdio::piped()?;
    /// let container = Runtime::open("/run/my-tool")?.create("web-1", &bundle, stdio)?;
    /// container.start()?;
    /// let mut printed = String::new();
    /// pipes.stdout.read_to_string(&mut printed)?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// If the caller has too many descriptors.
    pub fn piped() -> io::Result<(Self, Pipes)> {
        let ((stdin, their_stdin), (their_stdout, stdout), (their_stderr, stderr)) =
            (pipe()?, pipe()?, pipe()?);
        let pipes = Pipes { stdin: their_stdin, stdout: their_stdout, stderr: their_stderr };
        Ok((Self::files(stdin, stdout, stderr), pipes))
    }
}
