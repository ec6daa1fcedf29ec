//! Events of the `tracing` crate: waits for locks, partial blobs, what is collected and repaired.

use oci_image::Digest;
use oci_image::blob::Ranges;
use rustix::fs::FlockOperation;
use tracing::{debug, trace};

use crate::{Fault, Garbage};

/// Another handle holds a lock.
pub(crate) fn lock_awaited(operation: FlockOperation) {
    debug!(?operation, "waiting for a lock");
}

/// A lock that was waited for is held now.
pub(crate) fn lock_taken(operation: FlockOperation) {
    debug!(?operation, "lock taken");
}

/// A program that takes no lock has replaced the index during a change.
pub(crate) fn index_changed_meanwhile() {
    debug!("index changed meanwhile, retrying");
}

/// A writer continues what was kept of a blob, by a process that may have died.
pub(crate) fn partial_resumed(digest: &Digest, held: &Ranges) {
    let bytes: u64 = held.iter().map(|range| range.end - range.start).sum();
    debug!(%digest, bytes, "resuming partial blob");
}

/// What was kept of a blob cannot be continued.
pub(crate) fn partial_dropped(digest: &Digest) {
    debug!(%digest, "dropping unusable partial blob");
}

/// What was kept of a blob is over a limit.
pub(crate) fn partial_pruned(path: &str) {
    debug!(path, "partial blob over the limits removed");
}

/// The collector knows which blobs are needed.
pub(crate) fn garbage_found(garbage: usize, kept: usize) {
    debug!(garbage, kept, "blobs checked for garbage");
}

/// The collector has removed a blob.
pub(crate) fn blob_removed(digest: &Digest) {
    trace!(%digest, "garbage removed");
}

/// A collection has ended.
pub(crate) fn garbage_collected(garbage: &Garbage) {
    let Garbage { blobs, partials, leftovers, bytes } = garbage;
    let (blobs, partials, leftovers) = (blobs.len(), partials.len(), leftovers.len());
    debug!(blobs, partials, leftovers, bytes, "garbage collected");
}

/// A fault was repaired.
pub(crate) fn repaired(fault: &Fault) {
    debug!(%fault, "repaired");
}
