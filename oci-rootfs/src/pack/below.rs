//! What a tree is compared with.

use std::collections::HashMap;
use std::io::{self, Read};

use oci_image::layer::{EntryPath, Overlay};
use rustix::fs::FileType;
use rustix::io::Errno;

use super::content::Content;
use super::entry::entry;
use super::error::{PackError, Reason};
use super::node::Node;
use super::overlay::Layers;
use super::snapshot::Snapshot;
use super::walk::{Held, names, visit};
use super::{Compare, PackOptions};
use crate::root::{Id, Root};

/// The first name, in the order of the tree, of each file that has several.
pub(super) type Groups = HashMap<Id, EntryPath>;

pub(super) fn groups(root: &Root) -> Result<Groups, PackError> {
    let mut groups = Groups::new();
    visit(root, &mut |node| {
        if node.is_linked() {
            groups.entry(node.id()).or_insert_with(|| node.path.clone());
        }
        Ok(())
    })?;
    Ok(groups)
}

/// What lies below the layer that is made.
pub(super) enum Below<'a> {
    /// Nothing.
    Nothing,
    /// Another tree. Of files with several names, which these are in it and in the one on top.
    Tree { lower: &'a Root, groups: [Groups; 2] },
    /// The same tree at another time.
    Snapshot(&'a Snapshot),
    /// The other directories of the overlay that is packed.
    Overlay(Layers<'a>),
}

/// One directory of what lies below.
pub(super) enum LowerDirectory {
    /// It does not exist, or is unknown.
    None,
    Tree(Held),
    Snapshot,
}

impl LowerDirectory {
    pub(super) fn close(&mut self) {
        if let Self::Tree(held) = self {
            held.close();
        }
    }
}

impl Below<'_> {
    /// The directory of this path.
    pub(super) fn enter(&self, path: &EntryPath) -> Result<LowerDirectory, PackError> {
        match self {
            Self::Nothing | Self::Overlay(_) => Ok(LowerDirectory::None),
            Self::Tree { lower, .. } => match Node::directory(lower, path) {
                Ok(node) => {
                    let fd = node.read(lower)?;
                    Ok(LowerDirectory::Tree(Held::new(node.path, fd)?))
                }
                Err(Errno::NOENT | Errno::NOTDIR | Errno::LOOP) => Ok(LowerDirectory::None),
                Err(error) => Err(PackError::file("open the directory", path, error)),
            },
            Self::Snapshot(snapshot) => Ok(match snapshot.names(path) {
                Some(_) => LowerDirectory::Snapshot,
                None => LowerDirectory::None,
            }),
        }
    }

    /// The names in a directory, in order.
    pub(super) fn names(
        &self,
        directory: &mut LowerDirectory,
        path: &EntryPath,
    ) -> Result<Vec<Vec<u8>>, PackError> {
        match (self, directory) {
            (Self::Tree { lower, .. }, LowerDirectory::Tree(held)) => {
                let listed = names(held.get(lower)?, path)?;
                Ok(listed.into_iter().map(|(name, _)| name).collect())
            }
            (Self::Snapshot(snapshot), LowerDirectory::Snapshot) => {
                Ok(snapshot.names(path).unwrap_or_default().to_vec())
            }
            _ => Ok(Vec::new()),
        }
    }

    /// Whether the same thing is at the same place.
    pub(super) fn has(
        &self,
        directory: &mut LowerDirectory,
        upper: &Root,
        node: &Node,
        options: &PackOptions,
    ) -> Result<bool, PackError> {
        match (self, directory) {
            (Self::Tree { lower, groups: [below, above] }, LowerDirectory::Tree(held)) => {
                let old = match node.path.name() {
                    Some(name) => held.child(lower, name)?,
                    None => Some(Node::top(lower)?),
                };
                let Some(old) = old else { return Ok(false) };
                Ok(below.get(&old.id()) == above.get(&node.id())
                    && is_same(None, (lower, &old), (upper, node), options)?)
            }
            (Self::Snapshot(snapshot), _) => snapshot.has(node, upper),
            (Self::Overlay(layers), _) => {
                let Some(overlaid) = &node.overlaid else { return Ok(false) };
                if overlaid.is_below() || !node.is_directory() || overlaid.is_new() {
                    return Ok(overlaid.is_below());
                }
                match layers.below(&node.path)? {
                    Some(old) => is_same(self.form(), (upper, &old), (upper, node), options),
                    None => Ok(false),
                }
            }
            _ => Ok(false),
        }
    }

    /// The form of the overlay that is packed.
    pub(super) fn form(&self) -> Option<Overlay> {
        match self {
            Self::Overlay(layers) => Some(layers.form()),
            _ => None,
        }
    }
}

/// Whether the layer would say the same of both.
fn is_same(
    overlay: Option<Overlay>,
    (lower, old): (&Root, &Node),
    (upper, new): (&Root, &Node),
    options: &PackOptions,
) -> Result<bool, PackError> {
    if old.id() == new.id() {
        return Ok(true);
    }
    let (Some(before), Some(after)) = (old.kind()?, new.kind()?) else { return Ok(false) };
    let after = entry(new, after, upper, overlay, options)?;
    // What no layer could hold is not what this one holds.
    let Ok(before) = entry(old, before, lower, overlay, options) else { return Ok(false) };
    if (before.kind, before.metadata) != (after.kind, after.metadata) {
        return Ok(false);
    }
    if new.file_type() != FileType::RegularFile || options.compare == Compare::Metadata {
        return Ok(true);
    }
    is_same_content(old.content(lower)?, new.content(upper)?)
        .map_err(|source| Reason::File { action: "compare", path: new.path.clone(), source }.into())
}

fn is_same_content(mut old: Content, mut new: Content) -> io::Result<bool> {
    let (mut left, mut right) = (vec![0; 64 << 10], vec![0; 64 << 10]);
    loop {
        let length = fill(&mut old, &mut left)?;
        if length != fill(&mut new, &mut right)? || left[..length] != right[..length] {
            return Ok(false);
        }
        if length < left.len() {
            return Ok(true);
        }
    }
}

fn fill(file: &mut Content, buffer: &mut [u8]) -> io::Result<usize> {
    let mut length = 0;
    while length < buffer.len() {
        match file.read(&mut buffer[length..]) {
            Ok(0) => break,
            Ok(more) => length += more,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(length)
}
