//! The directories of what is packed.

use std::os::fd::AsFd;

use super::below::Below;
use super::error::PackError;
use super::node::Node;
use super::overlay::Merged;
use super::walk::{Held, Names, names};
use crate::root::Root;

/// A directory on the way down.
pub(super) enum Directory<'a> {
    Tree(&'a Root, Held),
    Overlay(Merged<'a>),
}

impl<'a> Directory<'a> {
    pub(super) fn enter(
        root: &'a Root,
        below: &'a Below<'a>,
        node: &mut Node,
    ) -> Result<Self, PackError> {
        match below {
            Below::Overlay(layers) => Ok(Self::Overlay(layers.enter(node))),
            _ => Ok(Self::Tree(root, Held::new(node.path.clone(), node.read(root)?)?)),
        }
    }

    /// The names in it, in order, and those that an overlay hides.
    pub(super) fn names(&mut self) -> Result<(Names, Names), PackError> {
        match self {
            Self::Overlay(merged) => merged.names(),
            Self::Tree(root, held) => {
                let path = held.path().clone();
                let listed = names(held.get(root)?.as_fd(), &path)?;
                Ok((listed.into_iter().map(|(name, _)| name).collect(), Names::new()))
            }
        }
    }

    /// What a name in it shows; `None` if it shows nothing.
    pub(super) fn child(&mut self, name: &[u8]) -> Result<Option<Node>, PackError> {
        match self {
            Self::Overlay(merged) => merged.child(name),
            Self::Tree(root, held) => held.child(root, name),
        }
    }

    pub(super) fn close(&mut self) {
        match self {
            Self::Tree(_, held) => held.close(),
            Self::Overlay(merged) => merged.close(),
        }
    }
}
