//! Directories of an overlay.

use std::collections::BTreeSet;

use oci_image::layer::EntryPath;
use rustix::io::fcntl_dupfd_cloexec;

use super::search::{Base, Search};
use super::{Layers, Part};
use crate::pack::error::{PackError, Reason};
use crate::pack::node::Node;
use crate::pack::walk::{Names, names};

/// A directory of an overlay.
pub(in crate::pack) struct Merged<'a> {
    pub(super) layers: &'a Layers<'a>,
    pub(super) path: EntryPath,
    /// The directories that it is made of, the top one first.
    pub(super) parts: Vec<Part>,
    pub(super) is_new: bool,
}

impl Merged<'_> {
    /// The names in a directory that show something, in order, and those of whiteouts: all that the
    /// layer may have to say something of.
    pub(in crate::pack) fn names(&mut self) -> Result<(Names, Names), PackError> {
        let is_new = self.is_new;
        let mut all = self.listed(|part| is_new || part.layer == 0)?;
        if !is_new {
            all.extend(self.layers.aliases.names(&self.path).cloned());
        }
        let (mut there, mut hidden) = (Names::new(), Names::new());
        for name in all {
            match self.look_up(&name)? {
                Some(_) => there.push(name),
                None if !is_new => hidden.push(name),
                None => {}
            }
        }
        Ok((there, hidden))
    }

    /// The names that some of the parts of a directory list.
    pub(super) fn listed(
        &mut self,
        is_asked: impl Fn(&Part) -> bool,
    ) -> Result<BTreeSet<Vec<u8>>, PackError> {
        let mut all = BTreeSet::new();
        for part in self.parts.iter_mut().filter(|part| is_asked(part)) {
            let path = part.held.path().clone();
            let listed = names(part.held.get(self.layers.root(part.layer))?, &path)?;
            all.extend(listed.into_iter().map(|(name, _)| name));
        }
        Ok(all)
    }

    /// What a name shows.
    pub(in crate::pack) fn child(&mut self, name: &[u8]) -> Result<Option<Node>, PackError> {
        let Some(mut node) = self.look_up(name)? else { return Ok(None) };
        let is_lower = node.overlaid.as_ref().is_some_and(|overlaid| overlaid.layer > 0);
        let alias = self.layers.aliases.get(node.id()).filter(|_| is_lower && !node.is_directory());
        let Some(alias) = alias else { return Ok(Some(node)) };
        // The index gives all names of the file what one of them was changed to.
        if let Some(mut upper) = alias.map(|path| self.layers.at(path)).transpose()?.flatten() {
            upper.path = node.path;
            node = upper;
        }
        if let Some(overlaid) = &mut node.overlaid {
            overlaid.is_alias = true;
        }
        Ok(Some(node))
    }

    /// Looks a name up in all layers that have a part in the directory, as the kernel does.
    pub(super) fn look_up(&mut self, name: &[u8]) -> Result<Option<Node>, PackError> {
        let path = self.path.join(name);
        let path = path.map_err(|_| Reason::Depth { path: self.path.clone() })?;
        let mut search = Search::new(self.layers.form, &path, name);
        let (mut found, mut is_moved) = (Vec::new(), false);
        let mut from = From::Parts(0);
        while let Some((layer, base)) = self.base(&mut from)? {
            found.extend(search.look(base, self.layers.root(layer))?.map(|node| (layer, node)));
            is_moved |= layer == 0 && search.was_redirected();
            if search.stops() {
                break;
            }
            // An absolute redirect leads on from the roots of the layers below this one.
            if search.is_absolute() && matches!(from, From::Parts(_)) {
                from = From::Roots(layer + 1);
            }
        }
        search.check(!self.layers.lower.is_empty())?;
        self.layers.overlaid(&path, found, self.is_new, is_moved)
    }

    /// The next directory to look in.
    fn base(&mut self, from: &mut From) -> Result<Option<(usize, Base)>, PackError> {
        match from {
            From::Parts(next) => {
                let Some(Part { layer, held }) = self.parts.get_mut(*next) else {
                    return Ok(None);
                };
                *next += 1;
                let path = held.path().clone();
                let fd = fcntl_dupfd_cloexec(held.get(self.layers.root(*layer))?, 0)
                    .map_err(|error| PackError::file("open", &path, error))?;
                Ok(Some((*layer, Base { path, fd })))
            }
            From::Roots(next) if *next <= self.layers.lower.len() => {
                let layer = *next;
                *next += 1;
                let Node { path, fd, .. } = Node::top(self.layers.root(layer))?;
                Ok(Some((layer, Base { path, fd })))
            }
            From::Roots(_) => Ok(None),
        }
    }

    pub(in crate::pack) fn close(&mut self) {
        self.parts.iter_mut().for_each(|part| part.held.close());
    }
}

/// Where a name is looked for next.
enum From {
    /// In this one of the parts of a directory.
    Parts(usize),
    /// In the root of this layer.
    Roots(usize),
}
