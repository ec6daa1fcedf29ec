//! Names of which the upper directory says nothing, of files that are written by another name.
//!
//! A file that was moved with its directory still has its other names. With the option `index`, what is changed by one name of a file of several is changed by all of them
//! ([inode index](https://docs.kernel.org/filesystems/overlayfs.html#inode-index)), and only that name
//! appears in the upper directory. Its attributes say how many names there are and which file below it
//! comes from.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use oci_image::layer::{EntryPath, Overlay};

use super::attribute::{Attributes, is_whiteout};
use super::{Layers, Merged};
use crate::pack::error::{PackError, Reason};
use crate::pack::node::Node;
use crate::pack::walk::visit;
use crate::root::{Id, Root, Target, split_overlay};

/// Names that only lower layers have, of files that are written by another name.
#[derive(Default)]
pub(super) struct Aliases {
    /// The files in lower layers, and a name that the upper directory has for each if it has one.
    files: HashMap<Id, Option<EntryPath>>,
    /// What leads to them, by directory.
    names: BTreeMap<EntryPath, BTreeSet<Vec<u8>>>,
}

/// What there is to know of an upper directory first.
pub(super) struct Scan {
    pub(super) form: Overlay,
    /// Its files of several names.
    linked: BTreeMap<Id, Vec<EntryPath>>,
    /// Whether directories were moved.
    has_moved: bool,
    /// Something that it hides.
    whiteout: Option<EntryPath>,
}

/// Looks through an upper directory.
///
/// Only one kind of attributes means something to an overlay. Whatever has been in one that root
/// mounted without `userxattr` has the other kind; those of users that may be there too are plain.
pub(super) fn scan(upper: &Root) -> Result<Scan, PackError> {
    let mut scan =
        Scan { form: Overlay::User, linked: BTreeMap::new(), has_moved: false, whiteout: None };
    visit(upper, &mut |node| {
        let xattrs = Target::path(&node.fd).xattrs().unwrap_or_default();
        if xattrs.iter().any(|name| name.starts_with(Overlay::Trusted.prefix().as_bytes())) {
            scan.form = Overlay::Trusted;
        }
        let is_redirect =
            |name: &Vec<u8>| split_overlay(name).is_some_and(|(_, rest)| rest == b"redirect");
        scan.has_moved |= node.is_directory() && xattrs.iter().any(is_redirect);
        if is_whiteout(node, scan.form) && scan.whiteout.is_none() {
            scan.whiteout = Some(node.path.clone());
        }
        if node.is_linked() {
            scan.linked.entry(node.id()).or_default().push(node.path.clone());
        }
        Ok(())
    })?;
    Ok(scan)
}

impl Aliases {
    pub(super) fn find(layers: &Layers<'_>, scan: &Scan) -> Result<Self, PackError> {
        let mut indexed = Vec::new();
        for names in scan.linked.values() {
            indexed.extend(Indexed::read(layers, names)?.filter(Indexed::may_have_more));
        }
        let mut aliases = Self::default();
        // Only a mount with an index gives the root an origin.
        let top = Attributes::read(&Node::top(layers.upper)?, layers.upper, layers.form)?;
        let has_index = top.get("origin").is_some();
        if let (true, true, Some(path)) = (layers.lower.is_empty(), has_index, &scan.whiteout) {
            let (path, xattr) = (path.clone(), format!("{}origin", layers.form.prefix()));
            return Err(Reason::NeedsLower { path, xattr }.into());
        }
        let has_candidates =
            !layers.lower.is_empty() && (scan.has_moved || has_index || !indexed.is_empty());
        let candidates = match has_candidates {
            true => linked_below(layers, layers.top()?)?,
            false => HashMap::new(),
        };
        for file in &indexed {
            aliases.add(file, &candidates, layers)?;
        }
        if has_index {
            aliases.check_index(layers, &candidates)?;
        }
        for (id, Names { moved, kept }) in candidates {
            if !moved.is_empty() && !kept.is_empty() && !aliases.files.contains_key(&id) {
                aliases.files.insert(id, None);
                kept.iter().for_each(|name| aliases.lead_to(name));
            }
        }
        Ok(aliases)
    }

    /// If this file below is written by another name, the one that the upper directory has, if it has
    /// one.
    pub(super) fn get(&self, id: Id) -> Option<Option<&EntryPath>> {
        self.files.get(&id).map(Option::as_ref)
    }

    /// The names in a directory that lead to names of changed files.
    pub(super) fn names(&self, directory: &EntryPath) -> impl Iterator<Item = &Vec<u8>> {
        self.names.get(directory).into_iter().flatten()
    }

    fn add(
        &mut self,
        file: &Indexed,
        candidates: &HashMap<Id, Names>,
        layers: &Layers<'_>,
    ) -> Result<(), PackError> {
        let xattr = || format!("{}nlink", layers.form.prefix());
        if layers.lower.is_empty() {
            return Err(Reason::NeedsLower { path: file.path.clone(), xattr: xattr() }.into());
        }
        let inode = origin_inode(&file.origin)
            .ok_or_else(|| Reason::NotBelow { path: file.path.clone(), xattr: xattr() })?;
        for (id, names) in candidates.iter().filter(|(id, _)| id.inode == inode) {
            if file.more.is_some_and(|more| names.len() as i64 > more) {
                return Err(Reason::NotBelow { path: file.path.clone(), xattr: xattr() }.into());
            }
            self.files.insert(*id, Some(file.path.clone()));
            names.kept.iter().for_each(|name| self.lead_to(name));
        }
        Ok(())
    }

    /// Refuses a file that has lost a name: what it was changed to by that name before, the index alone
    /// has.
    fn check_index(
        &self,
        layers: &Layers<'_>,
        shown: &HashMap<Id, Names>,
    ) -> Result<(), PackError> {
        let below = linked_below(layers, layers.top_from(1)?)?;
        for (id, names) in shown.iter().filter(|(id, _)| !self.files.contains_key(id)) {
            let first = names.kept.iter().chain(&names.moved).next();
            let has_lost = below.get(id).is_some_and(|below| below.len() > names.len());
            if let (true, Some(path)) = (has_lost, first) {
                return Err(Reason::Index { path: path.clone() }.into());
            }
        }
        Ok(())
    }

    fn lead_to(&mut self, path: &EntryPath) {
        let mut here = path.clone();
        while let (Some(parent), Some(name)) = (here.parent(), here.name()) {
            self.names.entry(parent.clone()).or_default().insert(name.to_vec());
            here = parent;
        }
    }
}

/// A file that is in the index of an overlay.
struct Indexed {
    path: EntryPath,
    /// How many more names there are at most, if that is known.
    more: Option<i64>,
    origin: Vec<u8>,
}

impl Indexed {
    /// What the attributes of a file say that has these names in the upper directory; `None` if it is
    /// in no index.
    fn read(layers: &Layers<'_>, names: &[EntryPath]) -> Result<Option<Self>, PackError> {
        let Some(path) = names.first() else { return Ok(None) };
        let Some(node) = upper(layers, path)? else { return Ok(None) };
        let attributes = Attributes::read(&node, layers.upper, layers.form)?;
        let Some(nlink) = attributes.get("nlink") else { return Ok(None) };
        // `U+1`: so many more names than links to the file in the upper directory, of which one is the index's.
        let more =
            nlink.strip_prefix(b"U").and_then(|text| std::str::from_utf8(text).ok()?.parse().ok());
        #[allow(clippy::unnecessary_cast)] // the type of the member differs between processors
        let links = node.stat.st_nlink as i64;
        let more = more.map(|more: i64| links.saturating_add(more) - names.len() as i64);
        let origin = attributes.get("origin").unwrap_or_default().to_vec();
        Ok(Some(Self { path: path.clone(), more, origin }))
    }

    fn may_have_more(&self) -> bool {
        self.more.is_none_or(|more| more > 0)
    }
}

fn upper(layers: &Layers<'_>, path: &EntryPath) -> Result<Option<Node>, PackError> {
    let (Some(parent), Some(name)) = (path.parent(), path.name()) else { return Ok(None) };
    let directory = Node::directory(layers.upper, &parent)
        .map_err(|error| PackError::file("open the directory", &parent, error))?;
    Node::open(&directory.fd, &parent, name)
}

/// The names that show a file of a lower layer.
#[derive(Default)]
struct Names {
    /// In directories that were moved, all of which is written.
    moved: Vec<EntryPath>,
    kept: Vec<EntryPath>,
}

impl Names {
    fn len(&self) -> usize {
        self.moved.len() + self.kept.len()
    }
}

/// The files of several names that lower layers show, from one root on.
fn linked_below(layers: &Layers<'_>, mut top: Node) -> Result<HashMap<Id, Names>, PackError> {
    let mut found = HashMap::<_, Names>::new();
    let mut open: Vec<Merged<'_>> = vec![layers.enter(&mut top)];
    while let Some(mut directory) = open.pop() {
        for name in directory.listed(|_| true)? {
            let Some(mut node) = directory.look_up(&name)? else { continue };
            if node.is_directory() {
                open.push(layers.enter(&mut node));
                continue;
            }
            let is_lower = node.overlaid.as_ref().is_some_and(|overlaid| overlaid.layer > 0);
            if is_lower && node.is_linked() {
                let names = found.entry(node.id()).or_default();
                let list = if directory.is_new { &mut names.moved } else { &mut names.kept };
                list.push(node.path);
            }
        }
    }
    Ok(found)
}

/// The inode number in the handle of a file that an attribute `origin` has: `struct ovl_fb`, of which
/// the handle begins at byte 21. Which word it is depends on the type, by `include/linux/exportfs.h`.
fn origin_inode(origin: &[u8]) -> Option<u64> {
    const MAGIC: u8 = 0xfb;
    let (header, handle) = origin.split_at_checked(21)?;
    let words: Vec<u32> = handle
        .chunks_exact(4)
        .filter_map(|word| Some(u32::from_ne_bytes(word.try_into().ok()?)))
        .collect();
    let wide = |low: u32, high: u32| u64::from(high) << 32 | u64::from(low);
    match (header[1], header[4], words.as_slice()) {
        // ext4, f2fs: inode, generation.
        (MAGIC, 1, [inode, _]) => Some(u64::from(*inode)),
        // tmpfs: generation, inode.
        (MAGIC, 1, [_, low, high]) => Some(wide(*low, *high)),
        // btrfs and XFS.
        (MAGIC, 0x4d | 0x4e | 0x4f | 0x81 | 0x82, [low, high, ..]) => Some(wide(*low, *high)),
        _ => None,
    }
}
