//! What the process of a container reads and writes.

mod pipes;

use std::fs::{File, OpenOptions};
use std::io::{self, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;

use rustix::io::Errno;
use rustix::net::{RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, recvmsg};

use crate::plan::{ProcessStep, Step};
use crate::wire::Role;
use crate::{Error, ErrorKind, Plan, sys};

pub use pipes::Pipes;

/// The most descriptors that a program gets beside standard input, output and error.
const MAX_DESCRIPTORS: usize = 200;

/// Standard input, output and error of the process of a container, and what else it has open.
#[derive(Debug)]
pub struct Stdio {
    choice: Choice,
    descriptors: Vec<OwnedFd>,
}

#[derive(Debug)]
enum Choice {
    Inherit,
    Null,
    Files(OwnedFd, OwnedFd, OwnedFd),
    Terminal(UnixStream),
}

impl Stdio {
    fn new(choice: Choice) -> Self {
        Self { choice, descriptors: Vec::new() }
    }

    /// The caller's own.
    pub fn inherit() -> Self {
        Self::new(Choice::Inherit)
    }

    /// Nothing to read; what is written is lost.
    pub fn null() -> Self {
        Self::new(Choice::Null)
    }

    /// Files, pipes or sockets of the caller's choice.
    pub fn files(
        stdin: impl Into<OwnedFd>,
        stdout: impl Into<OwnedFd>,
        stderr: impl Into<OwnedFd>,
    ) -> Self {
        Self::new(Choice::Files(stdin.into(), stdout.into(), stderr.into()))
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
        Self::new(Choice::Terminal(socket))
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

    /// Gives the program more descriptors: the first is number 3 there, the next 4, and so on, at most 200. It gets no
    /// other.
    ///
    /// A program that expects them by the protocol of systemd's socket activation also wants `LISTEN_FDS` and `LISTEN_PID`
    /// in `process.env`.
    #[must_use]
    pub fn descriptors(mut self, descriptors: impl IntoIterator<Item = OwnedFd>) -> Self {
        self.descriptors.extend(descriptors);
        self
    }

    /// Copies of the caller's own descriptors from 3 on, for [`descriptors`](Self::descriptors): what a program gets that is
    /// told to pass on what it inherited.
    ///
    /// # Errors
    /// If one of them is not open.
    pub fn inherited_descriptors(count: usize) -> io::Result<Vec<OwnedFd>> {
        let copy = |number| {
            sys::descriptors::copy(number).map_err(|error| {
                io::Error::new(error.kind(), format!("descriptor {number}: {error}"))
            })
        };
        let numbers = (3..).take(count);
        // A look at all of them first: copies that are kept would be taken for the caller's own.
        numbers.clone().try_for_each(|number| copy(number).map(drop))?;
        numbers.map(copy).collect()
    }

    /// Whether the process gets a terminal.
    fn is_terminal(&self) -> bool {
        matches!(self.choice, Choice::Terminal(_))
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

    /// The descriptors for the init, and what each is for: first those for which it has to have the next numbers free.
    pub(crate) fn into_descriptors(self) -> io::Result<Vec<(Role, OwnedFd)>> {
        if self.descriptors.len() > MAX_DESCRIPTORS {
            let reason = format!("a program gets at most {MAX_DESCRIPTORS} more descriptors");
            return Err(io::Error::new(io::ErrorKind::InvalidInput, reason));
        }
        let null =
            || OpenOptions::new().read(true).write(true).open("/dev/null").map(OwnedFd::from);
        let mut all: Vec<_> =
            self.descriptors.into_iter().map(|fd| (Role::Preserved, fd)).collect();
        all.extend(match self.choice {
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
        });
        Ok(all)
    }
}
