//! Control groups through their filesystem: one group in every hierarchy of the host, old and new alike.

mod devices;
mod freeze;
mod join;
mod kill;
mod make;
mod stats;

use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::plan::Hierarchy;

pub use stats::Stats;

/// The group of a container in every hierarchy. Kept in the container's record.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Cgroup {
    groups: Vec<Group>,
    /// Directories above the groups that were missing; removed again when nobody uses them.
    parents: Vec<PathBuf>,
}

/// The group in one hierarchy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Group {
    controllers: Vec<String>,
    /// Where the hierarchy is mounted.
    mount: PathBuf,
    directory: PathBuf,
}

/// The file that names the processes of a group.
const PROCS: &str = "cgroup.procs";

impl Group {
    fn is_unified(&self) -> bool {
        self.controllers.is_empty()
    }

    /// Puts a process into the group.
    fn enter(&self, pid: i32) -> Result<(), CgroupError> {
        write(&self.directory.join(PROCS), &pid.to_string())
    }
}

/// What went wrong with a control group.
#[derive(Debug, thiserror::Error)]
#[error("{doing} `{}`", path.display())]
pub(crate) struct CgroupError {
    doing: &'static str,
    path: PathBuf,
    #[source]
    source: io::Error,
}

impl CgroupError {
    fn new(doing: &'static str, path: impl Into<PathBuf>, source: io::Error) -> Self {
        Self { doing, path: path.into(), source }
    }

    /// The kernel's reason.
    pub(crate) fn reason(&self) -> &io::Error {
        &self.source
    }
}

impl Cgroup {
    /// Puts a process into the groups.
    pub(crate) fn enter(&self, pid: i32) -> Result<(), CgroupError> {
        self.groups.iter().try_for_each(|group| group.enter(pid))
    }

    /// The processes in the groups, as the caller sees them.
    pub(crate) fn processes(&self) -> Result<Vec<i32>, CgroupError> {
        let Some(group) =
            self.groups.iter().find(|group| !group.is_unified()).or(self.groups.first())
        else {
            return Ok(Vec::new());
        };
        let mut found = Vec::new();
        collect(&group.directory, &mut found)?;
        found.sort_unstable();
        found.dedup();
        Ok(found)
    }

    /// The group of the hierarchy that has the controller; the unified one for the empty name.
    fn group(&self, controller: &str) -> Option<&Group> {
        let holds = |group: &&Group| group.controllers.iter().any(|name| name == controller);
        self.groups
            .iter()
            .find(holds)
            .or_else(|| self.groups.iter().find(|group| group.is_unified()))
    }

    /// The group of the unified hierarchy.
    fn unified(&self) -> Option<&Group> {
        self.groups.iter().find(|group| group.is_unified())
    }
}

/// The processes of a group and of all groups beneath.
fn collect(directory: &Path, found: &mut Vec<i32>) -> Result<(), CgroupError> {
    let procs = directory.join(PROCS);
    match std::fs::read_to_string(&procs) {
        Ok(text) => found.extend(
            text.lines().filter_map(|line| line.parse::<i32>().ok()).filter(|pid| *pid > 0),
        ),
        Err(error) if is_gone(&error) => return Ok(()),
        Err(error) => return Err(CgroupError::new("read", procs, error)),
    }
    subgroups(directory).iter().try_for_each(|child| collect(child, found))
}

/// The groups directly beneath a group.
fn subgroups(directory: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(directory) else { return Vec::new() };
    entries
        .flatten()
        .filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()))
        .map(|entry| entry.path())
        .collect()
}

/// Whether an error says that the group, or the process, is no more.
fn is_gone(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::NotFound
        || error.raw_os_error() == Some(libc::ENODEV)
        || error.raw_os_error() == Some(libc::ESRCH)
}

/// Writes a value to a file of a group, which must exist.
fn write(path: &Path, value: &str) -> Result<(), CgroupError> {
    use std::io::Write;
    std::fs::OpenOptions::new()
        .write(true)
        .open(path)
        .and_then(|mut file| file.write_all(value.as_bytes()))
        .map_err(|error| CgroupError::new("write", path, error))
}

/// Where a group of this path lies in a hierarchy.
fn directory(hierarchy: &Hierarchy, path: &str) -> PathBuf {
    let base = if path.starts_with('/') { "" } else { hierarchy.own.trim_start_matches('/') };
    hierarchy.mount.join(base).join(path.trim_start_matches('/'))
}
