//! Stopping all processes of a group where they are, and letting them go on.

use std::path::Path;
use std::thread::sleep;
use std::time::{Duration, Instant};

use super::{Cgroup, CgroupError, Group, write};

/// How long freezing may take.
const FREEZING: Duration = Duration::from_secs(10);

impl Cgroup {
    /// The group that freezes, and whether it is of the old kind.
    fn freezer(&self) -> Option<(&Group, bool)> {
        let old =
            self.groups.iter().find(|group| group.controllers.iter().any(|name| name == "freezer"));
        old.map(|group| (group, true)).or_else(|| self.unified().map(|group| (group, false)))
    }

    /// Whether the processes are frozen, or on the way there.
    pub(crate) fn is_frozen(&self) -> bool {
        self.freezer().is_some_and(|(group, old)| {
            let file = if old { "freezer.state" } else { "cgroup.freeze" };
            let state = std::fs::read_to_string(group.directory.join(file)).unwrap_or_default();
            matches!(state.trim(), "FROZEN" | "FREEZING" | "1")
        })
    }

    /// Freezes all processes and returns when they are.
    pub(crate) fn freeze(&self) -> Result<(), CgroupError> {
        let Some((group, old)) = self.freezer() else { return Err(none()) };
        let (file, word) = if old { ("freezer.state", "FROZEN") } else { ("cgroup.freeze", "1") };
        let path = group.directory.join(file);
        let end = Instant::now() + FREEZING;
        let mut pause = Duration::from_micros(100);
        loop {
            write(&path, word)?;
            if is_done(&group.directory, old) {
                return Ok(());
            }
            if Instant::now() >= end {
                self.thaw()?;
                return Err(CgroupError::new(
                    "freeze",
                    &group.directory,
                    std::io::ErrorKind::TimedOut.into(),
                ));
            }
            sleep(pause);
            pause = (pause * 2).min(Duration::from_millis(20));
        }
    }

    /// Lets all processes go on.
    pub(crate) fn thaw(&self) -> Result<(), CgroupError> {
        let Some((group, old)) = self.freezer() else { return Ok(()) };
        let (file, word) = if old { ("freezer.state", "THAWED") } else { ("cgroup.freeze", "0") };
        match write(&group.directory.join(file), word) {
            Err(error) if super::is_gone(error.reason()) => Ok(()),
            result => result,
        }
    }
}

fn is_done(directory: &Path, old: bool) -> bool {
    let file = if old { "freezer.state" } else { "cgroup.events" };
    let state = std::fs::read_to_string(directory.join(file)).unwrap_or_default();
    if old { state.trim() == "FROZEN" } else { state.lines().any(|line| line == "frozen 1") }
}

fn none() -> CgroupError {
    CgroupError::new("freeze", "the container", std::io::Error::other("it has no control group"))
}
