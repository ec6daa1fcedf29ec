//! Cgroups through their filesystems: the container's cgroup in every hierarchy of the host, of version 1 and 2.
//!
//! A host may mount version 1 (a hierarchy for each controller), version 2 (the unified hierarchy, which has no list of
//! controllers in `/proc/self/cgroup`), or both at once. The calls here work on all hierarchies that the plan names.
//! Kernel documentation: `admin-guide/cgroup-v1` and `admin-guide/cgroup-v2`.

mod devices;
mod freeze;
mod join;
mod kill;
mod make;
mod notify;
mod stats;
mod systemd;
mod update;

use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

pub(crate) use notify::MemoryWatch;

/// The cgroup of a container in every hierarchy. Kept in the container's record.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Cgroup {
    groups: Vec<Group>,
    /// Directories above the cgroups that were missing; removed again when nobody uses them.
    parents: Vec<PathBuf>,
    /// The unit of systemd that has the cgroup.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    unit: Option<systemd::Unit>,
}

/// The cgroup in one hierarchy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Group {
    controllers: Vec<String>,
    /// Where the hierarchy is mounted.
    mount: PathBuf,
    directory: PathBuf,
}

/// The file that lists the processes of a cgroup.
const PROCS: &str = "cgroup.procs";

impl Group {
    /// Whether this is the hierarchy of cgroup version 2.
    fn is_unified(&self) -> bool {
        self.controllers.is_empty()
    }

    /// Moves a process, with all its threads, into the cgroup.
    fn enter(&self, pid: i32) -> Result<(), CgroupError> {
        write(&self.directory.join(PROCS), &pid.to_string())
    }
}

/// An operation on a cgroup that failed.
#[derive(Debug, thiserror::Error)]
#[error("cannot {action} `{}`", path.display())]
pub(crate) struct CgroupError {
    action: &'static str,
    path: PathBuf,
    #[source]
    source: io::Error,
}

impl CgroupError {
    fn new(action: &'static str, path: impl Into<PathBuf>, source: io::Error) -> Self {
        Self { action, path: path.into(), source }
    }

    /// The kernel's reason.
    pub(crate) fn reason(&self) -> &io::Error {
        &self.source
    }
}

impl Cgroup {
    /// Whether the container has none.
    pub(crate) fn is_none(&self) -> bool {
        self.groups.is_empty()
    }

    /// Moves a process into the cgroups.
    pub(crate) fn enter(&self, pid: i32) -> Result<(), CgroupError> {
        self.groups.iter().try_for_each(|group| group.enter(pid))
    }

    /// The processes in the cgroups and beneath, by their numbers in the caller's PID namespace.
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

    /// The cgroup in the hierarchy that has the controller; in the unified one for the empty name.
    fn group(&self, controller: &str) -> Option<&Group> {
        let holds = |group: &&Group| group.controllers.iter().any(|name| name == controller);
        self.groups
            .iter()
            .find(holds)
            .or_else(|| self.groups.iter().find(|group| group.is_unified()))
    }

    /// The cgroup in the unified hierarchy.
    fn unified(&self) -> Option<&Group> {
        self.groups.iter().find(|group| group.is_unified())
    }
}

/// The processes of a cgroup and of all cgroups beneath.
fn collect(directory: &Path, found: &mut Vec<i32>) -> Result<(), CgroupError> {
    let procs = directory.join(PROCS);
    match std::fs::read_to_string(&procs) {
        Ok(text) => found.extend(
            // 0 stands for a process of another PID namespace: its number is not known here.
            text.lines().filter_map(|line| line.parse::<i32>().ok()).filter(|pid| *pid > 0),
        ),
        Err(error) if is_gone(&error) => return Ok(()),
        // The kernel lists the processes of a threaded cgroup in the nearest cgroup above that is not threaded (cgroup v2,
        // "threads").
        Err(error) if error.raw_os_error() == Some(libc::EOPNOTSUPP) => {}
        Err(error) => return Err(CgroupError::new("read", procs, error)),
    }
    subgroups(directory).iter().try_for_each(|child| collect(child, found))
}

/// The cgroups directly beneath a cgroup.
fn subgroups(directory: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(directory) else { return Vec::new() };
    entries
        .flatten()
        .filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()))
        .map(|entry| entry.path())
        .collect()
}

/// Whether an error says that the cgroup, or the process, is gone: an open file of a removed cgroup answers `ENODEV`.
fn is_gone(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::NotFound
        || error.raw_os_error() == Some(libc::ENODEV)
        || error.raw_os_error() == Some(libc::ESRCH)
}

/// Writes a value to a file of a cgroup, which must exist.
///
/// In one write: the kernel reads each write as one complete value.
fn write(path: &Path, value: &str) -> Result<(), CgroupError> {
    use std::io::Write;
    std::fs::OpenOptions::new()
        .write(true)
        .open(path)
        .and_then(|mut file| file.write_all(value.as_bytes()))
        .map_err(|error| CgroupError::new("write", path, error))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_threaded_cgroup_does_not_keep_processes_from_being_listed() {
        oci_testing::needs!(root, unified_cgroups);
        let mount = ["/sys/fs/cgroup/unified", "/sys/fs/cgroup"].map(Path::new);
        let mount = mount.into_iter().find(|mount| mount.join(PROCS).exists()).unwrap();
        let domain = mount.join(format!("oci-test/threaded-{}", std::process::id()));
        let threaded = domain.join("threaded");
        fs::create_dir_all(&threaded).unwrap();
        let mut child = std::process::Command::new("sleep").arg("1000").spawn().unwrap();
        let mut found = Vec::new();
        let listed = write(&threaded.join("cgroup.type"), "threaded")
            .and_then(|()| write(&domain.join(PROCS), &child.id().to_string()))
            .and_then(|()| write(&threaded.join("cgroup.threads"), &child.id().to_string()))
            .and_then(|()| collect(&domain, &mut found));
        let answer = fs::read(threaded.join(PROCS)).map_err(|error| error.raw_os_error());
        child.kill().unwrap();
        child.wait().unwrap();
        fs::remove_dir(threaded).unwrap();
        fs::remove_dir(domain).unwrap();
        listed.unwrap();
        assert_eq!(answer, Err(Some(libc::EOPNOTSUPP)));
        assert_eq!(found, [i32::try_from(child.id()).unwrap()]);
    }
}
