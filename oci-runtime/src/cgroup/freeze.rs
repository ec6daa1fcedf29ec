//! Freezing all processes of a cgroup, and thawing them.

use std::path::Path;
use std::thread::sleep;
use std::time::{Duration, Instant};

use super::{Cgroup, CgroupError, Group, write};

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
