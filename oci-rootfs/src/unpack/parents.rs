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
    let mut here = root.physical_directory(b"")?;
    let mut physical = EntryPath::ROOT;
    let mut ahead: Vec<Vec<u8>> = Vec::new();
    push(&mut ahead, path);
    let mut links = 0;
    while let Some(name) = ahead.pop() {
        if name == b".." {
            physical = physical.parent().unwrap_or_default();
            here = root.physical_directory(physical.as_bytes())?;
            continue;
        }
        match step(root, directories, &here, &physical, &name, missing)? {
            Way::Directory(fd) => {
                physical = physical.join(&name).map_err(|_| Errno::INVAL)?;
                here = fd;
            }
            // The way had no links when it was found: something else is in its place.
            Way::Link(_) if matches!(missing, Missing::Copy(_)) => return Err(Errno::NOTDIR),
            Way::Link(target) => {
                links += 1;
                if links > LINKS {
                    return Err(Errno::LOOP);
                }
                if target.starts_with(b"/") {
                    here = root.physical_directory(b"")?;
                    physical = EntryPath::ROOT;
                }
                push(&mut ahead, &target);
            }
        }
    }
    Ok((here, physical))
}

/// Where a name leads.
enum Way {
    Directory(OwnedFd),
    Link(Vec<u8>),
}

fn step(
    root: &Root,
    directories: &mut Directories,
    here: &OwnedFd,
    physical: &EntryPath,
    name: &[u8],
    missing: Missing<'_>,
) -> Result<Way, Errno> {
    for _ in 0..ATTEMPTS {
        let error = match root.unlocked(here.as_fd(), name) {
            Ok((fd, mode)) => {
                if let Some(mode) = mode {
                    let path = physical.join(name).map_err(|_| Errno::INVAL)?;
                    directories.keep(&fstat(&fd)?, path.as_bytes(), Some(mode));
                }
                return Ok(Way::Directory(fd));
            }
            Err(error) => error,
        };
        if matches!(error, Errno::NOTDIR | Errno::LOOP)
            && let Ok(target) = readlinkat(here, name, Vec::new())
        {
            return Ok(Way::Link(target.into_bytes()));
        }
        let path = physical.join(name).map_err(|_| Errno::INVAL)?;
        let attributes = match missing {
            Missing::Make(attributes) => attributes.clone(),
            Missing::Copy(below) if error == Errno::NOENT => match below.look(&path)? {
                Some(Found::Directory(attributes)) => attributes,
                _ => return Err(error),
            },
            _ => return Err(error),
        };
        directories.keep(&fstat(here)?, physical.as_bytes(), None);
        match error {
            Errno::NOENT => {}
            // As a layer's own directory would replace it
            // (https://github.com/opencontainers/image-spec/blob/main/layer.md#applying-changesets).
            Errno::NOTDIR | Errno::LOOP => root.remove(here.as_fd(), name, &())?,
            error => return Err(error),
        }
        // Mode 0700 until the end: the final mode may forbid this process to fill it, or let others in too early.
        match mkdirat(here, name, Mode::RWXU) {
            Ok(()) => {
                let fd = openat(here, name, crate::root::DIRECTORY, Mode::empty())?;
                directories.set(Id::from(&fstat(&fd)?), &path, attributes);
                return Ok(Way::Directory(fd));
            }
            Err(Errno::EXIST) => {}
            Err(error) => return Err(error),
        }
    }
    Err(Errno::BUSY)
}

impl Attributes {
    /// Those of a directory that a layer fills and says nothing of.
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
