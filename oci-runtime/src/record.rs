//! What is kept about a container between calls and between processes.

mod process;
mod removal;
#[cfg(test)]
mod tests;

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;
use serde::{Deserialize, Serialize};

use crate::cgroup::Cgroup;
use crate::deadline::Deadline;
use crate::plan::Hooks;
use crate::spec::{Spec, State, Status};
use crate::wait::until_ended;
use crate::{ContainerId, Error, ErrorKind, file_size, trace};

pub(crate) use process::Process;
pub(crate) use removal::sweep;

const RECORD: &str = "state.json";
const CONFIG: &str = "config.json";
const LOCK: &str = "lock";
const START: &str = "start.sock";

/// How long a process may take to end that has given its memory back.
const DYING: Duration = Duration::from_secs(1);

/// How long the lock of a container is waited for. Most calls hold it for milliseconds; a start as long as the
/// startContainer hooks run.
const LOCK_TIMEOUT: Duration = Duration::from_secs(30);

/// What is known about a container.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Record {
    pub(crate) id: ContainerId,
    pub(crate) oci_version: String,
    pub(crate) bundle: PathBuf,
    pub(crate) annotations: oci_image::json::Map<String>,
    pub(crate) created: SystemTime,
    pub(crate) phase: Phase,
    pub(crate) pid: Option<i32>,
    /// When the process began, in the kernel's ticks: tells it from a later one of the same number. None: `/proc` hid it.
    pub(crate) begun: Option<u64>,
    /// The inode number of its pidfd, which tells it, too, and without `/proc`. None: the kernel has none before Linux 6.9.
    pub(crate) inode: Option<u64>,
    /// Pids of one boot mean nothing after the next.
    pub(crate) boot: String,
    pub(crate) has_program: bool,
    pub(crate) cgroup: Cgroup,
    pub(crate) later: Vec<Hooks>,
    /// The wait status of the process, once it is known.
    pub(crate) exit: Option<i32>,
}

/// How far a container has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Phase {
    /// It is being made, or the process that made it died.
    Creating,
    /// It waits to be started.
    Created,
    /// It was asked to start, and who asked has not noted yet that the program runs.
    Starting,
    /// Its program was executed.
    Started,
}

impl Record {
    /// What is known when nothing is made yet.
    pub(crate) fn new(id: ContainerId) -> Self {
        Self {
            id,
            oci_version: String::new(),
            bundle: PathBuf::new(),
            annotations: oci_image::json::Map::new(),
            created: SystemTime::now(),
            phase: Phase::Creating,
            pid: None,
            begun: None,
            inode: None,
            boot: String::new(),
            has_program: false,
            cgroup: Cgroup::default(),
            later: Vec::new(),
            exit: None,
        }
    }

    /// What the container is doing now.
    ///
    /// # Errors
    /// If it cannot be told whether its process is alive.
    pub(crate) fn status(&self) -> io::Result<Status> {
        if self.phase == Phase::Creating {
            return Ok(Status::Creating);
        }
        let Process::Alive(pidfd) = self.process()? else { return Ok(Status::Stopped) };
        Ok(match self.phase {
            // Nobody has asked it to run the program.
            Phase::Creating | Phase::Created => Status::Created,
            Phase::Starting | Phase::Started if self.cgroup.is_frozen() => Status::Paused,
            Phase::Starting => self.status_while_starting(&pidfd)?,
            Phase::Started => Status::Running,
        })
    }

    /// Whether the process is still the init: its arguments say so until it executes the program, and its name until it
    /// calls a function.
    fn status_while_starting(&self, pidfd: &OwnedFd) -> io::Result<Status> {
        let read = |name| fs::read(format!("/proc/{}/{name}", self.pid.unwrap_or_default()));
        let is_function = || {
            let name = read("comm").ok();
            name.is_some_and(|name| name.trim_ascii_end() != crate::init::NAME.to_bytes())
        };
        Ok(match read("cmdline").as_deref() {
            Ok(line) if line.starts_with(crate::init::ARGUMENT.as_bytes()) => {
                if is_function() {
                    Status::Running
                } else {
                    Status::Created
                }
            }
            // It has given its memory back, so it is about to end.
            Ok([]) if until_ended(pidfd.as_fd(), Some(DYING))? => Status::Stopped,
            _ => Status::Running,
        })
    }

    /// The state as the specification has it.
    pub(crate) fn state_as(&self, status: Status) -> State {
        let bundle = self.bundle.display().to_string();
        let mut state = State::new(self.oci_version.clone(), self.id.to_string(), status, bundle);
        state.pid = self.pid.filter(|_| state.status != Status::Stopped).map(i64::from);
        state.annotations = self.annotations.clone();
        state
    }
}

/// The directory of one container, locked.
#[derive(Debug)]
pub(crate) struct Entry {
    dir: PathBuf,
    _lock: File,
    pub(crate) record: Record,
}

impl Entry {
    /// Makes the directory of a new container.
    pub(crate) fn create(runtime: &Path, record: Record) -> Result<Self, Error> {
        let dir = runtime.join(record.id.as_str());
        match DirBuilder::new().mode(0o700).create(&dir) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                let action = format!("create container `{}`", record.id);
                return Err(Error::new(ErrorKind::Id, action, "the ID is in use"));
            }
            result => result.map_err(Error::system(format!("make `{}`", dir.display())))?,
        }
        let lock = lock(&dir, &record.id, Deadline::default())?;
        let entry = Self { dir, _lock: lock, record };
        entry.save().inspect_err(|_| drop(entry.remove()))?;
        Ok(entry)
    }

    /// Opens the directory of a container that exists, alone.
    pub(crate) fn open(
        runtime: &Path,
        id: &ContainerId,
        deadline: Deadline,
    ) -> Result<Self, Error> {
        let dir = runtime.join(id.as_str());
        let lock = lock(&dir, id, deadline)?;
        let record = match read(&dir) {
            Ok(record) => record,
            // The process that made it died before it could write.
            Err(error) if error.kind() == io::ErrorKind::NotFound && dir.exists() => {
                Record::new(id.clone())
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(not_found(id)),
            Err(error) => {
                return Err(Error::system(format!("read the state of container `{id}`"))(error));
            }
        };
        Ok(Self { dir, _lock: lock, record })
    }

    /// Writes the record so that readers see the old one or the new one.
    pub(crate) fn save(&self) -> Result<(), Error> {
        let text = serde_json::to_vec(&self.record)
            .map_err(|error| Error::because(ErrorKind::System, "write the state", error))?;
        self.write(RECORD, &text)
    }

    /// Keeps the specification: later changes of the bundle's do not matter.
    pub(crate) fn save_spec(&self, spec: &Spec) -> Result<(), Error> {
        let text = oci_image::json::to_vec(spec)
            .map_err(|error| Error::because(ErrorKind::System, "write the specification", error))?;
        self.write(CONFIG, &text)
    }

    fn write(&self, name: &str, text: &[u8]) -> Result<(), Error> {
        let (new, path) = (self.dir.join(format!("{name}.new")), self.dir.join(name));
        let write = || -> io::Result<()> {
            file_size::require(text.len() as u64)?;
            let mut file = OpenOptions::new()
                .write(true)
                .create(true)
                .truncate(true)
                .mode(0o600)
                .open(&new)?;
            file.write_all(text)?;
            fs::rename(&new, &path)
        };
        write().map_err(Error::system(format!("write `{}`", path.display())))
    }

    /// Removes the directory.
    pub(crate) fn remove(&self) -> Result<(), Error> {
        removal::remove(&self.dir)
            .map_err(Error::system(format!("remove `{}`", self.dir.display())))
    }
}

/// Takes the lock of a container. Fails if it is being made, and does not wait: the caller may be one of its hooks.
fn lock(dir: &Path, id: &ContainerId, deadline: Deadline) -> Result<File, Error> {
    let doing = || format!("lock container `{id}`");
    loop {
        let file = match open_lock(dir) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(not_found(id)),
            file => file.map_err(Error::system(doing()))?,
        };
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => {}
            Err(Errno::WOULDBLOCK) if is_being_made(dir) => {
                return Err(Error::new(ErrorKind::State, doing(), "it is `creating`"));
            }
            Err(Errno::WOULDBLOCK) => {
                trace::lock_wait(id);
                wait_for_lock(&file, deadline).map_err(|error| match error {
                    Errno::WOULDBLOCK if deadline.is_over() => deadline.error(doing()),
                    Errno::WOULDBLOCK => Error::new(ErrorKind::State, doing(), in_use()),
                    error => Error::system(doing())(error),
                })?;
            }
            Err(error) => return Err(Error::system(doing())(error)),
        }
        // Meanwhile the container may have been deleted, and another of its ID made.
        if is_at(&file, &dir.join(LOCK)).map_err(Error::system(doing()))? {
            return Ok(file);
        }
    }
}

/// Whether another call holds the lock of a container.
pub(crate) fn is_locked(dir: &Path) -> bool {
    let lock = File::open(dir.join(LOCK));
    lock.is_ok_and(|lock| {
        flock(lock, FlockOperation::NonBlockingLockExclusive) == Err(Errno::WOULDBLOCK)
    })
}

/// By attempts: flock(2) itself waits without a limit.
fn wait_for_lock(file: &File, deadline: Deadline) -> Result<(), Errno> {
    const PAUSE: Duration = Duration::from_millis(10);
    let end = Instant::now() + deadline.left_of(LOCK_TIMEOUT);
    let mut pause = Duration::from_micros(50);
    loop {
        match flock(file, FlockOperation::NonBlockingLockExclusive) {
            Err(Errno::WOULDBLOCK) if Instant::now() < end => std::thread::sleep(pause),
            result => return result,
        }
        pause = (pause * 2).min(PAUSE);
    }
}

fn in_use() -> String {
    format!("another call holds it for more than {} s", LOCK_TIMEOUT.as_secs())
}

fn open_lock(dir: &Path) -> io::Result<File> {
    OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(dir.join(LOCK))
}

/// Whether the record says so. Without one, making it has just begun, or was cut off.
fn is_being_made(dir: &Path) -> bool {
    read(dir).is_ok_and(|record| record.phase == Phase::Creating)
}

/// Whether the file is the one at the path.
fn is_at(file: &File, path: &Path) -> io::Result<bool> {
    let own = file.metadata()?;
    match fs::metadata(path) {
        Ok(found) => Ok((found.dev(), found.ino()) == (own.dev(), own.ino())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

/// Reads a record without the lock: it is replaced whole.
pub(crate) fn read(dir: &Path) -> io::Result<Record> {
    Ok(serde_json::from_slice(&fs::read(dir.join(RECORD))?)?)
}

/// Reads the specification of a container.
pub(crate) fn read_spec(dir: &Path, id: &ContainerId) -> Result<Spec, Error> {
    let doing = || format!("read the specification of container `{id}`");
    let text = fs::read(dir.join(CONFIG)).map_err(Error::system(doing()))?;
    oci_image::json::from_slice(&text)
        .map_err(|error| Error::because(ErrorKind::System, doing(), error))
}

pub(crate) fn not_found(id: &ContainerId) -> Error {
    Error::new(ErrorKind::NotFound, format!("find container `{id}`"), "there is none of this ID")
}

/// The path of the socket on which a container waits for its start, short enough for any directory.
pub(crate) fn start_socket(dir: &Path) -> io::Result<(OwnedFd, PathBuf)> {
    use rustix::fs::{Mode, OFlags, open};
    use std::os::fd::AsRawFd;
    let handle = open(dir, OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())?;
    let path = format!("/proc/self/fd/{}/{START}", handle.as_raw_fd()).into();
    Ok((handle, path))
}
