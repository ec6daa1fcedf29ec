//! Filesystems that fold case: two names of an image that are one file there.

use std::collections::HashSet;
use std::os::fd::{AsFd, BorrowedFd};

use oci_image::layer::EntryPath;
use rustix::fs::{AtFlags, Dir, statat};
use rustix::io::Errno;

use super::error::{Reason, UnpackError};
use crate::root::{Id, MARKER, Root};

/// Finds what has a name, or one that the filesystem takes for the same.
type Find = fn(BorrowedFd<'_>, &[u8]) -> Result<Id, Errno>;

/// The names of a tree on a filesystem that folds case.
pub(super) struct Folding {
    find: Find,
    /// Names that are in directories as they are written here, or are about to be made so.
    known: HashSet<(Id, Vec<u8>)>,
    /// The last directory whose path was checked.
    way: Option<EntryPath>,
}

impl Folding {
    /// `None` if the filesystem tells names apart by their bytes.
    ///
    /// The tree is marked as incomplete meanwhile, so there is a file whose name can be asked for in
    /// capitals. Of directories below that fold case alone, nothing is known.
    pub(super) fn detect(root: &Root) -> Result<Option<Self>, Errno> {
        match find(root.as_fd(), &MARKER.to_ascii_uppercase()) {
            Ok(id) if id == find(root.as_fd(), MARKER)? => Ok(Some(Self::new(find))),
            Ok(_) | Err(Errno::NOENT) => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn new(find: Find) -> Self {
        Self { find, known: HashSet::new(), way: None }
    }

    /// Something was removed: what has its name from now on may be written in another way.
    pub(super) fn forget(&mut self) {
        self.known.clear();
        self.way = None;
    }

    /// Refuses a path of which a name is there in another way.
    pub(super) fn check(&mut self, root: &Root, path: &EntryPath) -> Result<(), UnpackError> {
        let Some(directory) = path.parent() else { return Ok(()) };
        if self.way.as_ref() != Some(&directory) {
            self.check(root, &directory)?;
            self.way = Some(directory);
        }
        let found = self.written_otherwise(root, path);
        match found.map_err(|error| UnpackError::file("look at", path, error))? {
            None => Ok(()),
            Some(found) => {
                let found = found.escape_ascii().to_string();
                Err(Reason::Folded { path: path.clone(), found }.into())
            }
        }
    }

    /// The name in its directory that the filesystem takes for the last name of a path.
    fn written_otherwise(
        &mut self,
        root: &Root,
        path: &EntryPath,
    ) -> Result<Option<Vec<u8>>, Errno> {
        let Some((directory, name)) = path.split() else { return Ok(None) };
        let fd = match root.directory(directory) {
            // It is still to be made.
            Err(Errno::NOENT | Errno::NOTDIR | Errno::LOOP) => return Ok(None),
            result => result?,
        };
        let id = Id::from(&rustix::fs::fstat(&fd)?);
        if !self.known.insert((id, name.to_vec())) {
            return Ok(None);
        }
        let there = match (self.find)(fd.as_fd(), name) {
            Err(Errno::NOENT) => return Ok(None),
            result => result?,
        };
        let mut otherwise = None;
        for entry in Dir::read_from(&fd)? {
            let entry = entry?;
            let listed = entry.file_name().to_bytes();
            if listed == name {
                return Ok(None);
            }
            if entry.ino() == there.inode {
                otherwise = Some(listed.to_vec());
            }
        }
        Ok(otherwise)
    }
}

fn find(directory: BorrowedFd<'_>, name: &[u8]) -> Result<Id, Errno> {
    statat(directory, name, AtFlags::SYMLINK_NOFOLLOW).map(|stat| Id::from(&stat))
}

#[cfg(test)]
mod tests {
    use oci_testing::tar::Tar;

    use super::super::apply::Applier;
    use super::super::stream::drain;
    use super::super::{UnpackErrorKind, UnpackOptions};
    use super::*;

    /// As on a filesystem that folds ASCII.
    fn find_folded(directory: BorrowedFd<'_>, name: &[u8]) -> Result<Id, Errno> {
        for entry in Dir::read_from(directory)? {
            let entry = entry?;
            if entry.file_name().to_bytes().eq_ignore_ascii_case(name) {
                return find(directory, entry.file_name().to_bytes());
            }
        }
        Err(Errno::NOENT)
    }

    fn apply(layer: &[u8]) -> Result<(), UnpackError> {
        let directory = tempfile::tempdir().unwrap();
        let root = Root::open(directory.path()).unwrap();
        let options = UnpackOptions::rootless();
        let mut applier = Applier::new(&root, &options)?;
        applier.fold(Folding::new(find_folded));
        let decoder = oci_image::layer::Decoder::detect(layer, &options.limits)?;
        drain(decoder, &mut applier, &options)?;
        applier.finish().map(drop)
    }

    #[test]
    fn two_names_that_become_one_are_refused() {
        for layer in [
            Tar::new().file("a", "1").file("A", "2"),
            Tar::new().directory("d").directory("D"),
            Tar::new().directory("d").file("d/x", "1").file("D/y", "2"),
            Tar::new().file("d/deep/x", "1").symlink("d/Deep", "x"),
            Tar::new().symlink("l", "d").directory("d").file("d/x", "1").file("l/X", "2"),
        ] {
            let error = apply(&layer.end()).unwrap_err();
            assert_eq!(error.kind(), UnpackErrorKind::Entry, "{error}");
        }
    }

    #[test]
    fn a_name_that_comes_again_as_it_was_is_the_same_file() {
        let layer = Tar::new().directory("D").file("D/f", "1").file("D/f", "2").directory("D");
        apply(&layer.file("x", "1").file("D/X", "1").end()).unwrap();
    }

    #[test]
    fn a_filesystem_that_tells_names_apart_is_not_checked() {
        let directory = tempfile::tempdir().unwrap();
        let root = Root::open(directory.path()).unwrap();
        root.begin("a test").unwrap();
        std::fs::write(directory.path().join(".WH..OCI-ROOTFS.INCOMPLETE"), "").unwrap();
        assert!(Folding::detect(&root).unwrap().is_none());
    }
}
