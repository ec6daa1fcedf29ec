//! One layer in the form of an overlay: what it hides is recorded as devices and attributes.

use std::collections::BTreeMap;
use std::os::fd::{AsFd, OwnedFd};
use std::rc::Rc;

use oci_image::layer::{Change, Device, EntryPath};
use rustix::fs::{FileType, Mode, fstat, makedev, mkdirat, mknodat, openat};
use rustix::io::Errno;

use super::directories::Directories;
use super::error::UnpackError;
use super::lower::{Lower, has, opaque_name};
use super::parents::{Missing, Parent, Parents};
use super::view::{Below, Cover, Covered, View, Way};
use crate::root::{Attributes, DIRECTORY, Id, Root, Target};

type Xattrs = BTreeMap<Vec<u8>, Vec<u8>>;

/// The form of the layer that is unpacked.
pub(super) struct Form {
    lower: Lower,
    /// What the layer hides. It is put down last, when all that hides it otherwise is there.
    covered: Covered,
    /// The directory of the last marker, if there are no links on the way to it.
    straight: Option<EntryPath>,
}

impl Form {
    pub(super) fn new(lower: Lower) -> Self {
        Self { lower, covered: Covered::default(), straight: None }
    }

    /// The layer makes something, which may take the place of what ways lead through.
    pub(super) fn makes(&mut self) {
        self.straight = None;
    }

    /// The layer hides something, at a path that links may be on.
    pub(super) fn hides(&mut self, root: &Root, marker: &Change) -> Result<(), Errno> {
        let directory = marker.path().parent();
        let path = match directory.is_some() && directory == self.straight {
            true => Ok(marker.path().clone()),
            false => self.view(root).physical(marker.path()),
        };
        self.straight = directory.filter(|_| path.as_ref() == Ok(marker.path()));
        match path {
            Ok(path) if matches!(marker, Change::Opaque(_)) => self.cover(Cover::Inside(path)),
            Ok(path) => self.cover(Cover::Whole(path)),
            // There is nothing to hide.
            Err(Errno::NOENT | Errno::NOTDIR | Errno::LOOP) => {}
            Err(error) => return Err(error),
        }
        Ok(())
    }

    /// What the layer has at a path takes the place of another thing: if it is a directory, it is not
    /// the one below.
    pub(super) fn replaces(&mut self, physical: EntryPath) {
        self.cover(Cover::Whole(physical));
    }

    fn cover(&mut self, cover: Cover) {
        // The first layer hides nothing.
        if !self.lower.layers.is_empty() {
            self.covered.add(cover);
        }
    }

    /// Takes out what the overlay would take for its own, and gives it escaped.
    pub(super) fn take_own(&self, xattrs: &mut Xattrs) -> Xattrs {
        let prefix = self.lower.overlay.prefix().as_bytes();
        let mut own = Xattrs::new();
        xattrs.retain(|name, value| match name.strip_prefix(prefix) {
            Some(rest) => {
                own.insert([prefix, b"overlay.", rest].concat(), std::mem::take(value));
                false
            }
            None => true,
        });
        own
    }

    /// The directory that holds what a hard link leads to, in this layer or in one below, and the way
    /// to it without links.
    ///
    /// All layers are on one filesystem and none is ever changed, so what another one has is linked as
    /// well as what this one has, and an overlay shows one file by all its names.
    pub(super) fn holder(
        &self,
        root: &Root,
        target: &EntryPath,
    ) -> Result<(OwnedFd, EntryPath), Errno> {
        self.view(root).holder(target)
    }

    /// The directory that something is made in. What is on the way below is made as it is there, and
    /// what is nowhere, or is not a directory, with the attributes of an `unnamed` one.
    pub(super) fn parent(
        &mut self,
        root: &Root,
        parents: &mut Parents,
        directories: &mut Directories,
        path: &[u8],
        unnamed: &Attributes,
    ) -> Result<Rc<Parent>, Errno> {
        let mut way = Way::new(path);
        while let Some(obstacle) = self.view(root).follow(&mut way)? {
            let (directory, name) = way.here.split().ok_or(Errno::NOTDIR)?;
            let missing = Missing::Copy(self.below());
            let parent = parents.find(root, directories, directory, missing)?;
            if obstacle == Errno::NOTDIR {
                self.replaces(way.here.clone());
                root.remove(parent.as_fd(), name, &())?;
            }
            mkdirat(&parent, name, Mode::RWXU)?;
            let made = openat(&parent, name, DIRECTORY, Mode::empty())?;
            directories.set(Id::from(&fstat(&made)?), &way.here, unnamed.clone());
        }
        parents.find(root, directories, way.here.as_bytes(), Missing::Copy(self.below()))
    }

    /// What the layers below show of what this one has not hidden so far.
    fn below(&self) -> Below<'_> {
        Below { lower: &self.lower, covered: &self.covered }
    }

    fn view<'a>(&'a self, root: &'a Root) -> View<'a> {
        View { root, below: self.below() }
    }

    /// Puts down what the layer hides.
    pub(super) fn hide(
        &self,
        root: &Root,
        parents: &mut Parents,
        directories: &mut Directories,
    ) -> Result<(), UnpackError> {
        let (below, beneath) = (self.below(), None);
        let mut place = Place { root, parents, directories, below, beneath };
        for cover in self.covered.all() {
            place.directories.make_room(root, place.parents)?;
            let (path, done) = match cover {
                Cover::Whole(path) => (path, place.whiteout(path)),
                Cover::Inside(path) => (path, place.opaque(path)),
            };
            match done {
                // There is nothing to hide.
                Ok(()) | Err(Errno::NOENT | Errno::NOTDIR) => {}
                Err(error) => return Err(UnpackError::file("hide", path, error)),
            }
        }
        Ok(())
    }
}

/// Where markers are put down.
struct Place<'a> {
    root: &'a Root,
    parents: &'a mut Parents,
    directories: &'a mut Directories,
    below: Below<'a>,
    /// The directories of the layers below that are to be seen at the last path.
    beneath: Option<(EntryPath, Vec<OwnedFd>)>,
}

impl Place<'_> {
    fn parent(&mut self, path: &[u8]) -> Result<Rc<Parent>, Errno> {
        let missing = Missing::Copy(self.below);
        self.parents.find(self.root, self.directories, path, missing)
    }

    fn whiteout(&mut self, path: &EntryPath) -> Result<(), Errno> {
        let Some((directory, name)) = path.split() else { return Ok(()) };
        let parent = self.parent(directory)?;
        // A marker that hides nothing would be seen in a directory that no other layer has.
        if !has(self.beneath(&parent.physical)?, name)? {
            return Ok(());
        }
        let device = makedev(WHITEOUT.major, WHITEOUT.minor);
        match mknodat(&parent, name, FileType::CharacterDevice, Mode::empty(), device) {
            Err(Errno::EXIST) => self.opaque(path),
            result => result,
        }
    }

    /// The directories of the layers below that are to be seen at a path. All that hides them is put
    /// down before what is in them.
    fn beneath(&mut self, path: &EntryPath) -> Result<&[OwnedFd], Errno> {
        let beneath = match self.beneath.take() {
            Some((of, beneath)) if of == *path => beneath,
            _ => self.below.lower.beneath(self.root, path)?,
        };
        Ok(&self.beneath.insert((path.clone(), beneath)).1)
    }

    /// Makes a directory hide what is below it. What is not a directory does that anyway.
    fn opaque(&mut self, path: &EntryPath) -> Result<(), Errno> {
        let directory = self.parent(path.as_bytes())?;
        let name = opaque_name(self.below.lower.overlay);
        Target::open(&directory).set_xattr(&name, OPAQUE)?;
        self.directories.mark(directory.id, name, OPAQUE.to_vec());
        Ok(())
    }
}

/// The value by which a directory hides what is below it.
const OPAQUE: &[u8] = b"y";

/// What an overlay takes for a whiteout.
const WHITEOUT: Device = Device { major: 0, minor: 0 };

/// Whether an overlay takes a character device for a whiteout.
pub(super) fn is_whiteout(device: Device) -> bool {
    device == WHITEOUT
}
