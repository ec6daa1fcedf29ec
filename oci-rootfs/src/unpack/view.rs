//! What an overlay shows: a layer, as far as it is unpacked, above the layers below it.

use std::collections::HashSet;
use std::os::fd::OwnedFd;

use oci_image::layer::EntryPath;
use rustix::io::Errno;

use super::lower::{Found, InLayer, Lower};
use crate::root::{LINKS, Root, push};

/// What is hidden of the layers below, by a path without links but at its end.
#[derive(PartialEq, Eq, Hash)]
pub(super) enum Cover {
    /// What is there.
    Whole(EntryPath),
    /// What is in it.
    Inside(EntryPath),
}

/// What a layer has hidden so far.
#[derive(Default)]
pub(super) struct Covered(HashSet<Cover>);

impl Covered {
    pub(super) fn add(&mut self, cover: Cover) {
        self.0.insert(cover);
    }

    /// All, what hides most first: what it hides needs no marker then.
    pub(super) fn all(&self) -> Vec<&Cover> {
        let mut all: Vec<_> = self.0.iter().collect();
        all.sort_by_key(|cover| match cover {
            Cover::Whole(path) => (path.depth(), 0, path.as_bytes()),
            Cover::Inside(path) => (path.depth(), 1, path.as_bytes()),
        });
        all
    }

    fn has(&self, path: &EntryPath) -> bool {
        if self.0.is_empty() {
            return false;
        }
        let mut above = std::iter::successors(path.parent(), EntryPath::parent);
        self.0.contains(&Cover::Whole(path.clone()))
            || above.any(|directory| {
                self.0.contains(&Cover::Whole(directory.clone()))
                    || self.0.contains(&Cover::Inside(directory))
            })
    }
}

/// The layers below one, but for what it has hidden.
#[derive(Clone, Copy)]
pub(super) struct Below<'a> {
    pub(super) lower: &'a Lower,
    pub(super) covered: &'a Covered,
}

impl Below<'_> {
    /// What they show at a path that leads through directories alone.
    pub(super) fn look(self, path: &EntryPath) -> Result<Option<Found>, Errno> {
        match self.covered.has(path) {
            true => Ok(None),
            false => self.lower.look(path),
        }
    }
}

/// A layer and those below it.
pub(super) struct View<'a> {
    pub(super) root: &'a Root,
    pub(super) below: Below<'a>,
}

impl View<'_> {
    /// The directory of a layer that holds what is at a path, which is not a directory itself, and the
    /// way to it without links.
    ///
    /// Links on the way are followed, the last name is not.
    pub(super) fn holder(&self, path: &EntryPath) -> Result<(OwnedFd, EntryPath), Errno> {
        let path = self.physical(path)?;
        match self.look(&path)? {
            None => Err(Errno::NOENT),
            Some(Found::Directory(_)) => Err(Errno::ISDIR),
            Some(Found::File { directory, .. }) => Ok((directory, path)),
        }
    }

    /// The way to a path that has no links but at its end, where nothing has to be.
    pub(super) fn physical(&self, path: &EntryPath) -> Result<EntryPath, Errno> {
        let Some((directory, name)) = path.split() else { return Ok(EntryPath::ROOT) };
        let mut way = Way::new(directory);
        match self.follow(&mut way)? {
            None => way.here.join(name).map_err(|_| Errno::INVAL),
            Some(obstacle) => Err(obstacle),
        }
    }

    /// Continues, through links too, to the end of a path, or to a name that is not a directory: it says
    /// whether something else is there, and can continue when there is one.
    pub(super) fn follow(&self, way: &mut Way) -> Result<Option<Errno>, Errno> {
        while let Some(name) = way.ahead.pop() {
            if name == b".." {
                way.here = way.here.parent().unwrap_or_default();
                continue;
            }
            let next = way.here.join(&name).map_err(|_| Errno::INVAL)?;
            let obstacle = match self.look(&next)? {
                Some(Found::File { link: Some(target), .. }) => {
                    way.turn(&target)?;
                    continue;
                }
                Some(Found::Directory(_)) => None,
                Some(Found::File { link: None, .. }) => Some(Errno::NOTDIR),
                None => Some(Errno::NOENT),
            };
            way.here = next;
            if obstacle.is_some() {
                return Ok(obstacle);
            }
        }
        Ok(None)
    }

    /// What is at a path that leads through directories alone.
    fn look(&self, path: &EntryPath) -> Result<Option<Found>, Errno> {
        match self.below.lower.look_in(self.root, path)? {
            InLayer::Found(found) => Ok(Some(found)),
            InLayer::Gone => Ok(None),
            InLayer::Nothing => self.below.look(path),
        }
    }
}

/// A way that leads through links.
pub(super) struct Way {
    /// How far it is gone, without links.
    pub(super) here: EntryPath,
    /// The names that are ahead, the next one last.
    ahead: Vec<Vec<u8>>,
    links: usize,
}

impl Way {
    pub(super) fn new(path: &[u8]) -> Self {
        let mut way = Self { here: EntryPath::ROOT, ahead: Vec::new(), links: 0 };
        push(&mut way.ahead, path);
        way
    }

    fn turn(&mut self, target: &[u8]) -> Result<(), Errno> {
        self.links += 1;
        if self.links > LINKS {
            return Err(Errno::LOOP);
        }
        if target.starts_with(b"/") {
            self.here = EntryPath::ROOT;
        }
        push(&mut self.ahead, target);
        Ok(())
    }
}
