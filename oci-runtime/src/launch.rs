//! The launching side: a fresh init, and the steps that it cannot do itself.

use std::fs::File;
use std::io::{self, Seek};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, OnceLock, PoisonError, Weak};

use rustix::fs::{MemfdFlags, SealFlags, fcntl_add_seals, memfd_create};
use rustix::process::{Signal, WaitId, WaitIdOptions, pidfd_send_signal, waitid};

use crate::init::ARGUMENT;
use crate::plan::{NamespaceStep, RuntimeStep, Step};
use crate::spawn::spawn;
use crate::wire::{self, Failure, Instructions, Reply, Report, Role};
use crate::{Error, ErrorKind};

/// The program that becomes the init of containers, sealed in memory so that nobody can change it.
///
/// The first container copies the program; all others of this launcher, and of its clones, use the copy. It stays in
/// memory: a program of many megabytes does better with the small `oci-runtime-init`.
#[derive(Clone, Debug)]
pub struct Launcher(Arc<Program>);

#[derive(Debug)]
struct Program {
    path: PathBuf,
    sealed: OnceLock<OwnedFd>,
    /// Held by who copies: others wait for the copy, and make none.
    sealing: Mutex<()>,
}

impl Launcher {
    /// This very program, whose `main` begins with [`oci_runtime::init()`](crate::init).
    ///
    /// All launchers of it that are there at one time share one copy, which goes with the last of them.
    pub fn current_exe() -> Self {
        static THIS: Mutex<Weak<Program>> = Mutex::new(Weak::new());
        let mut this = THIS.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(program) = this.upgrade() {
            return Self(program);
        }
        // The file that runs, even if its path has another file by now.
        let made = Self::program("/proc/self/exe");
        *this = Arc::downgrade(&made.0);
        made
    }

    /// Another program whose `main` begins with [`oci_runtime::init()`](crate::init), like `oci-runtime-init`.
    pub fn program(path: impl Into<PathBuf>) -> Self {
        let (path, sealed, sealing) = (path.into(), OnceLock::new(), Mutex::new(()));
        Self(Arc::new(Program { path, sealed, sealing }))
    }

    fn sealed(&self) -> io::Result<&OwnedFd> {
        if let Some(sealed) = self.0.sealed.get() {
            return Ok(sealed);
        }
        let _alone = self.0.sealing.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(sealed) = self.0.sealed.get() {
            return Ok(sealed);
        }
        let sealed = seal(&mut File::open(&self.0.path)?)?;
        Ok(self.0.sealed.get_or_init(|| sealed))
    }

    /// Starts an init. Its standard input is the socket; it gets nothing else of this process.
    ///
    /// The standard library spawns without copying this process (`posix_spawn`), so no lock of another thread can
    /// be held in the child, and nothing of this process is changed on the way.
    fn spawn(&self) -> Result<(Child, UnixStream), Error> {
        let doing = || format!("start the init `{}`", self.0.path.display());
        let system = |error| Error::because(ErrorKind::System, doing(), error);
        let program = self.sealed().map_err(system)?;
        let (ours, theirs) = UnixStream::pair().map_err(system)?;
        let mut command = Command::new(format!("/proc/self/fd/{}", program.as_raw_fd()));
        command
            .arg0(ARGUMENT)
            .env_clear()
            .stdin(OwnedFd::from(theirs))
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        Ok((spawn(&mut command).map_err(system)?, ours))
    }
}

/// Copies a program into memory and seals it.
fn seal(program: &mut File) -> io::Result<OwnedFd> {
    let flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING;
    // Kernels before 6.3 know no such flag and need none.
    let memory = memfd_create("oci-runtime-init", flags | MemfdFlags::EXEC)
        .or_else(|_| memfd_create("oci-runtime-init", flags))?;
    let mut memory = File::from(memory);
    io::copy(program, &mut memory)?;
    memory.rewind()?;
    fcntl_add_seals(
        &memory,
        SealFlags::SEAL | SealFlags::SHRINK | SealFlags::GROW | SealFlags::WRITE,
    )?;
    // Executing wants a file that nobody holds open for writing.
    let read = File::open(format!("/proc/self/fd/{}", memory.as_raw_fd()))?;
    // Not where the child will have its standard input.
    Ok(rustix::io::fcntl_dupfd_cloexec(read, 3)?)
}

/// The process of a container, alive and waiting.
#[derive(Debug)]
pub(crate) struct Launched {
    pub(crate) pid: i32,
    pub(crate) pidfd: OwnedFd,
    /// The process between that waits for the end of this one, if there is one.
    pub(crate) supervisor: Option<Child>,
}

/// What an init is told.
pub(crate) struct Launch<'a> {
    pub(crate) steps: &'a [Step],
    pub(crate) descriptors: Vec<(Role, OwnedFd)>,
    pub(crate) state: serde_json::Value,
}

/// Does the steps that fall to the launching process.
pub(crate) trait RuntimeSteps {
    /// Does one step. `pid` is the process that the step is about.
    fn run(&mut self, step: &RuntimeStep, pid: i32) -> Result<(), Error>;
    /// The container's process exists.
    fn process_created(&mut self, launched: &Launched) -> Result<(), Error>;
}

/// What fails when the init does not answer as it should.
const TALK: &str = "talk to the init";

/// Has an init carry steps out up to the point where its process waits, or to the end if it is to wait nowhere. If anything fails, no process is left.
pub(crate) fn launch(
    launcher: &Launcher,
    launch: Launch<'_>,
    runtime_steps: &mut dyn RuntimeSteps,
) -> Result<Launched, Error> {
    let supervised = launch.steps.contains(&NamespaceStep::CloneAndWait.into());
    let (mut child, socket) = launcher.spawn()?;
    let mut launched = None;
    let result = converse(&socket, &mut child, launch, runtime_steps, &mut launched);
    drop(socket);
    match (result, launched) {
        (Ok(()), Some(mut launched)) => {
            if supervised {
                launched.supervisor = Some(child);
            } else {
                let _ = child.wait();
            }
            Ok(launched)
        }
        (result, launched) => {
            // A supervisor buries the process, and ends with it.
            launched.iter().for_each(kill);
            if !supervised || launched.is_none() {
                let _ = child.kill();
            }
            let _ = child.wait();
            launched.iter().for_each(end);
            Err(result
                .err()
                .unwrap_or_else(|| Error::new(ErrorKind::System, TALK, "the init made no process")))
        }
    }
}

/// Kills a process and waits until it is gone.
pub(crate) fn end(launched: &Launched) {
    kill(launched);
    let _ = waitid(WaitId::PidFd(launched.pidfd.as_fd()), WaitIdOptions::EXITED);
}

fn kill(launched: &Launched) {
    let _ = pidfd_send_signal(&launched.pidfd, Signal::KILL);
}

fn converse(
    socket: &UnixStream,
    child: &mut Child,
    launch: Launch<'_>,
    runtime_steps: &mut dyn RuntimeSteps,
    launched: &mut Option<Launched>,
) -> Result<(), Error> {
    let roles = launch.descriptors.iter().map(|(role, _)| *role).collect();
    let instructions =
        Instructions { steps: launch.steps.to_vec(), descriptors: roles, state: launch.state };
    let handles: Vec<_> =
        launch.descriptors.iter().map(|(_, descriptor)| descriptor.as_fd()).collect();
    wire::send(socket, &instructions, &handles).map_err(Error::system(TALK))?;
    drop(handles);
    drop(launch.descriptors);
    let waits = launch.steps.contains(&Step::AwaitStart);
    let mut pid = i32::try_from(child.id()).unwrap_or_default();
    loop {
        let message = wire::receive(socket).map_err(Error::system(TALK))?;
        let Some((report, mut descriptors)) = message else {
            if !waits && launched.is_some() {
                // Its exec closed the socket.
                return Ok(());
            }
            return Err(Error::new(ErrorKind::System, TALK, "the init ended without a word"));
        };
        match report {
            Report::Ready => return Ok(()),
            Report::Failed(failure) => return Err(step_error(failure)),
            Report::ProcessCreated { pid: new } => {
                let pidfd = descriptors
                    .pop()
                    .ok_or_else(|| Error::new(ErrorKind::System, TALK, "the init sent no pidfd"))?;
                pid = new;
                runtime_steps.process_created(launched.insert(Launched {
                    pid,
                    pidfd,
                    supervisor: None,
                }))?;
            }
            Report::RunStep { step } => {
                let Some(Step::Runtime(step)) = launch.steps.get(step) else {
                    let reason = "the init asked for a step that is not planned";
                    return Err(Error::new(ErrorKind::System, TALK, reason));
                };
                if let Err(error) = runtime_steps.run(step, pid) {
                    let _ = wire::send(socket, &Reply::Stop, &[]);
                    return Err(error);
                }
            }
        }
        wire::send(socket, &Reply::Done, &[]).map_err(Error::system(TALK))?;
    }
}

/// The error of a step: its words, what is known beyond them, and the kernel's reason.
pub(crate) fn step_error(failure: Failure) -> Error {
    let kind = if failure.is_hook { ErrorKind::Hook } else { ErrorKind::Step };
    let detail = failure.detail;
    match failure.errno.map(io::Error::from_raw_os_error) {
        Some(error) => {
            let error = Error::because(kind, failure.step, error);
            match detail {
                Some(detail) => error.with_reason(detail),
                None => error,
            }
        }
        None => Error::new(kind, failure.step, detail.unwrap_or_else(|| "it failed".into())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_program_is_copied_once() {
        let (one, other) = (Launcher::current_exe(), Launcher::current_exe());
        let number = |launcher: &Launcher| launcher.sealed().unwrap().as_raw_fd();
        assert_eq!(number(&one), number(&other));
    }
}
