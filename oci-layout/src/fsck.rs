//! Everything that is wrong with a layout.

mod content;
mod fault;
mod graph;
mod repair;
mod version;

use std::io;

pub use fault::{Fault, FaultKind};

use crate::blob::Found;
use crate::gc::{sessions, unneeded};
use crate::layout::Layout;
use crate::lock::Lock;
use crate::{Error, ErrorKind};

impl Layout {
    /// Looks for all that is wrong: reads and hashes every blob on all processors, follows every
    /// reference of the index, and looks at each name in the directory of blobs.
    ///
    /// Nothing is changed. Writers wait while the names are read, not while blobs are
    /// hashed; their unfinished work is not a fault.
    ///
    /// # Errors
    /// If the layout cannot be read. What is wrong in it is a fault and not an error.
    pub fn fsck(&self) -> Result<Vec<Fault>, Error> {
        let failed = |error| Error::io(self.about("cannot check"), error);
        let version = self.fault_of_version();
        if version.as_ref().is_some_and(|fault| fault.kind == FaultKind::Version) {
            return Ok(version.into_iter().collect());
        }
        let (found, mut faults) = {
            let _lock = Lock::read_only(self.files()).map_err(failed)?;
            let mut faults = self.faults_of_references();
            let found = match self.blobs().found() {
                Err(error) if error.kind() == io::ErrorKind::NotFound => {
                    faults.push(Fault::no_blobs());
                    Found::default()
                }
                found => found.map_err(failed)?,
            };
            if faults.iter().all(|fault| fault.kind == FaultKind::Sparse) {
                faults.extend(self.unneeded_blobs()?);
            }
            faults.extend(self.leftovers().map_err(failed)?);
            (found, faults)
        };
        faults.extend(version);
        faults.extend(found.odd.into_iter().map(Fault::odd));
        faults.extend(self.faults_of_content(&found.blobs).map_err(failed)?);
        faults.sort();
        Ok(faults)
    }

    /// What the index does not reach. The caller has checked that all that it reaches is there and readable.
    fn unneeded_blobs(&self) -> Result<Vec<Fault>, Error> {
        if self.shared_blobs().is_some() {
            return Ok(Vec::new());
        }
        let sessions = sessions::survey(self.files());
        let pinned = sessions.map_err(|error| Error::io(self.about("cannot check"), error))?.pinned;
        match unneeded(&[self], &pinned) {
            Ok(blobs) => Ok(blobs
                .into_iter()
                .map(|digest| Fault::unreachable(self.blobs().path(&digest), digest))
                .collect()),
            // A wrong document is reported when content is checked.
            Err(error) if error.kind() == ErrorKind::Invalid => Ok(Vec::new()),
            Err(error) => Err(error),
        }
    }

    /// The unfinished files of writers that died.
    pub(crate) fn leftovers(&self) -> io::Result<Vec<Fault>> {
        Ok(sessions::survey(self.files())?.dead.into_iter().map(Fault::leftover).collect())
    }
}
