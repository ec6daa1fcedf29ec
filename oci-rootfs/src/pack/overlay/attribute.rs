//! The extended attributes in which an overlay keeps its state.

use std::collections::BTreeMap;

use oci_image::layer::Overlay;
use rustix::fs::FileType;
use rustix::io::Errno;

use crate::pack::error::{PackError, Reason};
use crate::pack::node::Node;
use crate::pack::xattr::Xattrs;
use crate::root::{Root, Target, split_overlay};

/// All that is known, `whiteouts` of Linux 6.7 alone. Of one that is not known it cannot be said what
/// the layer would lose with it.
const KNOWN: [&str; 13] = [
    "casefold",
    "impure",
    "metacopy",
    "nlink",
    "opaque",
    "origin",
    "protattr",
    "redirect",
    "upper",
    "uuid",
    "verity",
    "whiteout",
    "whiteouts",
];

/// Those of one file, by their names behind the prefix.
pub(super) struct Attributes(BTreeMap<Vec<u8>, Vec<u8>>);

impl Attributes {
    pub(super) fn read(node: &Node, root: &Root, form: Overlay) -> Result<Self, PackError> {
        let failed = |error| PackError::file("read the extended attributes of", &node.path, error);
        let target = Target::path(&node.fd);
        let names = match target.xattrs() {
            Err(Errno::NOTSUP) => Vec::new(),
            result => result.map_err(failed)?,
        };
        let mut own = BTreeMap::new();
        for name in names {
            let Some(rest) = name.strip_prefix(form.prefix().as_bytes()) else { continue };
            if rest.starts_with(b"overlay.") {
                continue;
            }
            if !KNOWN.iter().any(|known| known.as_bytes() == rest) {
                let (path, xattr) = (node.path.clone(), name.escape_ascii().to_string());
                return Err(Reason::UnknownOverlay { path, xattr }.into());
            }
            match node.reading(root, || target.xattr(&name)) {
                Err(Errno::NODATA) => {}
                value => _ = own.insert(rest.to_vec(), value.map_err(failed)?),
            }
        }
        Ok(Self(own))
    }

    pub(super) fn get(&self, attribute: &str) -> Option<&[u8]> {
        self.0.get(attribute.as_bytes()).map(Vec::as_slice)
    }

    /// Whether a directory hides what is below it. Another value, `x`, only says that it has whiteouts
    /// that are files.
    pub(super) fn is_opaque(&self) -> bool {
        self.get("opaque") == Some(b"y")
    }
}

/// Whether a file hides what has its name below; not if that cannot be read.
pub(super) fn is_whiteout(node: &Node, form: Overlay) -> bool {
    match node.file_type() {
        FileType::CharacterDevice => node.stat.st_rdev == 0,
        FileType::RegularFile if node.stat.st_size == 0 => {
            let name = format!("{}whiteout", form.prefix());
            Target::path(&node.fd).xattr(name.as_bytes()).is_ok()
        }
        _ => false,
    }
}

/// Takes out what means something to the overlay, and unescapes what only looks like it.
pub(in crate::pack) fn without_overlay(xattrs: Xattrs, form: Overlay) -> Xattrs {
    let prefix = form.prefix().as_bytes();
    let mut kept = Xattrs::new();
    for (name, value) in xattrs {
        match name.strip_prefix(prefix).map(|rest| rest.strip_prefix(b"overlay.")) {
            None => _ = kept.insert(name, value),
            Some(Some(escaped)) => _ = kept.insert([prefix, escaped].concat(), value),
            Some(None) => {}
        }
    }
    kept
}

/// Refuses what is whole in an overlay alone: its content, or what it holds, is in another directory.
pub(in crate::pack) fn check_plain(node: &Node, xattrs: &Xattrs) -> Result<(), PackError> {
    let leads_on = |name: &[u8]| match (node.file_type(), split_overlay(name)) {
        (FileType::RegularFile, Some((_, rest))) => rest == b"metacopy",
        (FileType::Directory, Some((_, rest))) => rest == b"redirect",
        _ => false,
    };
    match xattrs.keys().find(|name| leads_on(name)) {
        None => Ok(()),
        Some(name) => {
            let (path, xattr) = (node.path.clone(), name.escape_ascii().to_string());
            Err(Reason::NeedsOverlay { path, xattr }.into())
        }
    }
}
