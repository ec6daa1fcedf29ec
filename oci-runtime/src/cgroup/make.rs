//! Making cgroups, and removing them.

use std::fs::{create_dir, remove_dir};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::{Duration, Instant};

use super::systemd::Unit;
use super::{Cgroup, CgroupError, Group, devices, is_gone, subgroups, write};
use crate::ContainerId;
use crate::host::Hierarchy;
use crate::plan::{CgroupPlan, CgroupWrite};
use crate::trace;

/// How long removing a container's cgroups may take. `rmdir` answers `EBUSY` while a process is in the cgroup, and a
/// killed process is in it until the kernel has taken it down; there is nothing to wait on in version 1.
const REMOVE_TIMEOUT: Duration = Duration::from_secs(10);

/// Attempts to make a cgroup whose parent others remove.
const MAX_ATTEMPTS: usize = 8;

/// Controllers that are enabled in the unified hierarchy where they can be, for statistics and later limits.
const ENABLED: [&str; 5] = ["cpu", "cpuset", "io", "memory", "pids"];

impl Cgroup {
    /// The cgroups of a plan, and the directories above them that are missing; nothing is made yet.
    pub(crate) fn of(plan: &CgroupPlan, id: &ContainerId) -> Self {
        if let Some(unit) = &plan.unit {
            return Self { unit: Some(Unit::of(unit, id)), ..Self::default() };
        }
        let path = plan.path.clone().unwrap_or_else(|| format!("/oci-runtime/{id}"));
        let mut cgroup = Self::default();
        for hierarchy in &plan.hierarchies {
            let directory = hierarchy.directory(&path);
            let above = directory.ancestors().skip(1).take_while(|path| *path != hierarchy.mount);
            cgroup.parents.extend(above.filter(|path| !path.exists()).map(Path::to_path_buf));
            let (controllers, mount) = (hierarchy.controllers.clone(), hierarchy.mount.clone());
            cgroup.groups.push(Group { controllers, mount, directory });
        }
        cgroup
    }

    /// The first of the cgroups that exists already: it is another container's.
    pub(crate) fn existing(&self) -> Option<&Path> {
        self.groups
            .iter()
            .map(|group| group.directory.as_path())
            .find(|directory| directory.exists())
    }

    /// Makes the cgroups of the plan and writes their limits. After a failure only what was made is left in `self`.
    /// systemd makes no cgroup without a process: it puts `pid` there.
    pub(crate) fn make(&mut self, plan: &CgroupPlan, pid: i32) -> Result<(), CgroupError> {
        if let Some(unit) = &self.unit {
            let path = unit.start(&plan.writes, pid)?;
            self.groups.extend(plan.hierarchies.first().map(|hierarchy| Group {
                controllers: Vec::new(),
                mount: hierarchy.mount.clone(),
                directory: hierarchy.mount.join(path.trim_start_matches('/')),
            }));
            if let Some(group) = self.unified() {
                enable(&group.mount, &group.directory, &plan.writes)?;
            }
            self.write_all(&plan.writes)?;
            return devices::apply(self, &plan.devices);
        }
        for index in 0..self.groups.len() {
            let (Some(hierarchy), Some(group)) =
                (plan.hierarchies.get(index), self.groups.get(index))
            else {
                break;
            };
            if let Err(error) = make_directories(hierarchy, &group.directory) {
                self.groups.truncate(index);
                return Err(error);
            }
            if group.is_unified() {
                enable(&hierarchy.mount, &group.directory, &plan.writes)?;
            } else if group.controllers.iter().any(|name| name == "cpuset") {
                inherit_cpuset(&hierarchy.mount, &group.directory)?;
            }
        }
        self.write_all(&plan.writes)?;
        devices::apply(self, &plan.devices)
    }

    /// Writes limits, in order.
    pub(crate) fn write_all(&self, writes: &[CgroupWrite]) -> Result<(), CgroupError> {
        for line in writes {
            let Some(group) = self.group(&line.controller) else {
                return Err(CgroupError::new(
                    "find cgroup hierarchy",
                    &line.controller,
                    ErrorKind::NotFound.into(),
                ));
            };
            write(&group.directory.join(&line.file), &line.value)?;
        }
        Ok(())
    }

    /// Removes the cgroups, those that the container made beneath them, and parents that nobody uses.
    ///
    /// It may be called again after a failure, and after a success.
    pub(crate) fn remove(&self) -> Result<(), CgroupError> {
        if let Some(unit) = &self.unit {
            unit.stop()?;
        }
        let end = Instant::now() + REMOVE_TIMEOUT;
        for group in &self.groups {
            remove_tree(&group.directory, end)?;
        }
        let noted = self.parents.iter().map(PathBuf::as_path);
        let marked = self
            .groups
            .iter()
            .flat_map(|group| group.directory.ancestors().skip(1).take_while(|path| is_ours(path)));
        let mut parents: Vec<&Path> = noted.chain(marked).collect();
        parents.sort_unstable_by_key(|path| std::cmp::Reverse(path.as_os_str().len()));
        for parent in parents {
            // `rmdir` refuses while other containers are in it: then the last of them removes it.
            let _ = remove_dir(parent);
        }
        Ok(())
    }
}

/// The extended attribute of a directory that was made for containers, so that containers which share it know that it
/// may be removed.
const MARK: &str = "trusted.oci-runtime";

/// Marks a directory. Without the right to do so, only the record of the container that made it knows.
fn mark(directory: &Path) {
    let _ = rustix::fs::setxattr(directory, MARK, b"", rustix::fs::XattrFlags::empty());
}

fn is_ours(directory: &Path) -> bool {
    rustix::fs::getxattr(directory, MARK, &mut [0; 1]).is_ok()
}

/// Makes the directory and what is missing above it. A cgroup that exists already is another container's.
fn make_directories(hierarchy: &Hierarchy, leaf: &Path) -> Result<(), CgroupError> {
    let mut above: Vec<&Path> =
        leaf.ancestors().skip(1).take_while(|path| *path != hierarchy.mount).collect();
    above.reverse();
    // Another container that is removed at the same time may remove a shared parent before the leaf is in it.
    for _ in 0..MAX_ATTEMPTS {
        for parent in &above {
            match create_dir(parent) {
                Ok(()) => mark(parent),
                Err(error)
                    if matches!(error.kind(), ErrorKind::AlreadyExists | ErrorKind::NotFound) => {}
                Err(error) => return Err(CgroupError::new("make cgroup", *parent, error)),
            }
        }
        match create_dir(leaf) {
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => return Err(CgroupError::new("make cgroup", leaf, error)),
            Ok(()) => return Ok(()),
        }
    }
    Err(CgroupError::new("make cgroup", leaf, ErrorKind::NotFound.into()))
}

/// Removes a cgroup and those beneath: `rmdir` removes no cgroup that has children, and its files need not be removed.
fn remove_tree(directory: &Path, end: Instant) -> Result<(), CgroupError> {
    for child in subgroups(directory) {
        remove_tree(&child, end)?;
    }
    let mut pause = Duration::from_micros(200);
    loop {
        match remove_dir(directory) {
            Ok(()) => return Ok(()),
            Err(error) if is_gone(&error) => return Ok(()),
            Err(error) if error.raw_os_error() == Some(libc::EBUSY) && Instant::now() < end => {
                trace::cgroup_busy(directory, pause);
                sleep(pause);
                pause = (pause * 2).min(Duration::from_millis(50));
            }
            Err(error) => return Err(CgroupError::new("remove cgroup", directory, error)),
        }
    }
}

/// Enables controllers along the way down the unified hierarchy.
///
/// A cgroup has the files of a controller only if its parent lists it in `cgroup.subtree_control`, from the root on
/// down (cgroup v2, "top-down constraint").
pub(super) fn enable(mount: &Path, leaf: &Path, writes: &[CgroupWrite]) -> Result<(), CgroupError> {
    let mut above: Vec<&Path> =
        leaf.ancestors().skip(1).take_while(|path| path.starts_with(mount)).collect();
    above.reverse();
    for directory in above {
        let available =
            std::fs::read_to_string(directory.join("cgroup.controllers")).unwrap_or_default();
        for controller in available.split_whitespace() {
            let prefix = format!("{controller}.");
            let needed = writes
                .iter()
                .any(|line| line.controller.is_empty() && line.file.starts_with(&prefix));
            if !needed && !ENABLED.contains(&controller) {
                continue;
            }
            let path = directory.join("cgroup.subtree_control");
            let enabled = std::fs::read_to_string(&path).unwrap_or_default();
            if enabled.split_whitespace().any(|enabled| enabled == controller) {
                continue;
            }
            // One at a time: the kernel refuses a whole line for the sake of one controller.
            let enabled = write(&path, &format!("+{controller}"));
            if needed {
                enabled?;
            }
        }
    }
    Ok(())
}

/// A new cpuset of version 1 has no processors and no memory nodes, and takes no process (`ENOSPC`): it gets its
/// parent's.
fn inherit_cpuset(mount: &Path, leaf: &Path) -> Result<(), CgroupError> {
    let mut above: Vec<&Path> = leaf.ancestors().take_while(|path| *path != mount).collect();
    above.reverse();
    for directory in above {
        for file in ["cpuset.cpus", "cpuset.mems"] {
            let path = directory.join(file);
            let read = |path: &Path| {
                std::fs::read_to_string(path).map_err(|error| CgroupError::new("read", path, error))
            };
            if read(&path)?.trim().is_empty() {
                let parent = directory.parent().unwrap_or(mount).join(file);
                write(&path, read(&parent)?.trim())?;
            }
        }
    }
    Ok(())
}
