//! What the process of a container reads and writes.

use std::fs::{File, OpenOptions};
use std::io::{self, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;

use rustix::io::Errno;
use rustix::net::{RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, recvmsg};

use crate::plan::{ProcessStep, Step};
use crate::wire::Role;
use crate::{Error, ErrorKind, Plan};

/// Standard input, output and error of the process of a container.
#[derive(Debug)]
pub struct Stdio(Choice);

#[derive(Debug)]
enum Choice {
    Inherit,
    Null,
    Files(OwnedFd, OwnedFd, OwnedFd),
    Terminal(UnixStream),
}

impl Stdio {
    /// The caller's own.
    pub fn inherit() -> Self {
        Self(Choice::Inherit)
    }

    /// Nothing to read; what is written is lost.
    pub fn null() -> Self {
        Self(Choice::Null)
    }

    /// Files, pipes or sockets of the caller's choice.
    pub fn files(
        stdin: impl Into<OwnedFd>,
        stdout: impl Into<OwnedFd>,
        stderr: impl Into<OwnedFd>,
    ) -> Self {
        Self(Choice::Files(stdin.into(), stdout.into(), stderr.into()))
    }

    /// A new terminal of the container; its master arrives on `socket` as one message with one descriptor, as other
    /// runtimes send it to a console socket.
    ///
    /// For a specification that has `process.terminal` set, and for no other.
    ///
    /// ```no_run
    /// use std::os::unix::net::UnixStream;
    /// use oci_runtime::{Bundle, Runtime, Stdio};
    ///
    /// # let bundle = Bundle::open("bundle")?;
    /// let (ours, theirs) = UnixStream::pair()?;
    /// let container = Runtime::open("/run/my-tool")?.create("shell", &bundle, Stdio::terminal(theirs))?;
    /// let master = Stdio::master(&ours)?; // what is written to it is typed, what is read was printed
    /// container.start()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn terminal(socket: UnixStream) -> Self {
        Self(Choice::Terminal(socket))
    }

    /// Receives the master of a [`terminal`](Self::terminal) on the other end of its socket. It has been sent when the
    /// container is created, or the process runs.
    ///
    /// When no process has the terminal open any more, reading from its master fails with `EIO`.
    ///
    /// # Errors
    /// If the other end was closed and sent none.
    pub fn master(socket: &UnixStream) -> io::Result<File> {
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
        let mut control = RecvAncillaryBuffer::new(&mut space);
        // The name of the multiplexer, which is not needed.
        let mut name = [0; 64];
        let mut name = [IoSliceMut::new(&mut name)];
        loop {
            match recvmsg(socket, &mut name, &mut control, RecvFlags::CMSG_CLOEXEC) {
                Err(Errno::INTR) => {}
                result => {
                    result?;
                    break;
                }
            }
        }
        let received = control.drain().find_map(|message| match message {
            RecvAncillaryMessage::ScmRights(mut handles) => handles.next(),
            _ => None,
        });
        received.map(File::from).ok_or_else(|| io::ErrorKind::UnexpectedEof.into())
    }

    /// Whether the process gets a terminal.
    fn is_terminal(&self) -> bool {
        matches!(self.0, Choice::Terminal(_))
    }

    /// Fails unless there is a terminal exactly if the plan opens one.
    pub(crate) fn check(&self, plan: &Plan, doing: &str) -> Result<(), Error> {
        let is_terminal = |step: &Step| matches!(step, Step::Process(ProcessStep::Terminal { .. }));
        let terminal = plan.steps.iter().any(is_terminal);
        if terminal == self.is_terminal() {
            return Ok(());
        }
        let asked = if terminal { "asks for" } else { "does not ask for" };
        let reason = format!("`process.terminal` of the specification {asked} a terminal");
        Err(Error::new(ErrorKind::Refused, doing, reason))
    }

    /// The descriptors for the init, and what each is for.
    pub(crate) fn into_descriptors(self) -> io::Result<Vec<(Role, OwnedFd)>> {
        let null =
            || OpenOptions::new().read(true).write(true).open("/dev/null").map(OwnedFd::from);
        Ok(match self.0 {
            Choice::Inherit => vec![
                (Role::Stdin, io::stdin().as_fd().try_clone_to_owned().or_else(|_| null())?),
                (Role::Stdout, io::stdout().as_fd().try_clone_to_owned().or_else(|_| null())?),
                (Role::Stderr, io::stderr().as_fd().try_clone_to_owned().or_else(|_| null())?),
            ],
            Choice::Null => {
                vec![(Role::Stdin, null()?), (Role::Stdout, null()?), (Role::Stderr, null()?)]
            }
            Choice::Files(stdin, stdout, stderr) => {
                vec![(Role::Stdin, stdin), (Role::Stdout, stdout), (Role::Stderr, stderr)]
            }
            Choice::Terminal(socket) => vec![(Role::Console, socket.into())],
        })
    }
}
