use std::collections::HashSet;
use std::io;

use super::{Fault, FaultKind};
use crate::Error;
use crate::layout::Layout;
use crate::lock::Lock;

impl Layout {
    /// Repairs what can be repaired without guessing, and says what that was.
    ///
    /// Removed are what dead writers left, and blobs whose content is not what their name says: no
    /// reader gives them out, and once they are gone a pull brings them again. Each is looked at once
    /// more, under the lock. The index is not touched, even where it names what is missing; blobs that
    /// nothing needs are for [`collect_garbage`](Self::collect_garbage), odd files for whoever put them
    /// there.
    ///
    /// # Errors
    /// If something cannot be removed. What came before it is.
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
                    Err(error) if error.kind() == io::ErrorKind::InvalidData => {
                        self.blobs().remove(digest)
                    }
                    _ => continue,
                },
                _ => continue,
            };
            removed.map_err(failed)?;
            repaired.push(fault.clone());
        }
        Ok(repaired)
    }
}
