use std::collections::BTreeMap;
use std::io::Read;

use oci_image::Digest;
use oci_image::layer::EntryPath;
use oci_image::oci_digest::{Algorithm, Hasher};
use rustix::fs::{FileType, Mode, OFlags, Stat, fstat, openat};

use super::error::{PackError, Reason};
use super::node::Node;
use super::walk::visit;
use super::xattr::all_xattrs;
use crate::XattrFilter;
use crate::root::{Id, Root};

/// What the files of a tree looked like at one time: enough to tell later which were changed since.
///
/// It is quick, as few files are read. A file counts as unchanged if inode, size and the time of its
/// last change of any kind (ctime), which programs cannot set, are the same. As filesystems count time
/// in steps, a file that was changed in the step in which the snapshot begins may be changed again
/// without another time: such files are read, now and when they are compared, as git does with its
/// index. Where a filesystem does not tell its time, all files are.
#[derive(Debug)]
pub struct Snapshot {
    seen: BTreeMap<EntryPath, Seen>,
    names: BTreeMap<EntryPath, Vec<Vec<u8>>>,
}

/// What a file looked like, and what was in it if looks may deceive.
#[derive(Debug)]
struct Seen {
    looks: Looks,
    content: Option<Digest>,
}

/// Seconds and nanoseconds.
type Time = (i64, i64);

#[derive(Debug, PartialEq, Eq)]
struct Looks {
    id: Id,
    mode: u32,
    owner: (u32, u32),
    changed: Time,
    modified: Time,
    device: u64,
    /// Size and number of links; they mean nothing for directories.
    size: Option<(i64, u64)>,
}

impl Looks {
    #[allow(clippy::unnecessary_cast)] // the types of the members differ between processors
    fn new(stat: &Stat) -> Self {
        let is_directory = FileType::from_raw_mode(stat.st_mode) == FileType::Directory;
        Self {
            id: stat.into(),
            mode: stat.st_mode,
            owner: (stat.st_uid, stat.st_gid),
            changed: (stat.st_ctime, stat.st_ctime_nsec as i64),
            modified: (stat.st_mtime, stat.st_mtime_nsec as i64),
            device: stat.st_rdev as u64,
            size: (!is_directory).then_some((stat.st_size, stat.st_nlink as u64)),
        }
    }
}

impl Snapshot {
    /// Looks at all files of a tree.
    ///
    /// # Errors
    /// If a directory, or a file that was changed just now, cannot be read.
    pub fn take(root: &Root) -> Result<Self, PackError> {
        let clock = Clock::read(root);
        let mut snapshot = Self { seen: BTreeMap::new(), names: BTreeMap::new() };
        visit(root, &mut |node| {
            snapshot.seen.insert(node.path.clone(), look(node, root, &clock)?);
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
    pub(super) fn has(&self, node: &Node, root: &Root) -> Result<bool, PackError> {
        let Some(seen) = self.seen.get(&node.path) else { return Ok(false) };
        if seen.looks != Looks::new(&node.stat) {
            return Ok(false);
        }
        match &seen.content {
            None => Ok(true),
            Some(content) => Ok(*content == read(node, root)?),
        }
    }
}

/// The time of a tree's filesystem, which need not be that of this machine.
struct Clock {
    /// `None` if it cannot be known.
    now: Option<Time>,
    device: u64,
}

impl Clock {
    /// Asks for it by a file without a name, which leaves no trace in the tree.
    fn read(root: &Root) -> Self {
        let flags = OFlags::WRONLY | OFlags::TMPFILE | OFlags::CLOEXEC;
        let stat = openat(root, ".", flags, Mode::from_raw_mode(0o600)).and_then(fstat).ok();
        let looks = stat.as_ref().map(Looks::new);
        Self {
            now: looks.as_ref().map(|looks| looks.changed),
            device: looks.map_or(0, |looks| looks.id.device),
        }
    }

    /// Whether another change may leave the same time.
    fn may_repeat(&self, looks: &Looks) -> bool {
        let Some((seconds, nanoseconds)) = self.now else { return true };
        // The steps of another filesystem may be longer: those of FAT are two seconds.
        let is_other = looks.id.device != self.device;
        let begin = if is_other { (seconds - 2, 0) } else { (seconds, nanoseconds) };
        looks.changed.max(looks.modified) >= begin
    }
}

fn look(node: &Node, root: &Root, clock: &Clock) -> Result<Seen, PackError> {
    let looks = Looks::new(&node.stat);
    if !clock.may_repeat(&looks) {
        return Ok(Seen { looks, content: None });
    }
    let content = Some(read(node, root)?);
    // Where its mode forbids reading, that was changed and changed back.
    let stat = fstat(&node.fd).map_err(|error| PackError::file("look at", &node.path, error))?;
    Ok(Seen { looks: Looks::new(&stat), content })
}

/// A digest of all that the attributes in a `stat` do not say.
fn read(node: &Node, root: &Root) -> Result<Digest, PackError> {
    let mut hasher = Hasher::new(Algorithm::Sha256);
    for (name, value) in all_xattrs(node, root, &XattrFilter::none())? {
        for part in [name, value] {
            hasher.update(&(part.len() as u64).to_le_bytes());
            hasher.update(&part);
        }
    }
    match node.file_type() {
        FileType::Symlink => hasher.update(&node.target()?),
        FileType::RegularFile => {
            let failed = |source| Reason::File { action: "read", path: node.path.clone(), source };
            let (mut content, mut buffer) = (node.content(root)?, vec![0; 64 << 10]);
            loop {
                match content.read(&mut buffer).map_err(failed)? {
                    0 => break,
                    length => hasher.update(&buffer[..length]),
                }
            }
        }
        _ => {}
    }
    Ok(hasher.finish())
}
