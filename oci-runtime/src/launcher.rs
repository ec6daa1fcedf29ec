//! The program that becomes the init, copied into sealed memory.

use std::fs::File;
use std::io::{self, Seek};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rustix::fs::{CWD, MemfdFlags, SealFlags, fcntl_add_seals, memfd_create};
use rustix::io::Errno;
use rustix::mount::{OpenTreeFlags, open_tree};

use crate::child::Child;
use crate::init::{ARGUMENT, Call};
use crate::standard_error::StandardError;
use crate::sys::mount::{Attributes, Scope, set_attributes};
use crate::{Error, ErrorKind};

/// The program that becomes the init of containers, sealed in memory so that nobody can change it.
///
/// The first container copies the program; this launcher and its clones use that copy for all others, and it is freed
/// with the last of them. [`Runtime`](crate::Runtime) holds one: clone the runtime, or give several runtimes clones of
/// one launcher, to have one copy. A program of many megabytes does better with the small `oci-runtime-init`.
#[derive(Clone, Debug)]
pub struct Launcher(Arc<Program>);

/// Why a program with threads cannot become an init.
pub(crate) const THREADS: &str = "the program has threads before it calls `oci_runtime::init()`: call it on the first line \
    of `main`, outside of `#[tokio::main]`";

/// A program that was started to become an init.
pub(crate) struct Started {
    pub(crate) child: Child,
    pub(crate) socket: UnixStream,
    pub(crate) errors: StandardError,
}

#[derive(Debug)]
struct Program {
    path: PathBuf,
    /// It is the program that runs.
    is_current: bool,
    /// The lock is held while the program is copied, so that it is copied once.
    sealed: Mutex<Option<Arc<OwnedFd>>>,
}

impl Launcher {
    /// This very program, whose `main` begins with [`oci_runtime::init()`](crate::init).
    pub fn current_exe() -> Self {
        // The file that runs, even if another file is at its path by now.
        Self::new("/proc/self/exe".into(), true)
    }

    /// Another program whose `main` begins with [`oci_runtime::init()`](crate::init), such as `oci-runtime-init`. It must
    /// get there within 30 seconds.
    pub fn program(path: impl Into<PathBuf>) -> Self {
        Self::new(path.into(), false)
    }

    fn new(path: PathBuf, is_current: bool) -> Self {
        Self(Arc::new(Program { path, is_current, sealed: Mutex::new(None) }))
    }

    /// Fails if the program cannot become an init, as far as that can be known before it is started: it would run its
    /// `main` again, and that would launch it again.
    pub(crate) fn check(&self) -> Result<(), Error> {
        let reason = match crate::init::call() {
            _ if crate::init::is_launched() => {
                "this program was started to become an init itself, and its `main` does not begin with \
                 `oci_runtime::init()`"
            }
            Call::Never if self.0.is_current => {
                "this program has not called `oci_runtime::init()`: call it on the first line of `main`, or give the \
                 runtime a launcher (`Launcher::program`)"
            }
            Call::AmongThreads if self.0.is_current => THREADS,
            Call::Never | Call::AmongThreads | Call::Alone => return Ok(()),
        };
        Err(Error::new(ErrorKind::System, self.action(), reason))
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0.path
    }

    /// What fails where the program does not become an init.
    pub(crate) fn action(&self) -> String {
        format!("start init from `{}`", self.0.path.display())
    }

    fn sealed(&self) -> io::Result<Arc<OwnedFd>> {
        let mut sealed = self.0.sealed.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(program) = &*sealed {
            return Ok(program.clone());
        }
        let program = match seal(&mut File::open(&self.0.path)?) {
            // `vm.memfd_noexec` is 2: nothing in memory may be executed.
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
                read_only(&self.0.path).map_err(|_| memory_is_not_for_programs(error))?
            }
            program => program?,
        };
        let program = Arc::new(program);
        *sealed = Some(program.clone());
        Ok(program)
    }

    /// Starts an init. Its standard input is the socket, its standard error is kept for the case that it ends early; it
    /// gets nothing else of this process.
    ///
    /// The standard library spawns without copying this process (`posix_spawn`: vfork and exec), so no lock of another
    /// thread can be held in the child, and nothing of this process is changed on the way.
    pub(crate) fn spawn(&self) -> Result<Started, Error> {
        self.check()?;
        let system = |error| Error::because(ErrorKind::System, self.action(), error);
        let program = self.sealed().map_err(system)?;
        let (ours, theirs) = UnixStream::pair().map_err(system)?;
        let errors = StandardError::new().map_err(system)?;
        // By descriptor: nobody can put another program there between the sealing and the exec (CVE-2019-5736 was a
        // container that overwrote the runtime's own program through /proc/self/exe; seals forbid that too).
        let mut command = Command::new(format!("/proc/self/fd/{}", program.as_raw_fd()));
        command
            .arg0(ARGUMENT)
            .env_clear()
            .stdin(OwnedFd::from(theirs))
            .stdout(Stdio::null())
            .stderr(errors.stdio().map_err(system)?);
        let child = Child::spawn(&mut command).map_err(system)?;
        Ok(Started { child, socket: ours, errors })
    }
}

/// Copies a program into memory and seals it.
fn seal(program: &mut File) -> io::Result<OwnedFd> {
    let flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING;
    // MFD_EXEC says that the file is for executing, or `vm.memfd_noexec` may forbid it. Kernels before 6.3 do not know
    // the flag and need none.
    let memory = match memfd_create("oci-runtime-init", flags | MemfdFlags::EXEC) {
        Err(Errno::INVAL) => memfd_create("oci-runtime-init", flags)?,
        memory => memory?,
    };
    let mut memory = File::from(memory);
    crate::file_size::require(program.metadata()?.len())?;
    io::copy(program, &mut memory)?;
    memory.rewind()?;
    add_seals(&memory)?;
    // execve answers ETXTBSY as long as the file is open for writing: keep a read-only descriptor alone.
    let read = File::open(format!("/proc/self/fd/{}", memory.as_raw_fd()))?;
    // Above 2: the child's standard input, output and error would replace it.
    Ok(rustix::io::fcntl_dupfd_cloexec(read, 3)?)
}

/// The program itself, on a read-only mount that is attached nowhere: whoever gets hold of it cannot change it. Takes
/// CAP_SYS_ADMIN.
fn read_only(path: &Path) -> io::Result<OwnedFd> {
    let flags = OpenTreeFlags::OPEN_TREE_CLONE | OpenTreeFlags::OPEN_TREE_CLOEXEC;
    let mounted = open_tree(CWD, path, flags)?;
    let attributes = Attributes { set: libc::MOUNT_ATTR_RDONLY, ..Attributes::default() };
    set_attributes(mounted.as_fd(), attributes, Scope::Mount)?;
    // Above 2: the child's standard input, output and error would replace it.
    Ok(rustix::io::fcntl_dupfd_cloexec(mounted, 3)?)
}

fn memory_is_not_for_programs(error: io::Error) -> io::Error {
    let reason = format!("{error}: `vm.memfd_noexec` may be 2, which takes CAP_SYS_ADMIN here");
    io::Error::new(error.kind(), reason)
}

/// How often sealing is retried, and for how long it waits before, in all about half a second.
const SEAL_RETRIES: u32 = 10;
const SEAL_WAIT: Duration = Duration::from_millis(10);

/// Forbids all changes of the file.
fn add_seals(memory: &File) -> io::Result<()> {
    // SEAL forbids taking the other seals off.
    let seals = SealFlags::SEAL | SealFlags::SHRINK | SealFlags::GROW | SealFlags::WRITE;
    for attempt in 1..=SEAL_RETRIES {
        match fcntl_add_seals(memory, seals) {
            // Something in the kernel holds a page of the file for a moment, as the compaction of memory does: it might
            // be a write that is still to come (memfd_wait_for_pins).
            Err(Errno::BUSY) => std::thread::sleep(SEAL_WAIT * attempt),
            result => return Ok(result?),
        }
    }
    Ok(fcntl_add_seals(memory, seals)?)
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use rustix::fs::{FallocateFlags, fallocate, ftruncate};

    use super::*;

    #[test]
    fn clones_share_one_copy_and_another_launcher_has_its_own() {
        let one = Launcher::current_exe();
        let copy = one.sealed().unwrap();
        assert!(Arc::ptr_eq(&copy, &one.clone().sealed().unwrap()));
        assert!(!Arc::ptr_eq(&copy, &Launcher::current_exe().sealed().unwrap()));
        let weak = Arc::downgrade(&copy);
        drop((one, copy));
        assert!(weak.upgrade().is_none());
    }

    #[test]
    fn the_copy_is_the_program_and_nobody_can_change_it() {
        let copy = Launcher::current_exe().sealed().unwrap();
        let path = format!("/proc/self/fd/{}", copy.as_raw_fd());
        let program = std::fs::read("/proc/self/exe").unwrap();
        assert!(std::fs::read(&path).unwrap() == program);
        let mut file = File::options().write(true).open(&path).unwrap();
        let size = program.len() as u64;
        for (change, refused) in [
            ("write", file.write(b"#!").err().and_then(|error| Errno::from_io_error(&error))),
            ("shorten", ftruncate(&file, size - 1).err()),
            ("lengthen", ftruncate(&file, size + 1).err()),
            ("append", fallocate(&file, FallocateFlags::empty(), size, 1).err()),
            ("seal", fcntl_add_seals(&file, SealFlags::FUTURE_WRITE).err()),
        ] {
            assert_eq!(refused, Some(Errno::PERM), "{change}");
        }
        assert!(std::fs::read(&path).unwrap() == program);
    }
}
