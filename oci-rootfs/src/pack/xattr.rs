//! Extended attributes on their way into a layer.

use std::collections::BTreeMap;

use rustix::io::Errno;

use super::error::PackError;
use super::node::Node;
use crate::XattrFilter;
use crate::root::{Root, Target, split_overlay};

pub(super) type Xattrs = BTreeMap<Vec<u8>, Vec<u8>>;

/// All attributes that can be read and are not left out, and those of overlays.
pub(super) fn all_xattrs(
    node: &Node,
    root: &Root,
    filter: &XattrFilter,
) -> Result<Xattrs, PackError> {
    let failed = |error| PackError::file("read the extended attributes of", &node.path, error);
    let target = Target::path(&node.fd);
    let names = match target.xattrs() {
        Err(Errno::NOTSUP) => return Ok(Xattrs::new()),
        result => result.map_err(failed)?,
    };
    let mut xattrs = Xattrs::new();
    let is_read = |name: &[u8]| !filter.leaves_out(name) || split_overlay(name).is_some();
    for name in names.into_iter().filter(|name| is_read(name)) {
        match node.reading(root, || target.xattr(&name)) {
            Ok(value) => _ = xattrs.insert(name, value),
            // It was removed meanwhile.
            Err(Errno::NODATA) => {}
            Err(error) => return Err(failed(error)),
        }
    }
    Ok(xattrs)
}
