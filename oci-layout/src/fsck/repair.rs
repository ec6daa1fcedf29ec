use std::collections::HashSet;

use super::graph::is_content;
use super::{Fault, FaultKind};
use crate::Error;
use crate::layout::Layout;
use crate::lock::Lock;
use crate::trace;

impl Layout {
    /// Repairs what can be repaired without guessing, and says what that was.
    ///
    /// It removes the files of writers that died, and blobs whose content is not that of their digest: readers
    /// refuse them, and once they are removed a pull stores them again. Each is checked once
    /// more, under the lock. The index is not changed, even where it names what is missing. Blobs that
    /// are not needed are removed by [`collect_garbage`](Self::collect_garbage); files that are not blobs are left to
    /// their owner.
    ///
    /// # Errors
    /// If something cannot be removed. What was before it in the list is repaired.
    pub fn repair(&self, faults: &[Fault]) -> Result<Vec<Fault>, Error> {
        let failed = |error| Error::io(self.about("cannot repair"), error);
        let _lock = Lock::exclusive(self.files()).map_err(failed)?;
        let leftovers = self.leftovers().map_err(failed)?;
        let leftovers: HashSet<_> = leftovers.iter().map(|fault| fault.path.as_str()).collect();
        let mut repaired = Vec::new();
        for fault in faults {
            let removed = match (fault.kind, &fault.digest) {
                (FaultKind::Leftover, _) if leftovers.contains(fault.path.as_str()) => {
                    self.files().remove(&fault.path)
                }
                (FaultKind::Content, Some(digest)) => match self.blobs().check(digest) {
                    // A link or a directory in its place was not read: its owner knows what it is.
                    Err(error) if is_content(&error) => self.blobs().remove(digest),
                    _ => continue,
                },
                _ => continue,
            };
            removed.map_err(failed)?;
            trace::repaired(fault);
            repaired.push(fault.clone());
        }
        Ok(repaired)
    }
}
