//! The directories that entries are made in.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::rc::Rc;

use oci_image::layer::{EntryPath, Timestamp};
use rustix::fs::{Mode, Stat, fstat, mkdirat, openat, readlinkat};
use rustix::io::Errno;

use super::directories::Directories;
use super::lower::Found;
use super::view::Below;
use crate::root::{Attributes, Id, LINKS, Root, Target, push};

/// How many directories are held open for what may come next.
const OPEN: usize = 8;

/// How often an operation is retried that another process undoes.
const ATTEMPTS: usize = 16;

/// A directory that entries are made in.
pub(super) struct Parent {
    /// The way by which it was found.
    path: Vec<u8>,
    /// The way to it without links, which stays true if links change.
    pub(super) physical: EntryPath,
    fd: OwnedFd,
    pub(super) id: Id,
    /// Whether what is made in it gets an access control list.
    pub(super) has_default_acl: bool,
}

impl Parent {
    fn new(path: &[u8], physical: EntryPath, fd: OwnedFd, stat: &Stat) -> Self {
        let has_default_acl = Target::open(&fd).has_default_acl();
        Self { path: path.to_vec(), physical, id: Id::from(stat), has_default_acl, fd }
    }

    /// The way without links to a name in it.
    pub(super) fn in_it(&self, name: &[u8]) -> Result<EntryPath, Errno> {
        self.physical.join(name).map_err(|_| Errno::INVAL)
    }
}

impl AsFd for Parent {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

/// What to do about a directory that is not there.
#[derive(Clone, Copy)]
pub(super) enum Missing<'a> {
    /// Make it with these attributes.
    Make(&'a Attributes),
    /// Make it as it is in the layers below, or say so. The way to it has no links.
    Copy(Below<'a>),
    /// Say so.
    Fail,
}

/// Finds directories by path.
#[derive(Default)]
pub(super) struct Parents {
    recent: Vec<Rc<Parent>>,
}

impl Parents {
    /// Something that paths may lead through was replaced or removed.
    pub(super) fn forget(&mut self) {
        self.recent.clear();
    }

    /// The directory at `path`.
    pub(super) fn find(
        &mut self,
        root: &Root,
        directories: &mut Directories,
        path: &[u8],
        missing: Missing<'_>,
    ) -> Result<Rc<Parent>, Errno> {
        if let Some(place) = self.recent.iter().rposition(|parent| parent.path == path) {
            let parent = self.recent.remove(place);
            self.recent.push(Rc::clone(&parent));
            return Ok(parent);
        }
        // In one call where there are no links, which is nearly always.
        let (fd, physical) = match root.physical_directory(path) {
            Ok(fd) => {
                let fd = unlocked(root, directories, fd, path)?;
                (fd, EntryPath::parse(path).unwrap_or_default())
            }
            Err(Errno::NOENT | Errno::NOTDIR | Errno::LOOP | Errno::ACCESS) => {
                self.forget();
                walk(root, directories, path, missing)?
            }
            Err(error) => return Err(error),
        };
        let stat = fstat(&fd)?;
        directories.keep(&stat, physical.as_bytes(), None);
        Ok(self.add(path, physical, fd, &stat))
    }

    /// Remembers a directory that is open.
    pub(super) fn add(
        &mut self,
        path: &[u8],
        physical: EntryPath,
        fd: OwnedFd,
        stat: &Stat,
    ) -> Rc<Parent> {
        if self.recent.len() == OPEN {
            self.recent.remove(0);
        }
        let parent = Rc::new(Parent::new(path, physical, fd, stat));
        self.recent.push(Rc::clone(&parent));
        parent
    }
}

/// Makes a directory one that its owner can change, and notes the mode that it has again in the end.
fn unlocked(
    root: &Root,
    directories: &mut Directories,
    fd: OwnedFd,
    path: &[u8],
) -> Result<OwnedFd, Errno> {
    if root.is_privileged() {
        return Ok(fd);
    }
    let stat = fstat(&fd)?;
    let (fd, mode) = root.unlock(fd)?;
    directories.keep(&stat, path, mode);
    Ok(fd)
}

/// Goes to `path` name by name, following links within the root, and makes what is missing: also
/// where a link leads to nowhere, and in the place of what is not a directory.
fn walk(
    root: &Root,
    directories: &mut Directories,
    path: &[u8],
    missing: Missing<'_>,
) -> Result<(OwnedFd, EntryPath), Errno> {
    let mut walk = Walk {
        root,
        directories,
        missing,
        here: root.physical_directory(b"")?,
        physical: EntryPath::ROOT,
    };
    let mut ahead: Vec<Vec<u8>> = Vec::new();
    push(&mut ahead, path);
    let mut links = 0;
    while let Some(name) = ahead.pop() {
        match walk.step(&name)? {
            None => {}
            // The way had no links when it was found: something else is in its place.
            Some(_) if matches!(missing, Missing::Copy(_)) => return Err(Errno::NOTDIR),
            Some(target) => {
                links += 1;
                if links > LINKS {
                    return Err(Errno::LOOP);
                }
                if target.starts_with(b"/") {
                    walk.go_to(EntryPath::ROOT)?;
                }
                push(&mut ahead, &target);
            }
        }
    }
    Ok((walk.here, walk.physical))
}

/// A way through directories, one name at a time.
struct Walk<'a> {
    root: &'a Root,
    directories: &'a mut Directories,
    missing: Missing<'a>,
    here: OwnedFd,
    /// The way to `here` without links.
    physical: EntryPath,
}

impl Walk<'_> {
    /// Goes to what has a name here, and makes it if it is missing. If that is a link, stays, and
    /// returns its target.
    fn step(&mut self, name: &[u8]) -> Result<Option<Vec<u8>>, Errno> {
        if name == b".." {
            return self.go_to(self.physical.parent().unwrap_or_default()).map(|()| None);
        }
        let path = self.physical.join(name).map_err(|_| Errno::INVAL)?;
        for _ in 0..ATTEMPTS {
            let error = match self.open(name, &path) {
                Err(error) => error,
                Ok(fd) => {
                    (self.here, self.physical) = (fd, path);
                    return Ok(None);
                }
            };
            if matches!(error, Errno::NOTDIR | Errno::LOOP)
                && let Ok(target) = readlinkat(&self.here, name, Vec::new())
            {
                return Ok(Some(target.into_bytes()));
            }
            if let Some(fd) = self.make(name, &path, error)? {
                (self.here, self.physical) = (fd, path);
                return Ok(None);
            }
        }
        Err(Errno::BUSY)
    }

    fn go_to(&mut self, directory: EntryPath) -> Result<(), Errno> {
        self.here = self.root.physical_directory(directory.as_bytes())?;
        self.physical = directory;
        Ok(())
    }

    /// Opens a directory, whatever its mode, which it has again in the end.
    fn open(&mut self, name: &[u8], path: &EntryPath) -> Result<OwnedFd, Errno> {
        let (fd, mode) = self.root.unlocked(self.here.as_fd(), name)?;
        if let Some(mode) = mode {
            self.directories.keep(&fstat(&fd)?, path.as_bytes(), Some(mode));
        }
        Ok(fd)
    }

    /// Makes the directory that could not be opened because of `error`. `None`: another process has
    /// made something of that name meanwhile.
    fn make(
        &mut self,
        name: &[u8],
        path: &EntryPath,
        error: Errno,
    ) -> Result<Option<OwnedFd>, Errno> {
        let attributes = self.attributes(path, error)?;
        self.directories.keep(&fstat(&self.here)?, self.physical.as_bytes(), None);
        match error {
            Errno::NOENT => {}
            // As a layer's own directory would replace it
            // (https://github.com/opencontainers/image-spec/blob/main/layer.md#applying-changesets).
            Errno::NOTDIR | Errno::LOOP => self.root.remove(self.here.as_fd(), name, &())?,
            error => return Err(error),
        }
        // Mode 0700 until the end: the final mode may forbid this process to fill it, or let others in too early.
        match mkdirat(&self.here, name, Mode::RWXU) {
            Ok(()) => {
                let fd = openat(&self.here, name, crate::root::DIRECTORY, Mode::empty())?;
                self.directories.set(Id::from(&fstat(&fd)?), path, attributes);
                Ok(Some(fd))
            }
            Err(Errno::EXIST) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// What a directory that is missing is to be like; `error` if it is not to be made.
    fn attributes(&self, path: &EntryPath, error: Errno) -> Result<Attributes, Errno> {
        match self.missing {
            Missing::Make(attributes) => Ok(attributes.clone()),
            Missing::Copy(below) if error == Errno::NOENT => match below.look(path)? {
                Some(Found::Directory(attributes)) => Ok(attributes),
                _ => Err(error),
            },
            Missing::Copy(_) | Missing::Fail => Err(error),
        }
    }
}

impl Attributes {
    /// Those of a directory that a layer fills and does not describe.
    pub(super) fn of_unnamed_directory(uid: u32, gid: u32) -> Self {
        Self {
            mode: 0o755,
            uid,
            gid,
            mtime: Timestamp::EPOCH,
            xattrs: Default::default(),
            is_lenient: true,
        }
    }
}
