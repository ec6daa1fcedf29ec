//! The events of `trace.rs` without the feature `tracing`: nothing.

use std::path::Path;

use oci_image::Descriptor;

use crate::root::Resolver;
use crate::unpack::Unpacked;

pub(crate) fn layer_begun(_: usize, _: usize, _: &Descriptor) {}

pub(crate) fn layer_ended(_: usize, _: usize, _: &Unpacked) {}

pub(crate) fn layer_reused(_: &Path) {}

pub(crate) fn tree_emptied(_: &Path, _: &str) {}

pub(crate) fn root_opened(_: &Path, _: Resolver) {}
