//! An overlay as the kernel shows it, read from the directories that it is made of
//! ([overlayfs](https://docs.kernel.org/filesystems/overlayfs.html)).

mod aliases;
mod attribute;
mod merged;
mod search;

use std::os::fd::OwnedFd;

use oci_image::layer::{EntryPath, Overlay};

use super::error::PackError;
use super::node::Node;
use super::walk::Held;
use crate::root::Root;
use aliases::Aliases;
use attribute::Attributes;

pub(super) use attribute::{check_plain, without_overlay};
pub(super) use merged::Merged;

/// The directories of an overlay. The upper one is layer 0.
pub(super) struct Layers<'a> {
    upper: &'a Root,
    lower: &'a [Root],
    form: Overlay,
    aliases: Aliases,
}

/// A directory of one layer.
pub(super) struct Part {
    layer: usize,
    held: Held,
}

/// What an overlay makes of something.
#[derive(Default)]
pub(super) struct Overlaid {
    /// Which layer has it.
    layer: usize,
    /// The file that has the content, if it is not this one.
    pub(super) content: Option<OwnedFd>,
    parts: Vec<Part>,
    /// Nothing that it shows is at the same place below.
    is_new: bool,
    /// It hides what is at its place below.
    hides: bool,
    /// It is a name of a file that is written by another name, too.
    is_alias: bool,
}

impl Overlaid {
    /// Whether what is below has it at the same place. Of the upper directory's own, that is not known.
    pub(super) fn is_below(&self) -> bool {
        self.layer > 0 && !self.is_new && !self.is_alias
    }

    /// Whether nothing that it shows is at the same place below.
    pub(super) fn is_new(&self) -> bool {
        self.is_new
    }

    /// Whether a marker has to hide what is at its place below.
    pub(super) fn hides(&self) -> bool {
        self.hides
    }
}

impl<'a> Layers<'a> {
    pub(super) fn new(upper: &'a Root, lower: &'a [Root]) -> Result<Self, PackError> {
        let scan = aliases::scan(upper)?;
        let mut layers = Self { upper, lower, form: scan.form, aliases: Aliases::default() };
        layers.aliases = Aliases::find(&layers, &scan)?;
        Ok(layers)
    }

    pub(super) fn form(&self) -> Overlay {
        self.form
    }

    fn root(&self, layer: usize) -> &'a Root {
        layer.checked_sub(1).and_then(|index| self.lower.get(index)).unwrap_or(self.upper)
    }

    /// The root of the overlay.
    pub(super) fn top(&self) -> Result<Node, PackError> {
        self.top_from(0)
    }

    /// The root of the layers from this one on, which has the attributes of the first.
    fn top_from(&self, first: usize) -> Result<Node, PackError> {
        let mut node = Node::top(self.root(first))?;
        let mut overlaid = Overlaid { layer: first, ..Overlaid::default() };
        for layer in first..=self.lower.len() {
            overlaid.parts.push(Part { layer, held: Held::closed(EntryPath::ROOT)? });
        }
        // The kernel never makes the root of an upper directory opaque. That of a layer may be.
        overlaid.hides =
            first == 0 && Attributes::read(&node, self.root(first), self.form)?.is_opaque();
        overlaid.is_new = overlaid.hides;
        node.overlaid = Some(Box::new(overlaid));
        Ok(node)
    }

    /// The directory that a node is.
    pub(super) fn enter(&self, node: &mut Node) -> Merged<'_> {
        let overlaid = node.overlaid.take().unwrap_or_default();
        let Overlaid { parts, is_new, .. } = *overlaid;
        Merged { layers: self, path: node.path.clone(), parts, is_new }
    }

    /// What the layers below the upper one show at a path.
    pub(super) fn below(&self, path: &EntryPath) -> Result<Option<Node>, PackError> {
        if self.lower.is_empty() {
            return Ok(None);
        }
        self.walk(self.top_from(1)?, path)
    }

    fn at(&self, path: &EntryPath) -> Result<Option<Node>, PackError> {
        self.walk(self.top()?, path)
    }

    fn walk(&self, top: Node, path: &EntryPath) -> Result<Option<Node>, PackError> {
        let mut node = top;
        for name in path.components() {
            if !node.is_directory() {
                return Ok(None);
            }
            match self.enter(&mut node).look_up(name)? {
                Some(child) => node = child,
                None => return Ok(None),
            }
        }
        Ok(Some(node))
    }

    /// What is found in several layers as one.
    fn overlaid(
        &self,
        path: &EntryPath,
        mut found: Vec<(usize, Node)>,
        is_in_new: bool,
        is_moved: bool,
    ) -> Result<Option<Node>, PackError> {
        let Some((layer, first)) = found.first() else { return Ok(None) };
        let mut overlaid = Overlaid { layer: *layer, is_new: is_in_new, ..Overlaid::default() };
        if first.is_directory() {
            let is_opaque =
                *layer == 0 && Attributes::read(first, self.root(*layer), self.form)?.is_opaque();
            overlaid.is_new |= is_opaque || is_moved;
            for (layer, node) in &found {
                overlaid.parts.push(Part { layer: *layer, held: Held::closed(node.path.clone())? });
            }
            overlaid.hides = !is_in_new
                && (is_opaque
                    || is_moved && self.below(path)?.is_some_and(|below| below.is_directory()));
        } else if found.len() > 1 {
            // The ones between have attributes alone, as the first one has.
            overlaid.content =
                found.pop().map(|(layer, node)| node.read(self.root(layer))).transpose()?;
        }
        let mut node = found.swap_remove(0).1;
        node.path = path.clone();
        node.overlaid = Some(Box::new(overlaid));
        Ok(Some(node))
    }
}
