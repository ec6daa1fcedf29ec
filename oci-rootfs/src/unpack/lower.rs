//! The layers below the one that is unpacked, each a directory in the form of an overlay.

use std::os::fd::OwnedFd;

use oci_image::layer::{EntryPath, Overlay};
use rustix::fs::{AtFlags, FileType, Mode, OFlags, Stat, fstat, openat, readlinkat, statat};
use rustix::io::Errno;

use crate::root::{Attributes, DIRECTORY, Root, Target, is_hosts_own, times};

/// A stack of layers, the top one first.
pub(super) struct Lower {
    pub(super) layers: Vec<Root>,
    pub(super) overlay: Overlay,
}

/// What is at a path of the stack.
pub(super) enum Found {
    Directory(Attributes),
    /// Anything else, in this directory; of a symbolic link also its text.
    File {
        directory: OwnedFd,
        link: Option<Vec<u8>>,
    },
}

/// What one layer says of a path.
pub(super) enum InLayer {
    Found(Found),
    Gone,
    /// Layers below are merged with it.
    Nothing,
}

impl Lower {
    /// What an overlay of these layers has at a path that leads through directories alone.
    pub(super) fn look(&self, path: &EntryPath) -> Result<Option<Found>, Errno> {
        for layer in &self.layers {
            match self.look_in(layer, path)? {
                InLayer::Found(found) => return Ok(Some(found)),
                InLayer::Gone => return Ok(None),
                InLayer::Nothing => {}
            }
        }
        Ok(None)
    }

    /// What one layer in this form says of a path that leads through directories alone.
    pub(super) fn look_in(&self, layer: &Root, path: &EntryPath) -> Result<InLayer, Errno> {
        let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let mut here = layer.physical_directory(b"")?;
        let mut stat = fstat(&here)?;
        let mut names = path.components().peekable();
        let mut is_opaque = false;
        while let Some(name) = names.next() {
            is_opaque |= is_marked(&here, self.overlay)?;
            let directory = match openat(&here, name, flags, Mode::empty()) {
                Ok(fd) => std::mem::replace(&mut here, fd),
                Err(Errno::NOENT) if is_opaque => return Ok(InLayer::Gone),
                Err(Errno::NOENT) => return Ok(InLayer::Nothing),
                Err(error) => return Err(error),
            };
            stat = fstat(&here)?;
            let is_last = names.peek().is_none();
            match FileType::from_raw_mode(stat.st_mode) {
                FileType::Directory => {}
                FileType::CharacterDevice if stat.st_rdev == 0 => return Ok(InLayer::Gone),
                _ if !is_last => return Ok(InLayer::Gone),
                kind => {
                    let link = match kind {
                        FileType::Symlink => Some(readlinkat(&here, "", Vec::new())?.into_bytes()),
                        _ => None,
                    };
                    return Ok(InLayer::Found(Found::File { directory, link }));
                }
            }
        }
        self.attributes(&here, &stat).map(|attributes| InLayer::Found(Found::Directory(attributes)))
    }

    /// The directories at a path that a `layer` on top lets show, the top one first. The path leads
    /// through directories alone.
    pub(super) fn beneath(&self, layer: &Root, path: &EntryPath) -> Result<Vec<OwnedFd>, Errno> {
        let mut beneath = Vec::new();
        for (index, layer) in std::iter::once(layer).chain(&self.layers).enumerate() {
            let (found, hides) = self.descend(layer, path)?;
            // Nothing is above what is in the layer on top.
            beneath.extend(found.filter(|_| index > 0));
            if hides {
                break;
            }
        }
        Ok(beneath)
    }

    /// The directory at a path of one layer, and whether it hides those of layers below.
    fn descend(&self, layer: &Root, path: &EntryPath) -> Result<(Option<OwnedFd>, bool), Errno> {
        let mut here = layer.physical_directory(b"")?;
        let mut is_opaque = is_marked(&here, self.overlay)?;
        for name in path.components() {
            here = match openat(&here, name, DIRECTORY.union(OFlags::PATH), Mode::empty()) {
                Ok(fd) => fd,
                Err(Errno::NOENT) => return Ok((None, is_opaque)),
                Err(Errno::NOTDIR | Errno::LOOP) => return Ok((None, true)),
                Err(error) => return Err(error),
            };
            is_opaque |= is_marked(&here, self.overlay)?;
        }
        Ok((Some(here), is_opaque))
    }

    /// Those of a directory, but that it hides what is below it.
    fn attributes(&self, directory: &OwnedFd, stat: &Stat) -> Result<Attributes, Errno> {
        let target = Target::path(directory);
        let opaque = opaque_name(self.overlay);
        let mut attributes = Attributes {
            mode: stat.st_mode & 0o7777,
            uid: stat.st_uid,
            gid: stat.st_gid,
            mtime: times(stat).1,
            xattrs: Default::default(),
            is_lenient: false,
        };
        let names = match target.xattrs() {
            Err(Errno::NOTSUP) => Vec::new(),
            result => result?,
        };
        for name in names.into_iter().filter(|name| !is_hosts_own(name) && *name != opaque) {
            let value = target.xattr(&name)?;
            attributes.xattrs.insert(name, value);
        }
        Ok(attributes)
    }
}

/// The name of the attribute by which a directory hides what is below it.
pub(super) fn opaque_name(overlay: Overlay) -> Vec<u8> {
    format!("{}opaque", overlay.prefix()).into_bytes()
}

/// Whether a directory hides what is below it.
pub(super) fn is_marked(directory: &OwnedFd, overlay: Overlay) -> Result<bool, Errno> {
    match Target::path(directory).xattr(&opaque_name(overlay)) {
        Ok(value) => Ok(value == b"y"),
        Err(Errno::NODATA | Errno::NOTSUP) => Ok(false),
        Err(error) => Err(error),
    }
}

/// Whether the first of these directories that says something of a name has it.
pub(super) fn has(directories: &[OwnedFd], name: &[u8]) -> Result<bool, Errno> {
    for directory in directories {
        match statat(directory, name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(stat) => {
                let kind = FileType::from_raw_mode(stat.st_mode);
                return Ok(kind != FileType::CharacterDevice || stat.st_rdev != 0);
            }
            Err(Errno::NOENT) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(false)
}
