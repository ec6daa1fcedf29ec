use std::io;
use std::num::NonZero;
use std::sync::{Mutex, PoisonError};
use std::thread;

use oci_image::Digest;

use super::{Fault, FaultKind};
use crate::layout::Layout;

impl Layout {
    /// What is wrong with the content of these blobs, read on all processors.
    pub(super) fn faults_of_content(&self, blobs: &[Digest]) -> io::Result<Vec<Fault>> {
        let next = Mutex::new(blobs.iter());
        let take = || next.lock().unwrap_or_else(PoisonError::into_inner).next();
        let work = || -> io::Result<Vec<Fault>> {
            let mut faults = Vec::new();
            while let Some(digest) = take() {
                faults.extend(self.fault_of_content(digest)?);
            }
            Ok(faults)
        };
        let threads = thread::available_parallelism().map_or(1, NonZero::get).min(blobs.len());
        thread::scope(|scope| {
            let others: Vec<_> = (1..threads).map(|_| scope.spawn(work)).collect();
            let mut faults = work()?;
            for other in others {
                let panicked = |_| io::Error::other("a thread that hashed blobs panicked");
                faults.extend(other.join().map_err(panicked)??);
            }
            Ok(faults)
        })
    }

    pub(super) fn fault_of_content(&self, digest: &Digest) -> io::Result<Option<Fault>> {
        let fault = |kind, message| {
            Some(Fault::of(kind, self.blobs().path(digest), Some(digest.clone()), message))
        };
        Ok(match self.blobs().check(digest) {
            Ok(()) => None,
            // The collector has removed it meanwhile.
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) if error.kind() == io::ErrorKind::InvalidData => {
                fault(FaultKind::Content, error.to_string())
            }
            Err(error) if error.kind() == io::ErrorKind::Unsupported => {
                fault(FaultKind::Unverifiable, error.to_string())
            }
            Err(error) => fault(FaultKind::Content, format!("cannot be read: {error}")),
        })
    }
}
