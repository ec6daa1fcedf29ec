//! Changes, applied to a tree.

use std::io::{Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::rc::Rc;

use oci_image::layer::{Change, Device, Entry, EntryPath, Kind, Metadata, OverlayError, Reader};
use rustix::fs::{
    AtFlags, FileType, Mode, OFlags, Stat, fstat, linkat, makedev, mkdirat, mknodat, openat,
    statat, symlinkat,
};
use rustix::io::Errno;

use super::directories::Directories;
use super::error::{Reason, UnpackError};
use super::form::{Form, is_whiteout};
use super::lower::{Found, Lower};
use super::owner::{IdRange, ROOTLESS_XATTR, encode_rootless};
use super::parents::{Missing, Parent, Parents};
use super::upper::Upper;
use super::{Devices, Owners, UnpackOptions, Unpacked, Xattrs};
use crate::root::{Attributes, DIRECTORY, Id, Kept, Root, Target};

/// How often something is tried again that someone else undoes.
const ATTEMPTS: usize = 16;

/// Applies changes to a tree.
pub(super) struct Applier<'a> {
    root: &'a Root,
    root_id: Id,
    options: &'a UnpackOptions,
    parents: Parents,
    directories: Directories,
    /// What the current layer has made; `None` if there is nothing below it.
    upper: Option<Upper>,
    /// Who new files belong to.
    own: (u32, u32),
    unnamed: Attributes,
    form: Option<Form>,
    done: Unpacked,
}

impl<'a> Applier<'a> {
    /// Applies changes to `root`, of which the first layer finds nothing below it if `is_empty`.
    pub(super) fn new(root: &'a Root, options: &'a UnpackOptions) -> Result<Self, UnpackError> {
        let path = EntryPath::ROOT;
        let stat = fstat(root).map_err(|error| UnpackError::file("look at", &path, error))?;
        let own = (rustix::process::geteuid().as_raw(), rustix::process::getegid().as_raw());
        let mut applier = Self {
            root,
            root_id: Id::from(&stat),
            options,
            parents: Parents::default(),
            directories: Directories::default(),
            upper: None,
            own,
            unnamed: Attributes::of_unnamed_directory(own.0, own.1),
            form: None,
            done: Unpacked::default(),
        };
        let (uid, gid) = applier.owner(&path, 0, 0)?;
        applier.unnamed = Attributes::of_unnamed_directory(uid, gid);
        applier.directories.keep(&stat, b"", None);
        Ok(applier)
    }

    /// Another layer begins, above what is there.
    pub(super) fn begin_above(&mut self) {
        self.upper = Some(Upper::new(self.root_id));
    }

    /// Keeps the form of an overlay: what is below is another directory, and stays as it is.
    pub(super) fn begin_overlay(&mut self, lower: Lower) -> Result<(), UnpackError> {
        let path = EntryPath::ROOT;
        let root = lower.look(&path).map_err(|error| UnpackError::file("look at", &path, error))?;
        if let Some(Found::Directory(attributes)) = root {
            self.directories.set(self.root_id, &path, attributes);
        }
        self.form = Some(Form::new(lower));
        Ok(())
    }

    /// Gives all directories their attributes, and takes away the mark that the tree is incomplete.
    pub(super) fn finish(mut self) -> Result<Unpacked, UnpackError> {
        if let Some(form) = self.form.take() {
            form.hide(self.root, &mut self.parents, &mut self.directories)?;
        }
        self.parents.forget();
        self.directories.finish(self.root)?;
        self.root.end().map_err(|source| Reason::Root {
            path: self.root.path().display().to_string(),
            source,
        })?;
        self.directories.finish_root(self.root)?;
        Ok(self.done)
    }

    /// Applies a change; `reader` yields the content of a regular file.
    pub(super) fn apply<R: Read>(
        &mut self,
        change: &Change,
        reader: &mut Reader<R>,
    ) -> Result<(), UnpackError> {
        self.done.changes += 1;
        match (change, &mut self.form) {
            (Change::Upsert(entry), _) => self.upsert(entry, reader),
            (marker, Some(form)) => {
                form.later(marker.clone());
                Ok(())
            }
            (Change::Whiteout(path), None) => self.whiteout(path),
            (Change::Opaque(path), None) => self.opaque(path),
        }
    }

    fn upsert<R: Read>(
        &mut self,
        entry: &Entry,
        reader: &mut Reader<R>,
    ) -> Result<(), UnpackError> {
        let path = &entry.path;
        let attributes = self.attributes(path, &entry.metadata)?;
        let Some((directory, name)) = split(path) else {
            self.directories.set(self.root_id, path, attributes);
            return Ok(());
        };
        let lower = self.form.as_ref().map(|form| &form.lower);
        let missing = Missing::Make(&self.unnamed, lower);
        let parent = self
            .parents
            .find(self.root, &mut self.directories, directory, missing)
            .map_err(|error| UnpackError::file("open the directory of", path, error))?;
        if let Some(upper) = &mut self.upper {
            upper.insert(parent.id, name);
        }
        let place = Place { path, parent, name };
        match &entry.kind {
            Kind::File { .. } => self.file(&place, &attributes, reader),
            Kind::Directory => self.directory(&place, attributes),
            Kind::Symlink { target } => self.symlink(&place, target, &attributes),
            Kind::Hardlink { target } => self.hardlink(&place, target),
            Kind::CharDevice(device) => {
                self.device(&place, FileType::CharacterDevice, *device, &attributes)
            }
            Kind::BlockDevice(device) => {
                self.device(&place, FileType::BlockDevice, *device, &attributes)
            }
            Kind::Fifo => self.node(&place, FileType::Fifo, 0, &attributes),
        }
    }

    fn file<R: Read>(
        &mut self,
        place: &Place<'_>,
        attributes: &Attributes,
        reader: &mut Reader<R>,
    ) -> Result<(), UnpackError> {
        let mut file = std::fs::File::from(self.new_file(place, attributes)?);
        while let Some(bytes) = reader.chunk()? {
            file.write_all(bytes).map_err(|source| Reason::File {
                action: "write".into(),
                path: place.path.clone(),
                source,
            })?;
            self.done.bytes += bytes.len() as u64;
        }
        self.finish_new(place, Target::open(&file), attributes, |_| true)
    }

    fn new_file(
        &mut self,
        place: &Place<'_>,
        attributes: &Attributes,
    ) -> Result<OwnedFd, UnpackError> {
        let flags =
            OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        // Where the final mode can be there from the start, that saves setting it.
        let is_plain = (attributes.uid, attributes.gid) == self.own && attributes.xattrs.is_empty();
        let mode = if is_plain { attributes.mode & 0o777 } else { 0o600 };
        let mode = Mode::from_raw_mode(mode);
        self.make(place, "create the file", |place| openat(&place.parent, place.name, flags, mode))
    }

    fn directory(&mut self, place: &Place<'_>, attributes: Attributes) -> Result<(), UnpackError> {
        for _ in 0..ATTEMPTS {
            match mkdirat(&place.parent, place.name, Mode::RWXU) {
                Ok(()) | Err(Errno::EXIST) => {}
                Err(error) => return Err(place.failed("create the directory", error)),
            }
            match self.root.unlocked(place.parent.as_fd(), place.name) {
                Ok((fd, _)) => {
                    let stat = fstat(&fd).map_err(|error| place.failed("look at", error))?;
                    // The way by which it was found may lead elsewhere in the end.
                    let physical = place.parent.physical.join(place.name);
                    let physical = physical.map_err(|_| place.failed("look at", Errno::INVAL))?;
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

    fn symlink(
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

    fn hardlink(&mut self, place: &Place<'_>, target: &EntryPath) -> Result<(), UnpackError> {
        let action = format!("link `{target}` to");
        let failed = |error| place.failed(&action, error);
        let (directory, name) = split(target).ok_or_else(|| failed(Errno::ISDIR))?;
        let holder = self
            .parents
            .find(self.root, &mut self.directories, directory, Missing::Fail)
            .map_err(failed)?;
        let is_done = || {
            let flags = AtFlags::SYMLINK_NOFOLLOW;
            let old = statat(&holder, name, flags).map_err(failed)?;
            let new = statat(&place.parent, place.name, flags).map_err(failed)?;
            Ok::<_, UnpackError>(Id::from(&old) == Id::from(&new))
        };
        for _ in 0..ATTEMPTS {
            match linkat(&holder, name, &place.parent, place.name, AtFlags::empty()) {
                Ok(()) => return Ok(()),
                Err(Errno::EXIST) if is_done()? => return Ok(()),
                Err(Errno::EXIST) => self.clear(place)?,
                Err(error) => return Err(failed(error)),
            }
        }
        Err(failed(Errno::EXIST))
    }

    fn device(
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
                if let Some(form) = &mut self.form {
                    form.later(Change::Whiteout(place.path.clone()));
                }
                self.clear(place)
            }
        }
    }

    fn node(
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
        &self,
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
        &self,
        place: &Place<'_>,
        target: Target<'_>,
        attributes: &Attributes,
        is_ours: impl Fn(&Stat) -> bool,
    ) -> Result<(), UnpackError> {
        let stat = target.stat().map_err(|error| place.failed("look at", error))?;
        if !is_ours(&stat) {
            // Someone put something else in its place.
            return Err(place.failed("find", Errno::STALE));
        }
        attributes
            .apply(self.root, target, &stat, place.parent.has_default_acl)
            .map_err(|(step, error)| place.failed(&step.to_string(), error))
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
        self.root
            .remove(place.parent.as_fd(), place.name, &())
            .map_err(|error| place.failed("remove", error))
    }

    fn whiteout(&mut self, path: &EntryPath) -> Result<(), UnpackError> {
        let Some(upper) = &self.upper else { return Ok(()) };
        let Some((directory, name)) = split(path) else { return Ok(()) };
        let failed = |error| UnpackError::file("remove", path, error);
        let parent = self.parents.find(self.root, &mut self.directories, directory, Missing::Fail);
        let parent = match parent {
            Err(Errno::NOENT | Errno::NOTDIR) => return Ok(()),
            result => result.map_err(failed)?,
        };
        if upper.keeps(parent.id, name) {
            return self.opaque(path);
        }
        self.root.remove(parent.as_fd(), name, upper).map_err(failed)?;
        self.parents.forget();
        Ok(())
    }

    fn opaque(&mut self, path: &EntryPath) -> Result<(), UnpackError> {
        let Some(upper) = &self.upper else { return Ok(()) };
        let failed = |error| UnpackError::file("empty", path, error);
        let found = match split(path) {
            None => self.root.physical_directory(b"").map(|fd| (fd, EntryPath::ROOT)),
            Some((directory, name)) => self
                .parents
                .find(self.root, &mut self.directories, directory, Missing::Fail)
                .and_then(|parent| {
                    let physical = parent.physical.join(name).map_err(|_| Errno::INVAL)?;
                    Ok((openat(&parent, name, DIRECTORY, Mode::empty())?, physical))
                }),
        };
        let (fd, physical) = match found {
            Err(Errno::NOENT | Errno::NOTDIR | Errno::LOOP) => return Ok(()),
            result => result.map_err(failed)?,
        };
        let stat = fstat(&fd).map_err(failed)?;
        let (fd, mode) = self.root.unlock(fd).map_err(failed)?;
        self.directories.keep(&stat, physical.as_bytes(), mode);
        self.root.remove_children(fd, upper).map_err(failed)?;
        self.parents.forget();
        Ok(())
    }

    fn attributes(&self, path: &EntryPath, metadata: &Metadata) -> Result<Attributes, UnpackError> {
        let (uid, gid) = self.owner(path, metadata.uid, metadata.gid)?;
        let mut xattrs = match self.options.xattrs {
            Xattrs::Skip => Default::default(),
            _ => metadata.xattrs.clone(),
        };
        let own = self.form.as_ref().map(|form| form.take_own(&mut xattrs)).unwrap_or_default();
        xattrs.retain(|name, _| !self.options.xattr_filter.leaves_out(name));
        xattrs.extend(own);
        if self.options.owners == Owners::Caller {
            xattrs.remove(ROOTLESS_XATTR);
            if (metadata.uid, metadata.gid) != (0, 0) {
                let owner = encode_rootless(metadata.uid, metadata.gid);
                xattrs.insert(ROOTLESS_XATTR.to_vec(), owner);
            }
        }
        let is_lenient = self.options.xattrs != Xattrs::All;
        Ok(Attributes { mode: metadata.mode, uid, gid, mtime: metadata.mtime, xattrs, is_lenient })
    }

    fn owner(&self, path: &EntryPath, uid: u32, gid: u32) -> Result<(u32, u32), UnpackError> {
        let map = |ranges: &[IdRange], what, id| {
            ranges.iter().find_map(|range| range.map(id)).ok_or_else(|| Reason::Unmapped {
                path: path.clone(),
                what,
                id,
            })
        };
        Ok(match &self.options.owners {
            Owners::Recorded => (uid, gid),
            Owners::Mapped { users, groups } => {
                (map(users, "user", uid)?, map(groups, "group", gid)?)
            }
            Owners::Caller => self.own,
        })
    }
}

/// Where something is made.
struct Place<'a> {
    path: &'a EntryPath,
    parent: Rc<Parent>,
    name: &'a [u8],
}

impl Place<'_> {
    fn failed(&self, action: &str, error: Errno) -> UnpackError {
        UnpackError::file(action, self.path, error)
    }
}

/// The directory and the name; `None` for the root.
pub(super) fn split(path: &EntryPath) -> Option<(&[u8], &[u8])> {
    let name = path.name()?;
    let directory = &path.as_bytes()[..path.as_bytes().len() - name.len()];
    Some((directory.strip_suffix(b"/").unwrap_or(directory), name))
}
