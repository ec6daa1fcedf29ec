//! One layer in the form of an overlay: what it hides stands in it as devices and attributes.

use std::collections::BTreeMap;

use oci_image::layer::{Change, Device, EntryPath};
use rustix::fs::{FileType, Mode, fstat, makedev, mknodat};
use rustix::io::Errno;

use super::apply::split;
use super::directories::Directories;
use super::error::UnpackError;
use super::lower::{Lower, opaque_name};
use super::parents::{Missing, Parents};
use crate::root::{Id, Root, Target};

type Xattrs = BTreeMap<Vec<u8>, Vec<u8>>;

/// The form of the layer that is unpacked.
pub(super) struct Form {
    pub(super) lower: Lower,
    /// What the layer hides. It is put down last, when all that hides it otherwise is there.
    hidden: Vec<Change>,
}

impl Form {
    pub(super) fn new(lower: Lower) -> Self {
        Self { lower, hidden: Vec::new() }
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

    /// Puts down what the layer hides.
    pub(super) fn hide(
        self,
        root: &Root,
        parents: &mut Parents,
        directories: &mut Directories,
    ) -> Result<(), UnpackError> {
        let mut place = Place { root, parents, directories, lower: &self.lower };
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
    lower: &'a Lower,
}

impl Place<'_> {
    fn whiteout(&mut self, path: &EntryPath) -> Result<(), Errno> {
        let Some((directory, name)) = split(path) else { return Ok(()) };
        let missing = Missing::Copy(self.lower);
        let parent = self.parents.find(self.root, self.directories, directory, missing)?;
        let device = makedev(WHITEOUT.major, WHITEOUT.minor);
        match mknodat(&parent, name, FileType::CharacterDevice, Mode::empty(), device) {
            Err(Errno::EXIST) => self.opaque(path),
            result => result,
        }
    }

    /// Makes a directory hide what is below it. What is no directory does that anyway.
    fn opaque(&mut self, path: &EntryPath) -> Result<(), Errno> {
        let missing = Missing::Copy(self.lower);
        let fd = match split(path) {
            None => self.root.physical_directory(b"")?,
            Some(_) => {
                self.parents.find(self.root, self.directories, path.as_bytes(), missing)?;
                match self.root.physical_directory(path.as_bytes()) {
                    Err(Errno::LOOP) => return Ok(()),
                    result => result?,
                }
            }
        };
        let name = opaque_name(self.lower.overlay);
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
