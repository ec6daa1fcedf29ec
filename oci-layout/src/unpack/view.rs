//! What an overlay of a layer, as far as it is unpacked, and those below it shows.

use std::collections::HashSet;
use std::os::fd::OwnedFd;

use oci_image::layer::{Change, EntryPath};
use rustix::io::Errno;

use super::apply::split;
use super::lower::{Found, Lower, Says};
use super::parents::{LINKS, push};
use crate::root::Root;

/// What a layer has hidden so far.
#[derive(Default)]
pub(super) struct Covered {
    /// How many of the layer's markers are among these.
    markers: usize,
    /// The paths at which nothing below is seen, and with a slash at their ends those in which.
    paths: HashSet<Vec<u8>>,
}

impl Covered {
    /// Learns of those markers of a layer that are new.
    pub(super) fn add(
        &mut self,
        root: &Root,
        lower: &Lower,
        markers: &[Change],
    ) -> Result<(), Errno> {
        for marker in markers.iter().skip(self.markers) {
            let view = View { root, below: Below { lower, covered: self } };
            match view.physical(marker.path()) {
                Ok(path) => {
                    let slash: &[u8] = if matches!(marker, Change::Opaque(_)) { b"/" } else { b"" };
                    self.paths.insert([path.as_bytes(), slash].concat());
                }
                // There is nothing to hide.
                Err(Errno::NOENT | Errno::NOTDIR | Errno::LOOP) => {}
                Err(error) => return Err(error),
            }
        }
        self.markers = markers.len();
        Ok(())
    }

    fn has(&self, path: &EntryPath) -> bool {
        let whole = path.as_bytes();
        let slashes = whole.iter().enumerate().filter(|(_, byte)| **byte == b'/');
        let mut ways = slashes.flat_map(|(at, _)| [&whole[..at], &whole[..=at]]);
        [b"/", whole].into_iter().chain(&mut ways).any(|way| self.paths.contains(way))
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
    /// The directory of a layer that holds what is at a path, which is no directory itself.
    ///
    /// Links on the way are followed, the last name is not.
    pub(super) fn holder(&self, path: &EntryPath) -> Result<OwnedFd, Errno> {
        match self.look(&self.physical(path)?)? {
            None => Err(Errno::NOENT),
            Some(Found::Directory(_)) => Err(Errno::ISDIR),
            Some(Found::File { directory, .. }) => Ok(directory),
        }
    }

    /// The way to a path that has no links but at its end, where nothing has to be.
    fn physical(&self, path: &EntryPath) -> Result<EntryPath, Errno> {
        let Some((directory, name)) = split(path) else { return Ok(EntryPath::ROOT) };
        let mut here = EntryPath::ROOT;
        let mut ahead = Vec::new();
        push(&mut ahead, directory);
        let mut links = 0;
        while let Some(name) = ahead.pop() {
            if name == b".." {
                here = here.parent().unwrap_or_default();
                continue;
            }
            let next = here.join(&name).map_err(|_| Errno::INVAL)?;
            match self.look(&next)? {
                None => return Err(Errno::NOENT),
                Some(Found::Directory(_)) => here = next,
                Some(Found::File { link: None, .. }) => return Err(Errno::NOTDIR),
                Some(Found::File { link: Some(target), .. }) => {
                    links += 1;
                    if links > LINKS {
                        return Err(Errno::LOOP);
                    }
                    if target.starts_with(b"/") {
                        here = EntryPath::ROOT;
                    }
                    push(&mut ahead, &target);
                }
            }
        }
        here.join(name).map_err(|_| Errno::INVAL)
    }

    /// What is at a path that leads through directories alone.
    fn look(&self, path: &EntryPath) -> Result<Option<Found>, Errno> {
        match self.below.lower.look_in(self.root, path)? {
            Says::Found(found) => Ok(Some(found)),
            Says::Gone => Ok(None),
            Says::Nothing => self.below.look(path),
        }
    }
}
