//! The events of `trace.rs` without the feature `tracing`: nothing.

use oci_image::Digest;
use oci_image::blob::Ranges;
use rustix::fs::FlockOperation;

use crate::{Fault, Garbage};

pub(crate) fn lock_awaited(_: FlockOperation) {}

pub(crate) fn lock_taken(_: FlockOperation) {}

pub(crate) fn index_changed_meanwhile() {}

pub(crate) fn partial_resumed(_: &Digest, _: &Ranges) {}

pub(crate) fn partial_dropped(_: &Digest) {}

pub(crate) fn partial_pruned(_: &str) {}

pub(crate) fn garbage_found(_: usize, _: usize) {}

pub(crate) fn blob_removed(_: &Digest) {}

pub(crate) fn garbage_collected(_: &Garbage) {}

pub(crate) fn repaired(_: &Fault) {}
