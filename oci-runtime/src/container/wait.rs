//! How a program ended.

use std::os::fd::AsFd;
use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;

use super::Container;
use crate::wait::wait;
use crate::{Error, ErrorKind};

impl Container {
    /// Waits until the program has ended, and returns how; as often as it is asked, and in any thread.
    ///
    /// # Errors
    /// [`ErrorKind::State`] if the container was made by another process and the kernel (before 6.15) tells nobody but the parent
    /// how a process ended.
    pub fn wait(&self) -> Result<ExitStatus, Error> {
        let doing = || format!("wait for container `{}`", self.id);
        let record = self.record().ok();
        if let Some(exit) = record.as_ref().and_then(|record| record.exit) {
            return Ok(ExitStatus::from_raw(exit));
        }
        let unknown = || {
            Error::new(
                ErrorKind::State,
                doing(),
                "how it ended is known only to the process that created it",
            )
        };
        let Some(status) = wait(self.as_fd()).map_err(Error::system(doing()))? else {
            // The handle that made it was dropped, and another call waited for its process.
            self.runtime.children.settle();
            let exit = self.record().ok().and_then(|record| record.exit);
            return exit.map(ExitStatus::from_raw).ok_or_else(unknown);
        };
        // By now another container may have the id.
        if let Ok(mut entry) = self.entry()
            && record.is_some_and(|record| record.has_process_of(&entry.record))
        {
            entry.record.exit = Some(status.into_raw());
            let _ = entry.save();
        }
        Ok(status)
    }
}
