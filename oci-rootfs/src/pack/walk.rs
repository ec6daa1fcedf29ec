//! A tree in the order of an archive.

use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use oci_image::layer::EntryPath;
use rustix::fs::{FileType, RawDir, SeekFrom};

use super::error::{PackError, Reason};
use super::node::Node;
use crate::root::{MARKER, Root};

/// How many directories of a tree are held open at once.
pub(super) const OPEN: usize = 32;

/// How deep a tree may be.
const DEPTH: usize = 4096;

/// How much of a directory is listed at once, in bytes.
const BATCH: usize = 32 << 10;

/// Names in a directory, in order.
pub(super) type Names = Vec<Vec<u8>>;

/// A directory on the way down, which can be closed and opened again.
pub(super) struct Held {
    path: EntryPath,
    fd: Option<OwnedFd>,
}

impl Held {
    pub(super) fn new(path: EntryPath, fd: OwnedFd) -> Result<Self, PackError> {
        Ok(Self { fd: Some(fd), ..Self::closed(path)? })
    }

    /// One that is opened when it is asked for.
    pub(super) fn closed(path: EntryPath) -> Result<Self, PackError> {
        match path.depth() > DEPTH {
            true => Err(Reason::Depth { path }.into()),
            false => Ok(Self { path, fd: None }),
        }
    }

    pub(super) fn path(&self) -> &EntryPath {
        &self.path
    }

    pub(super) fn close(&mut self) {
        self.fd = None;
    }

    pub(super) fn get(&mut self, root: &Root) -> Result<BorrowedFd<'_>, PackError> {
        let fd = match self.fd.take() {
            Some(fd) => fd,
            None => Node::directory(root, &self.path)
                .map_err(|error| PackError::file("open the directory", &self.path, error))?
                .read(root)?,
        };
        let fd: &OwnedFd = self.fd.insert(fd);
        Ok(fd.as_fd())
    }

    pub(super) fn child(&mut self, root: &Root, name: &[u8]) -> Result<Option<Node>, PackError> {
        let path = self.path.clone();
        Node::open(self.get(root)?, &path, name)
    }
}

/// The names in a directory, in order, with the types that the filesystem says they have.
pub(super) fn names(
    directory: BorrowedFd<'_>,
    path: &EntryPath,
) -> Result<Vec<(Vec<u8>, FileType)>, PackError> {
    let failed = |error| PackError::file("list", path, error);
    rustix::fs::seek(directory, SeekFrom::Start(0)).map_err(failed)?;
    let mut buffer = [MaybeUninit::uninit(); BATCH];
    let mut entries = RawDir::new(directory, &mut buffer);
    let mut names = Vec::new();
    while let Some(entry) = entries.next() {
        let entry = entry.map_err(failed)?;
        let name = entry.file_name().to_bytes();
        let is_mark = path.is_root() && name == MARKER;
        if !is_mark && !matches!(name, b"." | b"..") {
            names.push((name.to_vec(), entry.file_type()));
        }
    }
    names.sort_unstable_by(|left, right| left.0.cmp(&right.0));
    Ok(names)
}

/// Calls `see` with all of a tree, parents first.
pub(super) fn visit(
    root: &Root,
    see: &mut dyn FnMut(&Node) -> Result<(), PackError>,
) -> Result<(), PackError> {
    let top = Node::top(root)?;
    see(&top)?;
    let fd = top.read(root)?;
    let listed = names(fd.as_fd(), &top.path)?;
    let mut stack = vec![(Held::new(top.path, fd)?, listed.into_iter())];
    while let Some((held, rest)) = stack.last_mut() {
        let Some((name, _)) = rest.next() else {
            stack.pop();
            continue;
        };
        let Some(node) = held.child(root, &name)? else { continue };
        see(&node)?;
        if node.is_directory() {
            let fd = node.read(root)?;
            let listed = names(fd.as_fd(), &node.path)?;
            stack.push((Held::new(node.path, fd)?, listed.into_iter()));
            if let Some((far, _)) = stack.len().checked_sub(OPEN).and_then(|at| stack.get_mut(at)) {
                far.close();
            }
        }
    }
    Ok(())
}
