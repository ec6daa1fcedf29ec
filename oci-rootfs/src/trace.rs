//! Events of the `tracing` crate: what unpacking and packing do.

use std::path::Path;

use oci_image::Descriptor;
use tracing::debug;

use crate::root::Resolver;
use crate::unpack::Unpacked;

/// A layer of an image is about to be applied.
pub(crate) fn layer_begun(number: usize, count: usize, blob: &Descriptor) {
    debug!(number, count, digest = %blob.digest, size = blob.size, "applying layer");
}

/// A layer was applied; what was unpacked includes the layers before it.
pub(crate) fn layer_ended(number: usize, count: usize, unpacked: &Unpacked) {
    let Unpacked { changes, bytes, devices_left_out, xattrs_left_out } = unpacked;
    debug!(number, count, changes, bytes, devices_left_out, xattrs_left_out, "layer applied");
}

/// A layer is in a store of layers already.
pub(crate) fn layer_reused(path: &Path) {
    debug!(path = %path.display(), "layer is there already");
}

/// A tree in which unpacking was interrupted is emptied.
pub(crate) fn tree_emptied(path: &Path, what: &str) {
    debug!(path = %path.display(), what, "emptying an incomplete tree");
}

/// What paths of a tree are resolved by.
pub(crate) fn root_opened(path: &Path, resolver: Resolver) {
    debug!(path = %path.display(), ?resolver, "using root");
}
