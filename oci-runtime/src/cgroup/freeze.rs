//! Freezing all processes of a cgroup, and thawing them.

use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::{Duration, Instant};

use super::{Cgroup, CgroupError, Group, subgroups, write};

/// How long freezing may take.
const FREEZE_TIMEOUT: Duration = Duration::from_secs(10);

impl Cgroup {
    /// The cgroup that freezes, and whether it is of version 1.
    fn freezer(&self) -> Option<(&Group, bool)> {
        let v1 =
            self.groups.iter().find(|group| group.controllers.iter().any(|name| name == "freezer"));
        v1.map(|group| (group, true)).or_else(|| self.unified().map(|group| (group, false)))
    }

    /// Whether the processes are frozen, or on the way there.
    pub(crate) fn is_frozen(&self) -> bool {
        self.freezer().is_some_and(|(group, v1)| {
            let file = if v1 { "freezer.state" } else { "cgroup.freeze" };
            let state = std::fs::read_to_string(group.directory.join(file)).unwrap_or_default();
            matches!(state.trim(), "FROZEN" | "FREEZING" | "1")
        })
    }

    /// Freezes all processes and returns when they are frozen.
    pub(crate) fn freeze(&self) -> Result<(), CgroupError> {
        let Some((group, v1)) = self.freezer() else { return Err(no_cgroup()) };
        let (file, word) = if v1 { ("freezer.state", "FROZEN") } else { ("cgroup.freeze", "1") };
        let path = group.directory.join(file);
        let end = Instant::now() + FREEZE_TIMEOUT;
        let mut pause = Duration::from_micros(100);
        loop {
            // Again each time: a fork during freezing can leave a cgroup of version 1 at FREEZING until it is written
            // again (kernel documentation, `cgroup-v1/freezer-subsystem`).
            write(&path, word)?;
            if is_frozen(&group.directory, v1) {
                return Ok(());
            }
            if Instant::now() >= end {
                self.thaw()?;
                return Err(CgroupError::new(
                    "freeze cgroup",
                    &group.directory,
                    std::io::ErrorKind::TimedOut.into(),
                ));
            }
            sleep(pause);
            pause = (pause * 2).min(Duration::from_millis(20));
        }
    }

    /// Thaws all processes, also those in cgroups beneath that the container or another froze by themselves.
    pub(crate) fn thaw_all(&self) -> Result<(), CgroupError> {
        let Some((group, v1)) = self.freezer() else { return Ok(()) };
        thaw_tree(&group.directory, v1)
    }

    /// A cgroup above that is frozen, and so the processes of this one.
    pub(crate) fn frozen_above(&self) -> Option<PathBuf> {
        let (group, v1) = self.freezer()?;
        let file = if v1 { "freezer.self_freezing" } else { "cgroup.freeze" };
        let mut above =
            group.directory.ancestors().skip(1).take_while(|path| path.starts_with(&group.mount));
        above
            .find(|path| {
                std::fs::read_to_string(path.join(file)).is_ok_and(|text| text.trim() == "1")
            })
            .map(Path::to_path_buf)
    }

    /// Whether no process of the cgroup runs, be it frozen itself or by one above.
    pub(crate) fn is_frozen_or_below(&self) -> bool {
        self.is_frozen() || self.frozen_above().is_some()
    }

    /// Whether a process that is killed while it is frozen stays as it is until it is thawed: only in version 1.
    pub(crate) fn keeps_killed_frozen(&self) -> bool {
        self.freezer().is_some_and(|(_, v1)| v1)
    }

    /// Thaws all processes.
    pub(crate) fn thaw(&self) -> Result<(), CgroupError> {
        let Some((group, v1)) = self.freezer() else { return Ok(()) };
        let (file, word) = if v1 { ("freezer.state", "THAWED") } else { ("cgroup.freeze", "0") };
        match write(&group.directory.join(file), word) {
            Err(error) if super::is_gone(error.reason()) => Ok(()),
            result => result,
        }
    }
}

fn thaw_tree(directory: &Path, v1: bool) -> Result<(), CgroupError> {
    let (file, word) = if v1 { ("freezer.state", "THAWED") } else { ("cgroup.freeze", "0") };
    match write(&directory.join(file), word) {
        Err(error) if super::is_gone(error.reason()) => return Ok(()),
        result => result?,
    }
    subgroups(directory).iter().try_for_each(|child| thaw_tree(child, v1))
}

/// Whether all processes are frozen. Writing only asks for it: the state turns when the last has stopped.
fn is_frozen(directory: &Path, v1: bool) -> bool {
    let file = if v1 { "freezer.state" } else { "cgroup.events" };
    let state = std::fs::read_to_string(directory.join(file)).unwrap_or_default();
    if v1 { state.trim() == "FROZEN" } else { state.lines().any(|line| line == "frozen 1") }
}

fn no_cgroup() -> CgroupError {
    CgroupError::new(
        "find cgroup hierarchy",
        "freezer",
        std::io::Error::other("the container has no cgroup"),
    )
}
