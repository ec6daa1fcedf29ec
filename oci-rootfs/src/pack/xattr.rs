//! Extended attributes on their way into a layer.

use std::collections::BTreeMap;

use rustix::fs::FileType;
use rustix::io::Errno;

use super::error::{PackError, Reason};
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
            // It was taken away meanwhile.
            Err(Errno::NODATA) => {}
            Err(error) => return Err(failed(error)),
        }
    }
    Ok(xattrs)
}

/// All attributes that can be read and are not left out.
pub(super) fn kept_xattrs(
    node: &Node,
    root: &Root,
    filter: &XattrFilter,
) -> Result<Xattrs, PackError> {
    let mut xattrs = all_xattrs(node, root, filter)?;
    xattrs.retain(|name, _| !filter.leaves_out(name));
    Ok(xattrs)
}

/// Takes out what means something to an overlay filesystem, and unescapes what only looks like it.
pub(super) fn without_overlay(xattrs: Xattrs) -> Xattrs {
    let mut kept = Xattrs::new();
    for (name, value) in xattrs {
        match split_overlay(&name) {
            None => _ = kept.insert(name, value),
            Some((prefix, rest)) => {
                if let Some(escaped) = rest.strip_prefix(b"overlay.") {
                    kept.insert([prefix, escaped].concat(), value);
                }
            }
        }
    }
    kept
}

/// Whether a directory in an overlay's upper directory hides what lies below it.
pub(super) fn is_opaque(node: &Node, xattrs: &Xattrs) -> Result<bool, PackError> {
    let mut is_opaque = false;
    for (name, value) in xattrs {
        match split_overlay(name) {
            Some((_, b"opaque")) => is_opaque |= value == b"y",
            Some((_, b"redirect" | b"metacopy")) => {
                let (path, xattr) = (node.path.clone(), name.escape_ascii().to_string());
                return Err(Reason::Overlay { path, xattr }.into());
            }
            _ => {}
        }
    }
    Ok(is_opaque)
}

/// Whether a file in an overlay's upper directory hides what has its name below.
pub(super) fn is_whiteout(node: &Node) -> Result<bool, PackError> {
    match node.file_type() {
        FileType::CharacterDevice => Ok(node.stat.st_rdev == 0),
        FileType::RegularFile if node.stat.st_size == 0 => {
            let is_mark =
                |name: &Vec<u8>| split_overlay(name).is_some_and(|(_, rest)| rest == b"whiteout");
            let target = Target::path(&node.fd);
            Ok(target.xattrs().is_ok_and(|names| names.iter().any(is_mark)))
        }
        _ => Ok(false),
    }
}
