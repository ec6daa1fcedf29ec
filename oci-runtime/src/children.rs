//! Children of this process whose handles were dropped. They are waited for when they have ended, so that none stays a
//! zombie for long.

use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::deadline::Deadline;
use crate::record::{Entry, Record, is_locked};
use crate::wait::{until_ended, wait};

/// Those of one [`Runtime`](crate::Runtime) and its clones.
#[derive(Clone, Debug, Default)]
pub(crate) struct Children(Arc<Mutex<Vec<Child>>>);

/// A child whose handle was dropped.
#[derive(Debug)]
pub(crate) struct Child {
    pub(crate) pidfd: OwnedFd,
    /// The container whose first process it is, and the directory of its runtime.
    pub(crate) container: Option<(PathBuf, Record)>,
}

impl Children {
    /// Takes over a child whose handle is dropped. The first process of a container is not waited for at once: a program that
    /// ends now leaves it to whoever is its parent then.
    pub(crate) fn adopt(&self, child: Child) {
        if child.container.is_some() || !child.collected() {
            self.lock().push(child);
        }
    }

    /// Waits for those that have ended. Where nobody calls it, as where no handle is dropped any more, the last of them stay
    /// until this process ends.
    pub(crate) fn collect(&self) {
        self.lock().retain(|child| !child.collected());
    }

    /// Waits until no other thread collects.
    pub(crate) fn settle(&self) {
        drop(self.lock());
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Child>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Child {
    /// Waits for it if it has ended, and keeps how in the container's record, for the other handles of the container.
    fn collected(&self) -> bool {
        if !until_ended(self.pidfd.as_fd(), Some(Duration::ZERO)).unwrap_or(true) {
            return false;
        }
        let Some((runtime, record)) = &self.container else {
            let _ = wait(self.pidfd.as_fd());
            return true;
        };
        // The next time, rather than wait for another call.
        if is_locked(&runtime.join(record.id.as_str())) {
            return false;
        }
        let entry = Entry::open(runtime, &record.id, Deadline::default());
        let status = wait(self.pidfd.as_fd()).ok().flatten();
        if let (Ok(mut entry), Some(status)) = (entry, status)
            // By now another container may have the id.
            && entry.record.has_process_of(record)
        {
            entry.record.exit = Some(status.into_raw());
            let _ = entry.save();
        }
        true
    }
}
