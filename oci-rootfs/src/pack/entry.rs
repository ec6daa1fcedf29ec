//! What is in a tree as an entry of a layer.

use oci_image::layer::{Entry, Kind, Metadata, Overlay};

use super::PackOptions;
use super::error::{PackError, Reason};
use super::node::Node;
use super::overlay::{check_plain, without_overlay};
use super::xattr::all_xattrs;
use crate::owner_xattr::{OWNER_XATTRS, Recorded};
use crate::root::Root;
use crate::unpack::{IdRange, Owners};

/// The entry that is written of a node, which is of an overlay of this form or of a plain tree.
pub(super) fn entry(
    node: &Node,
    mut kind: Kind,
    root: &Root,
    overlay: Option<Overlay>,
    options: &PackOptions,
) -> Result<Entry, PackError> {
    let mut metadata = Metadata::new(node.stat.st_mode & 0o7777);
    metadata.mtime = options.latest.map_or(node.mtime(), |latest| node.mtime().min(latest));
    let mut xattrs = all_xattrs(node, root, &options.xattr_filter)?;
    let mut recorded = Recorded::default();
    if options.owners == Owners::Caller {
        recorded = Recorded::read(&xattrs);
        xattrs.retain(|name, _| !OWNER_XATTRS.contains(&name.as_slice()));
    }
    (metadata.uid, metadata.gid) = owner(node, &recorded, &options.owners)?;
    metadata.mode = recorded.mode.unwrap_or(metadata.mode);
    if matches!(kind, Kind::File { size: 0 }) {
        kind = recorded.device.unwrap_or(kind);
    }
    match overlay {
        Some(form) => xattrs = without_overlay(xattrs, form),
        None => check_plain(node, &xattrs)?,
    }
    xattrs.retain(|name, _| !options.xattr_filter.leaves_out(name));
    metadata.xattrs = xattrs;
    Ok(Entry::new(node.path.clone(), kind, metadata))
}

fn owner(node: &Node, recorded: &Recorded, owners: &Owners) -> Result<(u32, u32), PackError> {
    let (uid, gid) = (node.stat.st_uid, node.stat.st_gid);
    let unmap = |ranges: &[IdRange], what, id| {
        ranges.iter().find_map(|range| range.unmap(id)).ok_or_else(|| Reason::Unmapped {
            path: node.path.clone(),
            what,
            id,
        })
    };
    Ok(match owners {
        Owners::Recorded => (uid, gid),
        Owners::Mapped { users, groups } => {
            (unmap(users, "user", uid)?, unmap(groups, "group", gid)?)
        }
        Owners::Caller => (recorded.uid, recorded.gid),
    })
}
