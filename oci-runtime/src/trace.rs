//! Events of the `tracing` crate: what the runtime does and what it waits for.
//!
//! No event has an argument, an environment variable or a mount option in it: these may be secrets.

use std::fmt::Display;
use std::path::Path;
use std::time::Duration;

use tracing::{debug, trace};

use crate::ContainerId;
use crate::plan::Step;

/// An init was started.
pub(crate) fn launched(program: &Path, pid: i32) {
    debug!(program = %program.display(), pid, "started init");
}

/// A step of a plan is done.
pub(crate) fn step_done(number: usize, step: &Step, elapsed: Duration) {
    debug!(number, step = %WithoutOptions(step), ?elapsed, "step done");
}

/// A hook in the namespaces of the host has ended.
pub(crate) fn hook_ended(program: &Path, succeeded: bool, elapsed: Duration) {
    debug!(program = %program.display(), succeeded, ?elapsed, "hook ended");
}

/// Another thread or process holds the lock of a container.
pub(crate) fn lock_wait(container: &ContainerId) {
    debug!(%container, "waiting for the lock of the container");
}

/// A cgroup cannot be removed yet.
pub(crate) fn cgroup_busy(cgroup: &Path, pause: Duration) {
    trace!(cgroup = %cgroup.display(), ?pause, "cgroup is busy, retrying");
}

/// The text of a step up to the options of a mount, which may have a password among them.
struct WithoutOptions<'a>(&'a Step);

impl Display for WithoutOptions<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let text = self.0.to_string();
        f.write_str(text.split_once(" (").map_or(&text, |(text, _)| text))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::{FilesystemStep, Mount, Source};

    #[test]
    fn the_options_of_a_mount_are_in_no_event() {
        let source = Source::Filesystem {
            kind: "cifs".into(),
            source: Some("//server/share".into()),
            options: vec!["password=secret".into()],
            plain_target: false,
        };
        let (change, recursive_change) = Default::default();
        let target = "/mnt".into();
        let mount = Mount { source, target, change, recursive_change, propagation: None };
        let step = Step::from(FilesystemStep::Mount(mount));
        assert!(step.to_string().contains("secret"));
        assert_eq!(WithoutOptions(&step).to_string(), "mount cifs on /mnt");
    }
}
