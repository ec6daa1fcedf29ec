//! What is kept about a container between calls and between processes.

mod removal;
#[cfg(test)]
mod tests;

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write};
use std::os::fd::OwnedFd;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;
use rustix::process::{Pid, PidfdFlags, pidfd_open};
use serde::{Deserialize, Serialize};

use crate::cgroup::Cgroup;
use crate::plan::Hooks;
use crate::spec::{Spec, State, Status};
use crate::{ContainerId, Error, ErrorKind, trace};

pub(crate) use removal::sweep;

const RECORD: &str = "state.json";
const CONFIG: &str = "config.json";
const LOCK: &str = "lock";
const START: &str = "start.sock";

/// What is known about a container.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Record {
    pub(crate) id: ContainerId,
    pub(crate) oci_version: String,
    pub(crate) bundle: PathBuf,
    pub(crate) annotations: oci_image::json::Map<String>,
    pub(crate) phase: Phase,
    pub(crate) pid: Option<i32>,
    /// When the process began, in the kernel's ticks: tells it from a later one of the same number.
    pub(crate) begun: Option<u64>,
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
    /// It was started.
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
            phase: Phase::Creating,
            pid: None,
            begun: None,
            boot: String::new(),
            has_program: false,
            cgroup: Cgroup::default(),
            later: Vec::new(),
            exit: None,
        }
    }

    /// Notes the process.
    pub(crate) fn set_process(&mut self, pid: i32) -> Result<(), Error> {
        let system = Error::system(format!("read the start time of process {pid}"));
        self.begun = Some(begun(pid).map_err(system)?.0);
        self.pid = Some(pid);
        self.boot = boot();
        Ok(())
    }

    /// A handle of the process, if it is alive and the same that was noted.
    pub(crate) fn pidfd(&self) -> Option<OwnedFd> {
        self.find().and_then(|(pidfd, alive)| alive.then_some(pidfd))
    }

    /// A handle of the process, even if it is a zombie.
    pub(crate) fn pidfd_or_zombie(&self) -> Option<OwnedFd> {
        self.find().map(|(pidfd, _)| pidfd)
    }

    /// Whether both are about the same process.
    pub(crate) fn has_process_of(&self, other: &Self) -> bool {
        (self.pid, self.begun, &self.boot) == (other.pid, other.begun, &other.boot)
    }

    /// The process, and whether it is alive.
    fn find(&self) -> Option<(OwnedFd, bool)> {
        let pid = self.pid.filter(|_| self.boot == boot())?;
        // First the handle, then the check: a pidfd is never of another process that gets the same number later.
        let pidfd = pidfd_open(Pid::from_raw(pid)?, PidfdFlags::empty()).ok()?;
        let (begun, alive) = begun(pid).ok()?;
        (Some(begun) == self.begun).then_some((pidfd, alive))
    }

    /// What the container is doing now.
    pub(crate) fn status(&self) -> Status {
        let alive = self.pidfd().is_some();
        match self.phase {
            // The process that waits for the start is still the init.
            Phase::Created if alive && self.is_init() => Status::Created,
            Phase::Created | Phase::Started if !alive => Status::Stopped,
            Phase::Created | Phase::Started if self.cgroup.is_frozen() => Status::Paused,
            Phase::Created | Phase::Started => Status::Running,
            Phase::Creating => Status::Creating,
        }
    }

    fn is_init(&self) -> bool {
        let path = format!("/proc/{}/cmdline", self.pid.unwrap_or_default());
        fs::read(path).is_ok_and(|line| line.starts_with(crate::init::ARGUMENT.as_bytes()))
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

/// When a process began, and whether it is alive and not a zombie.
fn begun(pid: i32) -> io::Result<(u64, bool)> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat"))?;
    // The name, in parentheses, may hold anything.
    let mut fields = text.rsplit_once(") ").map_or("", |(_, rest)| rest).split(' ');
    let state = fields.next().unwrap_or_default();
    let begun =
        fields.nth(18).and_then(|field| field.parse().ok()).ok_or(io::ErrorKind::InvalidData)?;
    Ok((begun, !matches!(state, "Z" | "X")))
}

fn boot() -> String {
    fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default().trim().into()
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
        let lock = lock(&dir, &record.id)?;
        let entry = Self { dir, _lock: lock, record };
        entry.save().inspect_err(|_| drop(entry.remove()))?;
        Ok(entry)
    }

    /// Opens the directory of a container that exists, alone.
    pub(crate) fn open(runtime: &Path, id: &ContainerId) -> Result<Self, Error> {
        let dir = runtime.join(id.as_str());
        let lock = lock(&dir, id)?;
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
fn lock(dir: &Path, id: &ContainerId) -> Result<File, Error> {
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
                wait_for_lock(&file).map_err(Error::system(doing()))?;
            }
            Err(error) => return Err(Error::system(doing())(error)),
        }
        // Meanwhile the container may have been deleted, and another of its ID made.
        if is_at(&file, &dir.join(LOCK)).map_err(Error::system(doing()))? {
            return Ok(file);
        }
    }
}

fn wait_for_lock(file: &File) -> Result<(), Errno> {
    loop {
        match flock(file, FlockOperation::LockExclusive) {
            // Once for each signal that the caller handles.
            Err(Errno::INTR) => {}
            result => return result,
        }
    }
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
