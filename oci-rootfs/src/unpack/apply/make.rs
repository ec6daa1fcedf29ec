//! Files of every kind, made in the place of whatever was there.

use std::io::Read;
use std::os::fd::{AsFd, OwnedFd};
use std::rc::Rc;

use oci_image::layer::{Device, EntryPath, OverlayError, Reader};
use rustix::fs::{
    AtFlags, FileType, Mode, OFlags, Stat, fstat, linkat, makedev, mkdirat, mknodat, openat,
    statat, symlinkat,
};
use rustix::io::{Errno, fcntl_dupfd_cloexec};

use super::{Applier, Place};
use crate::root::{Attributes, Id, Target};
use crate::unpack::Devices;
use crate::unpack::error::{Reason, UnpackError};
use crate::unpack::form::is_whiteout;
use crate::unpack::parents::{Missing, Parent};
use crate::unpack::sparse::Sparse;

/// How often an operation is retried that another process undoes.
const ATTEMPTS: usize = 16;

impl Applier<'_> {
    pub(super) fn file<R: Read>(
        &mut self,
        place: &Place<'_>,
        attributes: &Attributes,
        reader: &mut Reader<R>,
    ) -> Result<(), UnpackError> {
        let mut file = Sparse::new(std::fs::File::from(self.new_file(place, attributes)?));
        let failed =
            |source| Reason::File { action: "write".into(), path: place.path.clone(), source };
        while let Some(bytes) = reader.chunk()? {
            file.write(bytes).map_err(failed)?;
            self.done.bytes += bytes.len() as u64;
        }
        let file = file.finish().map_err(failed)?;
        self.finish_new(place, Target::open(&file), attributes, |_| true)
    }

    fn new_file(
        &mut self,
        place: &Place<'_>,
        attributes: &Attributes,
    ) -> Result<OwnedFd, UnpackError> {
        // O_EXCL: what is there already is never opened, neither a device nor the target of a link.
        let flags =
            OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        // Where the final mode can be there from the start, that saves setting it.
        let is_plain = (attributes.uid, attributes.gid) == self.own && attributes.xattrs.is_empty();
        let mode = if is_plain { attributes.mode & 0o777 } else { 0o600 };
        let mode = Mode::from_raw_mode(mode);
        self.make(place, "create the file", |place| openat(&place.parent, place.name, flags, mode))
    }

    pub(super) fn directory(
        &mut self,
        place: &Place<'_>,
        attributes: Attributes,
    ) -> Result<(), UnpackError> {
        for _ in 0..ATTEMPTS {
            match mkdirat(&place.parent, place.name, Mode::RWXU) {
                Ok(()) | Err(Errno::EXIST) => {}
                Err(error) => return Err(place.failed("create the directory", error)),
            }
            match self.root.unlocked(place.parent.as_fd(), place.name) {
                Ok((fd, _)) => {
                    let stat = fstat(&fd).map_err(|error| place.failed("look at", error))?;
                    // The way by which it was found may lead elsewhere in the end.
                    let physical = place.parent.in_it(place.name);
                    let physical = physical.map_err(|error| place.failed("look at", error))?;
                    self.directories.set(Id::from(&stat), &physical, attributes);
                    self.parents.add(place.path.as_bytes(), physical, fd, &stat);
                    return Ok(());
                }
                Err(Errno::NOENT) => {}
                Err(Errno::NOTDIR | Errno::LOOP) => self.clear(place)?,
                Err(error) => return Err(place.failed("open the directory", error)),
            }
        }
        Err(place.failed("create the directory", Errno::EXIST))
    }

    pub(super) fn symlink(
        &mut self,
        place: &Place<'_>,
        target: &[u8],
        attributes: &Attributes,
    ) -> Result<(), UnpackError> {
        self.make(place, "create the symbolic link", |place| {
            symlinkat(target, &place.parent, place.name)
        })?;
        let is_link = |stat: &Stat| FileType::from_raw_mode(stat.st_mode) == FileType::Symlink;
        self.finish_node(place, attributes, is_link)
    }

    pub(super) fn hardlink(
        &mut self,
        place: &Place<'_>,
        target: &EntryPath,
    ) -> Result<(), UnpackError> {
        let action = format!("link `{target}` to");
        let failed = |error| place.failed(&action, error);
        let (_, name) = target.split().ok_or_else(|| failed(Errno::ISDIR))?;
        let source = self.link_source(place, target).map_err(failed)?;
        let flags = AtFlags::SYMLINK_NOFOLLOW;
        let old = || match statat(&source, name, flags) {
            Ok(stat) if FileType::from_raw_mode(stat.st_mode) == FileType::Directory => {
                Err(failed(Errno::ISDIR))
            }
            result => result.map(|stat| Id::from(&stat)).map_err(failed),
        };
        let new = || statat(&place.parent, place.name, flags).map(|stat| Id::from(&stat));
        for _ in 0..ATTEMPTS {
            // Without AT_SYMLINK_FOLLOW a symbolic link is linked itself, not what it leads to.
            match linkat(&source, name, &place.parent, place.name, AtFlags::empty()) {
                Ok(()) => return Ok(()),
                Err(Errno::EXIST) if old()? == new().map_err(failed)? => return Ok(()),
                Err(Errno::EXIST) => self.clear(place)?,
                // linkat(2) says EPERM of a directory, and of more.
                Err(Errno::PERM) => return old().and(Err(failed(Errno::PERM))),
                Err(error) => return Err(failed(error)),
            }
        }
        Err(failed(Errno::EXIST))
    }

    /// The directory that holds what a hard link leads to: of this layer, or in the form of an overlay
    /// also of one below.
    fn link_source(&mut self, place: &Place<'_>, target: &EntryPath) -> Result<OwnedFd, Errno> {
        let (directory, name) = target.split().ok_or(Errno::ISDIR)?;
        let parent = self.parents.find(self.root, &mut self.directories, directory, Missing::Fail);
        let is_there =
            |parent: &Rc<Parent>| statat(parent.as_fd(), name, AtFlags::SYMLINK_NOFOLLOW).is_ok();
        match &self.form {
            Some(form) if !parent.as_ref().is_ok_and(is_there) => {
                let (holder, physical) = form.holder(self.root, target)?;
                let replaced = place.parent.in_it(place.name)?;
                // What is replaced must not hold what is linked to.
                match physical != replaced && physical.starts_with(&replaced) {
                    true => Err(Errno::NOENT),
                    false => Ok(holder),
                }
            }
            _ => fcntl_dupfd_cloexec(parent?.as_fd(), 0),
        }
    }

    pub(super) fn device(
        &mut self,
        place: &Place<'_>,
        kind: FileType,
        device: Device,
        attributes: &Attributes,
    ) -> Result<(), UnpackError> {
        if device.major > 0xfff || device.minor > 0xf_ffff {
            let device = device.to_string();
            return Err(Reason::DeviceNumber { path: place.path.clone(), device }.into());
        }
        if self.form.is_some() && kind == FileType::CharacterDevice && is_whiteout(device) {
            return Err(Reason::Overlay(OverlayError::Device(place.path.clone())).into());
        }
        match self.options.devices {
            Devices::Make => {
                self.node(place, kind, makedev(device.major, device.minor), attributes)
            }
            Devices::Placeholder => {
                self.done.devices_left_out += 1;
                let file = self.new_file(place, attributes)?;
                self.finish_new(place, Target::open(&file), attributes, |_| true)
            }
            Devices::Skip => {
                self.done.devices_left_out += 1;
                self.clear(place)
            }
        }
    }

    pub(super) fn node(
        &mut self,
        place: &Place<'_>,
        kind: FileType,
        device: u64,
        attributes: &Attributes,
    ) -> Result<(), UnpackError> {
        let mode = Mode::from_raw_mode(0o600);
        self.make(place, "create the device or pipe", |place| {
            mknodat(&place.parent, place.name, kind, mode, device)
        })?;
        self.finish_node(place, attributes, |stat| {
            FileType::from_raw_mode(stat.st_mode) == kind && stat.st_rdev == device
        })
    }

    /// Gives a link, device or pipe its attributes.
    fn finish_node(
        &mut self,
        place: &Place<'_>,
        attributes: &Attributes,
        is_ours: impl Fn(&Stat) -> bool,
    ) -> Result<(), UnpackError> {
        let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let fd = openat(&place.parent, place.name, flags, Mode::empty())
            .map_err(|error| place.failed("find", error))?;
        self.finish_new(place, Target::path(&fd), attributes, is_ours)
    }

    fn finish_new(
        &mut self,
        place: &Place<'_>,
        target: Target<'_>,
        attributes: &Attributes,
        is_ours: impl Fn(&Stat) -> bool,
    ) -> Result<(), UnpackError> {
        let stat = target.stat().map_err(|error| place.failed("look at", error))?;
        if !is_ours(&stat) {
            // Another process put something else in its place.
            return Err(place.failed("find", Errno::STALE));
        }
        self.done.xattrs_left_out += attributes
            .apply(self.root, target, &stat, place.parent.has_default_acl)
            .map_err(|(step, error)| place.failed(&step.to_string(), error))?;
        Ok(())
    }

    /// Makes something, in the place of what was there.
    fn make<T>(
        &mut self,
        place: &Place<'_>,
        action: &str,
        make: impl Fn(&Place<'_>) -> Result<T, Errno>,
    ) -> Result<T, UnpackError> {
        for _ in 0..ATTEMPTS {
            match make(place) {
                Err(Errno::EXIST) => self.clear(place)?,
                result => return result.map_err(|error| place.failed(action, error)),
            }
        }
        Err(place.failed(action, Errno::EXIST))
    }

    /// Removes whatever is there.
    fn clear(&mut self, place: &Place<'_>) -> Result<(), UnpackError> {
        let stat = statat(&place.parent, place.name, AtFlags::SYMLINK_NOFOLLOW);
        let is_file = |stat: &Stat| FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile;
        if !stat.as_ref().is_ok_and(is_file) {
            // Ways may lead through it.
            self.parents.forget();
        }
        if let Some(Some(folding)) = &mut self.folding {
            folding.forget();
        }
        if let Some(form) = &mut self.form {
            // A directory that is made again is not the one below.
            let physical = place.parent.in_it(place.name);
            let physical = physical.map_err(|error| place.failed("remove", error))?;
            form.replaces(physical);
        }
        self.root
            .remove(place.parent.as_fd(), place.name, &())
            .map_err(|error| place.failed("remove", error))
    }
}
