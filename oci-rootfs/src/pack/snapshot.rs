use std::collections::BTreeMap;

use oci_image::layer::EntryPath;
use rustix::fs::{FileType, Stat};

use super::error::PackError;
use super::node::Node;
use super::walk::visit;
use crate::root::{Id, Root};

/// What the files of a tree looked like at one time: enough to tell later which were changed since.
///
/// It is quick, as no file is read. A file counts as unchanged if inode, size and the time of its
/// last change of any kind (ctime), which programs cannot set, are the same.
#[derive(Debug)]
pub struct Snapshot {
    seen: BTreeMap<EntryPath, Seen>,
    names: BTreeMap<EntryPath, Vec<Vec<u8>>>,
}

/// What a file looked like.
#[derive(Debug, PartialEq, Eq)]
struct Seen {
    id: Id,
    mode: u32,
    owner: (u32, u32),
    changed: (i64, i64),
    modified: (i64, i64),
    /// Size and number of links; they mean nothing for directories.
    size: Option<(i64, u64)>,
}

impl Seen {
    #[allow(clippy::unnecessary_cast)] // the types of the members differ between processors
    fn new(stat: &Stat) -> Self {
        let is_directory = FileType::from_raw_mode(stat.st_mode) == FileType::Directory;
        Self {
            id: stat.into(),
            mode: stat.st_mode,
            owner: (stat.st_uid, stat.st_gid),
            changed: (stat.st_ctime, stat.st_ctime_nsec as i64),
            modified: (stat.st_mtime, stat.st_mtime_nsec as i64),
            size: (!is_directory).then_some((stat.st_size, stat.st_nlink as u64)),
        }
    }
}

impl Snapshot {
    /// Looks at all files of a tree.
    ///
    /// # Errors
    /// If a directory cannot be read.
    pub fn take(root: &Root) -> Result<Self, PackError> {
        let mut snapshot = Self { seen: BTreeMap::new(), names: BTreeMap::new() };
        visit(root, &mut |node| {
            snapshot.seen.insert(node.path.clone(), Seen::new(&node.stat));
            if node.is_directory() {
                snapshot.names.insert(node.path.clone(), Vec::new());
            }
            if let (Some(parent), Some(name)) = (node.path.parent(), node.path.name()) {
                snapshot.names.entry(parent).or_default().push(name.to_vec());
            }
            Ok(())
        })?;
        Ok(snapshot)
    }

    /// The names that a directory had, in order; `None` if there was no such directory.
    pub(super) fn names(&self, directory: &EntryPath) -> Option<&[Vec<u8>]> {
        self.names.get(directory).map(Vec::as_slice)
    }

    /// Whether something is still what was there.
    pub(super) fn has(&self, node: &Node) -> bool {
        self.seen.get(&node.path) == Some(&Seen::new(&node.stat))
    }
}
