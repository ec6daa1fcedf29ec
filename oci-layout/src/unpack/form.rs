//! One layer in the form of an overlay: what it hides stands in it as devices and attributes.

use std::collections::BTreeMap;
use std::os::fd::OwnedFd;
use std::rc::Rc;

use oci_image::layer::{Change, Device, EntryPath};
use rustix::fs::{FileType, Mode, fstat, makedev, mknodat};
use rustix::io::Errno;

use super::apply::split;
use super::directories::Directories;
use super::error::UnpackError;
use super::lower::{Lower, Says, opaque_name};
use super::parents::{Missing, Parent, Parents};
use super::view::{Below, Covered, View};
use crate::root::{Id, Root, Target};

type Xattrs = BTreeMap<Vec<u8>, Vec<u8>>;

/// The form of the layer that is unpacked.
pub(super) struct Form {
    pub(super) lower: Lower,
    /// What the layer hides. It is put down last, when all that hides it otherwise is there.
    hidden: Vec<Change>,
    covered: Covered,
}

impl Form {
    pub(super) fn new(lower: Lower) -> Self {
        Self { lower, hidden: Vec::new(), covered: Covered::default() }
    }

    /// Remembers what the layer hides; the first layer hides nothing.
    pub(super) fn later(&mut self, marker: Change) {
        if !self.lower.layers.is_empty() {
            self.hidden.push(marker);
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

    /// The directory that holds what a hard link leads to: in this layer, or in one below.
    ///
    /// All layers are on one filesystem and none is ever changed, so what another one has is linked as
    /// well as what this one has, and an overlay shows one file by all its names.
    pub(super) fn holder(&mut self, root: &Root, target: &EntryPath) -> Result<OwnedFd, Errno> {
        let below = self.below(root)?;
        View { root, below }.holder(target)
    }

    /// What the layers below show of what this one has not hidden so far.
    pub(super) fn below(&mut self, root: &Root) -> Result<Below<'_>, Errno> {
        self.covered.add(root, &self.lower, &self.hidden)?;
        Ok(Below { lower: &self.lower, covered: &self.covered })
    }

    /// Puts down what the layer hides.
    pub(super) fn hide(
        mut self,
        root: &Root,
        parents: &mut Parents,
        directories: &mut Directories,
    ) -> Result<(), UnpackError> {
        // What hides most comes first: what it hides needs nothing then.
        self.hidden
            .sort_by_key(|marker| (marker.path().depth(), matches!(marker, Change::Opaque(_))));
        let below = Below { lower: &self.lower, covered: &self.covered };
        let mut place = Place { root, parents, directories, below };
        for marker in &self.hidden {
            let path = marker.path();
            let done = match marker {
                Change::Whiteout(_) => place.whiteout(path),
                _ => place.opaque(path),
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
}

impl Place<'_> {
    fn parent(&mut self, path: &[u8]) -> Result<Rc<Parent>, Errno> {
        let missing = Missing::Copy(self.below);
        self.parents.find(self.root, self.directories, path, missing)
    }

    fn whiteout(&mut self, path: &EntryPath) -> Result<(), Errno> {
        let Some((directory, name)) = split(path) else { return Ok(()) };
        let parent = self.parent(directory)?;
        let physical = parent.in_it(name)?;
        let lower = self.below.lower;
        // A marker that hides nothing would be seen in a directory that no other layer has.
        match lower.look_in(self.root, &physical)? {
            Says::Gone => return Ok(()),
            Says::Nothing if lower.look(&physical)?.is_none() => return Ok(()),
            _ => {}
        }
        let device = makedev(WHITEOUT.major, WHITEOUT.minor);
        match mknodat(&parent, name, FileType::CharacterDevice, Mode::empty(), device) {
            Err(Errno::EXIST) => self.opaque(path),
            result => result,
        }
    }

    /// Makes a directory hide what is below it. What is no directory does that anyway.
    fn opaque(&mut self, path: &EntryPath) -> Result<(), Errno> {
        let physical = match split(path) {
            None => EntryPath::ROOT,
            Some((directory, name)) => self.parent(directory)?.in_it(name)?,
        };
        self.parent(physical.as_bytes())?;
        let fd = match self.root.physical_directory(physical.as_bytes()) {
            Err(Errno::LOOP) => return Ok(()),
            result => result?,
        };
        let name = opaque_name(self.below.lower.overlay);
        Target::open(&fd).set_xattr(&name, OPAQUE)?;
        self.directories.mark(Id::from(&fstat(&fd)?), name, OPAQUE.to_vec());
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
