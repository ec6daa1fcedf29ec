use std::io;
use std::iter;
use std::num::NonZero;
use std::sync::{Mutex, PoisonError};
use std::thread;

use oci_image::Digest;
use oci_image::oci_digest::verify_all;

use super::{Fault, FaultKind};
use crate::blob::AT_ONCE;
use crate::layout::Layout;

impl Layout {
    /// What is wrong with the content of these blobs, read on all processors.
    pub(super) fn faults_of_content(&self, blobs: &[Digest]) -> io::Result<Vec<Fault>> {
        let next = Mutex::new(blobs.iter());
        let take = || next.lock().unwrap_or_else(PoisonError::into_inner).next();
        let threads = thread::available_parallelism().map_or(1, NonZero::get).min(blobs.len());
        // Side by side, but not so many that another thread has none.
        let at_once = blobs.len().div_ceil(threads.max(1)).min(AT_ONCE);
        let open = |digest| (digest, self.blobs().open_whatever_size(digest));
        let work = || -> Vec<Fault> {
            verify_all(iter::from_fn(take).map(open), at_once)
                .filter_map(|(digest, outcome)| self.fault_of_content(digest, outcome.err()?))
                .collect()
        };
        thread::scope(|scope| {
            let others: Vec<_> = (1..threads).map(|_| scope.spawn(work)).collect();
            let mut faults = work();
            for other in others {
                let panicked = |_| io::Error::other("a thread that hashed blobs panicked");
                faults.extend(other.join().map_err(panicked)?);
            }
            Ok(faults)
        })
    }

    /// The fault of a blob that could not be read through.
    fn fault_of_content(&self, digest: &Digest, error: io::Error) -> Option<Fault> {
        let (kind, message) = match error.kind() {
            // The collector has removed it meanwhile.
            io::ErrorKind::NotFound => return None,
            io::ErrorKind::InvalidData => (FaultKind::Content, error.to_string()),
            io::ErrorKind::Unsupported => (FaultKind::Unverifiable, error.to_string()),
            _ => (FaultKind::Content, format!("cannot be read: {error}")),
        };
        Some(Fault::of(kind, self.blobs().path(digest), Some(digest.clone()), message))
    }
}
