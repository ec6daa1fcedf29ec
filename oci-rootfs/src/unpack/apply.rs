//! Changes, applied to a tree.

mod make;

use std::io::Read;
use std::os::fd::AsFd;
use std::rc::Rc;

use oci_image::layer::{Change, Entry, EntryPath, Kind, Reader};
use rustix::fs::{FileType, Mode, fstat, openat};
use rustix::io::Errno;

use super::directories::Directories;
use super::error::{Reason, UnpackError};
use super::fold::Folding;
use super::form::Form;
use super::lower::{Found, Lower};
use super::owner::IdRange;
use super::parents::{Missing, Parent, Parents};
use super::upper::Upper;
use super::{Devices, Owners, UnpackOptions, Unpacked, Xattrs};
use crate::owner_xattr::OWNER_XATTRS;
use crate::root::{Attributes, DIRECTORY, Id, Kept, Root, Target};

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
    /// `None` before the first change; then what there is to know where names are folded.
    folding: Option<Option<Folding>>,
    done: Unpacked,
}

impl<'a> Applier<'a> {
    /// Applies changes to `root`, of which the first layer finds nothing below it if `is_empty`.
    pub(super) fn new(root: &'a Root, options: &'a UnpackOptions) -> Result<Self, UnpackError> {
        let path = EntryPath::ROOT;
        root.check_proc().map_err(super::root_failed(root))?;
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
            folding: None,
            done: Unpacked::default(),
        };
        let (uid, gid) = applier.owner(&path, 0, 0)?;
        applier.unnamed = Attributes::of_unnamed_directory(uid, gid);
        applier.directories.keep(&stat, b"", None);
        Ok(applier)
    }

    /// The tree is new: where no layer has an entry for the root, it has the time of other directories
    /// without an entry, so that equal layers make equal trees.
    pub(super) fn begin_new(&mut self) -> Result<(), UnpackError> {
        if matches!(self.options.owners, Owners::Mapped { .. }) {
            let (uid, gid) = (self.unnamed.uid, self.unnamed.gid);
            Target::open(self.root)
                .set_owner(uid, gid)
                .map_err(|error| UnpackError::file("set the owner of", &EntryPath::ROOT, error))?;
        }
        self.directories.new_root(self.root_id);
        Ok(())
    }

    /// Another layer begins, above what is there.
    pub(super) fn begin_above(&mut self) {
        self.upper = Some(Upper::new(self.root_id));
    }

    /// Keeps the form of an overlay: what is below is another directory, and stays as it is.
    pub(super) fn begin_overlay(&mut self, lower: Lower) -> Result<(), UnpackError> {
        let path = EntryPath::ROOT;
        let root = lower.look(&path).map_err(|error| UnpackError::file("look at", &path, error))?;
        match root {
            Some(Found::Directory(attributes)) => {
                self.directories.set(self.root_id, &path, attributes);
            }
            _ => self.begin_new()?,
        }
        self.form = Some(Form::new(lower));
        Ok(())
    }

    /// Takes the filesystem for one that folds names.
    #[cfg(test)]
    pub(super) fn fold(&mut self, folding: Folding) {
        self.folding = Some(Some(folding));
    }

    /// Gives all directories their attributes, and takes away the mark that the tree is incomplete.
    pub(super) fn finish(mut self) -> Result<Unpacked, UnpackError> {
        if let Some(form) = self.form.take() {
            self.parents.forget();
            form.hide(self.root, &mut self.parents, &mut self.directories)?;
        }
        self.directories.finish(self.root, &mut self.parents)?;
        self.root.end().map_err(|source| Reason::Root {
            path: self.root.path().display().to_string(),
            source,
        })?;
        self.done.xattrs_left_out += self.directories.finish_root(self.root)?;
        Ok(self.done)
    }

    /// What was done so far.
    pub(super) fn done(&self) -> &Unpacked {
        &self.done
    }

    /// Applies a change; `reader` yields the content of a regular file.
    pub(super) fn apply<R: Read>(
        &mut self,
        change: &Change,
        reader: &mut Reader<R>,
    ) -> Result<(), UnpackError> {
        self.done.changes += 1;
        self.directories.make_room(self.root, &mut self.parents)?;
        self.check_folding(change)?;
        match (change, &mut self.form) {
            (Change::Upsert(entry), _) => self.upsert(entry, reader),
            (marker, Some(form)) => {
                let failed = |error| UnpackError::file("hide", marker.path(), error);
                form.hides(self.root, marker).map_err(failed)
            }
            (Change::Whiteout(path), None) => self.whiteout(path),
            (Change::Opaque(path), None) => self.opaque(path),
        }
    }

    fn check_folding(&mut self, change: &Change) -> Result<(), UnpackError> {
        if self.folding.is_none() {
            let failed = |error| UnpackError::file("look at", &EntryPath::ROOT, error);
            self.folding = Some(Folding::detect(self.root).map_err(failed)?);
        }
        match (&mut self.folding, change) {
            (Some(Some(folding)), Change::Upsert(entry)) => folding.check(self.root, &entry.path),
            // What is removed may come back written in another way.
            (Some(Some(folding)), _) => {
                folding.forget();
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn upsert<R: Read>(
        &mut self,
        entry: &Entry,
        reader: &mut Reader<R>,
    ) -> Result<(), UnpackError> {
        let path = &entry.path;
        let attributes = self.attributes(entry)?;
        let Some((directory, name)) = path.split() else {
            self.directories.set(self.root_id, path, attributes);
            return Ok(());
        };
        let parent = self
            .parent(directory)
            .map_err(|error| UnpackError::file("open the directory of", path, error))?;
        if let Some(upper) = &mut self.upper {
            upper.insert(parent.id, name);
        }
        if let Some(form) = &mut self.form {
            form.makes();
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

    /// The directory that something is made in; it is made too if it is missing.
    fn parent(&mut self, path: &[u8]) -> Result<Rc<Parent>, Errno> {
        let Self { root, parents, directories, unnamed, form, .. } = self;
        let Some(form) = form else {
            return parents.find(root, directories, path, Missing::Make(unnamed));
        };
        match parents.find(root, directories, path, Missing::Fail) {
            Err(Errno::NOENT | Errno::NOTDIR | Errno::LOOP) => {
                form.parent(root, parents, directories, path, unnamed)
            }
            found => found,
        }
    }

    fn whiteout(&mut self, path: &EntryPath) -> Result<(), UnpackError> {
        let Some(upper) = &self.upper else { return Ok(()) };
        let Some((directory, name)) = path.split() else { return Ok(()) };
        let failed = |error| UnpackError::file("remove", path, error);
        let parent = self.parents.find(self.root, &mut self.directories, directory, Missing::Fail);
        let parent = match parent {
            Err(Errno::NOENT | Errno::NOTDIR | Errno::LOOP) => return Ok(()),
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
        let found = match path.split() {
            None => self.root.physical_directory(b"").map(|fd| (fd, EntryPath::ROOT)),
            Some((directory, name)) => self
                .parents
                .find(self.root, &mut self.directories, directory, Missing::Fail)
                .and_then(|parent| {
                    let physical = parent.in_it(name)?;
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

    fn attributes(&self, entry: &Entry) -> Result<Attributes, UnpackError> {
        let metadata = &entry.metadata;
        let (uid, gid) = self.owner(&entry.path, metadata.uid, metadata.gid)?;
        let mut xattrs = match self.options.xattrs {
            Xattrs::Skip => Default::default(),
            _ => metadata.xattrs.clone(),
        };
        xattrs.retain(|name, _| !self.options.xattr_filter.leaves_out(name));
        if let Some(form) = &self.form {
            let own = form.take_own(&mut xattrs);
            xattrs.extend(own);
        }
        if self.options.owners == Owners::Caller {
            xattrs.retain(|name, _| !OWNER_XATTRS.contains(&name.as_slice()));
            let is_device = matches!(entry.kind, Kind::CharDevice(_) | Kind::BlockDevice(_));
            // A device itself cannot have such an attribute.
            if !is_device || self.options.devices == Devices::Placeholder {
                let owner = self.options.owner_xattr.of(&entry.kind, metadata);
                xattrs.extend(owner.map(|(name, value)| (name.to_vec(), value)));
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
