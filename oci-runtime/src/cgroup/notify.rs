//! Being told by the kernel that memory ran out.

use std::fs::File;
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::path::PathBuf;

use rustix::event::{EventfdFlags, eventfd};
use rustix::fs::inotify;

use super::{Cgroup, CgroupError, Group, stats, write};

/// Waits for memory to run out in a cgroup. Its descriptor is readable when that may have happened.
#[derive(Debug)]
pub(crate) struct MemoryWatch {
    descriptor: OwnedFd,
    /// The file that counts.
    counts: PathBuf,
    /// How many processes had been killed when it was last asked. None: version 1 tells of each time by itself, and
    /// before it has killed any.
    kills: Option<u64>,
}

impl Cgroup {
    /// Begins to watch. None: nothing counts the memory of the container.
    pub(crate) fn watch_memory(&self) -> Result<Option<MemoryWatch>, CgroupError> {
        let Some(group) = self.group("memory") else { return Ok(None) };
        let watched = if group.is_unified() { watch_events(group) } else { watch_control(group) };
        match watched {
            // The controller is not enabled.
            Err(error) if super::is_gone(error.reason()) => Ok(None),
            watched => watched.map(Some),
        }
    }
}

/// In version 2 a change of `memory.events` is a modification of the file (`admin-guide/cgroup-v2`, "memory.events").
fn watch_events(group: &Group) -> Result<MemoryWatch, CgroupError> {
    let counts = group.directory.join("memory.events");
    let watched = || {
        let descriptor =
            inotify::init(inotify::CreateFlags::CLOEXEC | inotify::CreateFlags::NONBLOCK)?;
        inotify::add_watch(&descriptor, &counts, inotify::WatchFlags::MODIFY)?;
        Ok(descriptor)
    };
    let descriptor =
        watched().map_err(|error: io::Error| CgroupError::new("watch", &counts, error))?;
    // Counted after watching: what happens between is told twice and counted once.
    let kills = Some(stats::field(&counts, "oom_kill").unwrap_or_default());
    Ok(MemoryWatch { descriptor, counts, kills })
}

/// In version 1 an eventfd is registered for the file (`admin-guide/cgroup-v1/memory`, "OOM Control").
fn watch_control(group: &Group) -> Result<MemoryWatch, CgroupError> {
    let counts = group.directory.join("memory.oom_control");
    let failed = |error: io::Error| CgroupError::new("watch", &counts, error);
    let flags = EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK;
    let descriptor = eventfd(0, flags).map_err(|error| failed(error.into()))?;
    let control = File::open(&counts).map_err(failed)?;
    let line = format!("{} {}", descriptor.as_raw_fd(), control.as_raw_fd());
    write(&group.directory.join("cgroup.event_control"), &line)?;
    Ok(MemoryWatch { descriptor, counts, kills: None })
}

impl MemoryWatch {
    /// Whether memory ran out since it was last asked.
    pub(crate) fn ran_out(&mut self) -> bool {
        // Both are read whole: an eventfd has 8 bytes, and each event of a file without a name 16.
        let mut buffer = [MaybeUninit::<u8>::uninit(); 256];
        let mut was_told = false;
        while rustix::io::read(&self.descriptor, &mut buffer)
            .is_ok_and(|(read, _)| !read.is_empty())
        {
            was_told = true;
        }
        match self.kills {
            // The removal of the cgroup is told, too.
            None => was_told && self.counts.exists(),
            Some(before) => {
                let now = stats::field(&self.counts, "oom_kill").unwrap_or(before);
                self.kills = Some(now);
                now > before
            }
        }
    }
}

impl AsFd for MemoryWatch {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.descriptor.as_fd()
    }
}
