//! A tree of files in memory, to which layers are applied as to a real one.

use std::collections::{BTreeMap, HashSet};

use super::{FilesError, Obstacle};
use crate::layer::{Change, Entry, EntryPath, Kind, Metadata};

/// How many links are followed on one way, as by the kernel.
const LINKS: usize = 40;

/// What a node or an attribute takes besides its bytes: about that, in lists and maps.
const NODE: usize = 256;

/// A node's place in the tree's list. Places are not used twice, so a list of names that a layer has
/// put somewhere stays true.
type Id = usize;

const ROOT: Id = 0;

pub(super) struct Tree {
    nodes: Vec<What>,
    /// The layer that is applied, from 0, and the number of its changes so far.
    now: Origin,
    /// What this layer has put where. Whiteouts leave it alone.
    upper: HashSet<(Id, Box<[u8]>)>,
    is_begun: bool,
    /// How much memory all of it may take, and about how much it took. A path makes as many nodes as
    /// it has names, so the number of entries does not bound them.
    limit: u64,
    taken: u64,
}

/// Which change of which layer something comes from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Origin {
    pub(super) layer: usize,
    pub(super) entry: u64,
}

/// What is at a path.
pub(super) enum What {
    Directory(Directory),
    Other(Other),
}

/// What is not a directory.
pub(super) struct Other {
    pub(super) origin: Origin,
    /// Neither directory nor hard link.
    pub(super) kind: Kind,
    pub(super) metadata: Box<Metadata>,
}

pub(super) struct Directory {
    pub(super) children: BTreeMap<Box<[u8]>, Id>,
    parent: Id,
    /// What a layer says of it, if one does, and the number of that layer, from 0.
    pub(super) said: Option<(Box<Metadata>, usize)>,
}

impl What {
    /// The text of a symbolic link.
    fn link(&self) -> Option<&[u8]> {
        match self {
            Self::Other(Other { kind: Kind::Symlink { target }, .. }) => Some(target),
            _ => None,
        }
    }

    pub(super) fn directory(&self) -> Option<&Directory> {
        match self {
            Self::Directory(directory) => Some(directory),
            Self::Other(_) => None,
        }
    }
}

impl Directory {
    fn empty(parent: Id) -> What {
        What::Directory(Self { children: BTreeMap::new(), parent, said: None })
    }
}

/// What to do about a directory that is not there.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Missing {
    Make,
    Fail,
}

impl Default for Tree {
    fn default() -> Self {
        Self::new(0)
    }
}

impl Tree {
    pub(super) fn new(limit: u64) -> Self {
        Self {
            nodes: vec![Directory::empty(ROOT)],
            now: Origin::default(),
            upper: HashSet::new(),
            is_begun: false,
            limit,
            taken: 0,
        }
    }

    pub(super) fn begin_layer(&mut self) {
        if self.is_begun {
            self.now = Origin { layer: self.now.layer + 1, entry: 0 };
        }
        self.is_begun = true;
        self.upper.clear();
    }

    pub(super) fn apply(&mut self, change: &Change) -> Result<(), FilesError> {
        let done = match change {
            Change::Upsert(entry) => self.upsert(entry),
            // Nothing is below the first layer.
            _ if self.now.layer == 0 => Ok(()),
            Change::Whiteout(path) => unless_missing(self.whiteout(path)),
            Change::Opaque(path) => unless_missing(self.opaque(path)),
        };
        self.now.entry += 1;
        done.map_err(|obstacle| FilesError::Path { path: change.path().clone(), obstacle })
    }

    /// What a path leads to; links are followed, the last one too.
    pub(super) fn resolve(&self, path: &EntryPath) -> Result<&What, Obstacle> {
        let mut here = ROOT;
        let mut way = Way::new(path.as_bytes());
        while let Some(name) = way.next() {
            match &self.nodes[here] {
                What::Directory(directory) if *name == b".."[..] => here = directory.parent,
                What::Directory(directory) => {
                    let id = *directory.children.get(&*name).ok_or(Obstacle::NotFound)?;
                    match self.nodes[id].link() {
                        Some(target) => here = way.follow(target, here)?,
                        None => here = id,
                    }
                }
                _ => return Err(Obstacle::NotADirectory),
            }
        }
        Ok(&self.nodes[here])
    }

    pub(super) fn root(&self) -> &What {
        &self.nodes[ROOT]
    }

    pub(super) fn get(&self, id: usize) -> &What {
        &self.nodes[id]
    }

    fn upsert(&mut self, entry: &Entry) -> Result<(), Obstacle> {
        let Some((parent, name)) = entry.path.split() else {
            return self.describe(ROOT, &entry.metadata);
        };
        let parent = self.find(parent, Missing::Make)?;
        if self.now.layer > 0 {
            self.upper.insert((parent, name.into()));
        }
        let there = self.child(parent, name);
        match &entry.kind {
            Kind::Directory => {
                let id = match there.filter(|id| matches!(self.nodes[*id], What::Directory(_))) {
                    Some(id) => id,
                    None => self.put(parent, name, Directory::empty(parent))?,
                };
                self.describe(id, &entry.metadata)
            }
            Kind::Hardlink { target } => self.link(parent, name, target),
            kind => {
                let metadata = Box::new(entry.metadata.clone());
                let other = Other { origin: self.now, kind: kind.clone(), metadata };
                self.take_metadata(&entry.metadata)?;
                self.put(parent, name, What::Other(other)).map(drop)
            }
        }
    }

    fn link(&mut self, parent: Id, name: &[u8], target: &EntryPath) -> Result<(), Obstacle> {
        let (directory, old) = target.split().ok_or(Obstacle::LinkToDirectory)?;
        let holder = self.find(directory, Missing::Fail)?;
        let id = self.child(holder, old).ok_or(Obstacle::NotFound)?;
        if matches!(self.nodes[id], What::Directory(_)) {
            return Err(Obstacle::LinkToDirectory);
        }
        let replaced = self.child(parent, name);
        if replaced == Some(id) {
            return Ok(());
        }
        // What is replaced must not hold what is linked to.
        let mut above = holder;
        while above != ROOT {
            if Some(above) == replaced {
                return Err(Obstacle::NotFound);
            }
            above = self.parent(above);
        }
        self.insert(parent, name, id)
    }

    fn whiteout(&mut self, path: &EntryPath) -> Result<(), Obstacle> {
        let Some((parent, name)) = path.split() else { return Ok(()) };
        let parent = self.find(parent, Missing::Fail)?;
        if self.upper.contains(&(parent, name.into())) {
            return self.opaque(path);
        }
        let id = self.child(parent, name).ok_or(Obstacle::NotFound)?;
        if !self.prune(id)
            && let What::Directory(directory) = &mut self.nodes[parent]
        {
            directory.children.remove(name);
        }
        Ok(())
    }

    fn opaque(&mut self, path: &EntryPath) -> Result<(), Obstacle> {
        let id = match path.split() {
            None => ROOT,
            Some((parent, name)) => {
                let parent = self.find(parent, Missing::Fail)?;
                self.child(parent, name).ok_or(Obstacle::NotFound)?
            }
        };
        self.prune(id);
        Ok(())
    }

    /// Removes all below a directory that this layer has not put there, and says whether anything is
    /// left.
    fn prune(&mut self, top: Id) -> bool {
        // Parents before children.
        let mut all = vec![top];
        let mut place = 0;
        while let Some(id) = all.get(place) {
            if let What::Directory(directory) = &self.nodes[*id] {
                let below = directory.children.values().copied();
                all.extend(below.filter(|id| matches!(self.nodes[*id], What::Directory(_))));
            }
            place += 1;
        }
        let mut holds = HashSet::new();
        for id in all.into_iter().rev() {
            let upper = &self.upper;
            if let What::Directory(directory) = &mut self.nodes[id] {
                directory.children.retain(|name, child| {
                    holds.contains(child) || upper.contains(&(id, name.clone()))
                });
                if !directory.children.is_empty() {
                    holds.insert(id);
                }
            }
        }
        holds.contains(&top)
    }

    /// The directory at a path. With [`Missing::Make`], what is missing is made, also where a link
    /// leads to nowhere, and in the place of what is not a directory.
    fn find(&mut self, path: &[u8], missing: Missing) -> Result<Id, Obstacle> {
        let mut here = ROOT;
        let mut way = Way::new(path);
        while let Some(name) = way.next() {
            if *name == b".."[..] {
                here = self.parent(here);
                continue;
            }
            let there = self.child(here, &name);
            if let Some(target) = there.and_then(|id| self.nodes[id].link()) {
                here = way.follow(target, here)?;
                continue;
            }
            here = match (there.map(|id| (id, &self.nodes[id])), missing) {
                (Some((id, What::Directory(_))), _) => id,
                (_, Missing::Make) => self.put(here, &name, Directory::empty(here))?,
                (Some(_), Missing::Fail) => return Err(Obstacle::NotADirectory),
                (None, Missing::Fail) => return Err(Obstacle::NotFound),
            };
        }
        Ok(here)
    }

    fn child(&self, directory: Id, name: &[u8]) -> Option<Id> {
        match &self.nodes[directory] {
            What::Directory(directory) => directory.children.get(name).copied(),
            _ => None,
        }
    }

    fn parent(&self, id: Id) -> Id {
        match &self.nodes[id] {
            What::Directory(directory) => directory.parent,
            _ => ROOT,
        }
    }

    /// Puts something new in a directory, in the place of what was there.
    fn put(&mut self, directory: Id, name: &[u8], what: What) -> Result<Id, Obstacle> {
        let id = self.nodes.len();
        self.take(what.link().map_or(0, <[u8]>::len))?;
        self.insert(directory, name, id)?;
        self.nodes.push(what);
        Ok(id)
    }

    fn insert(&mut self, directory: Id, name: &[u8], id: Id) -> Result<(), Obstacle> {
        self.take(NODE + name.len())?;
        if let What::Directory(directory) = &mut self.nodes[directory] {
            directory.children.insert(name.into(), id);
        }
        Ok(())
    }

    fn describe(&mut self, id: Id, metadata: &Metadata) -> Result<(), Obstacle> {
        self.take(NODE)?;
        self.take_metadata(metadata)?;
        let layer = self.now.layer;
        if let What::Directory(directory) = &mut self.nodes[id] {
            directory.said = Some((Box::new(metadata.clone()), layer));
        }
        Ok(())
    }

    fn take_metadata(&mut self, metadata: &Metadata) -> Result<(), Obstacle> {
        let xattrs = metadata.xattrs.iter().map(|(name, value)| NODE + name.len() + value.len());
        let windows = metadata.windows.iter().map(|(key, value)| NODE + key.len() + value.len());
        self.take(xattrs.chain(windows).sum())
    }

    /// Takes memory. None is given back: what is replaced costs as much.
    fn take(&mut self, bytes: usize) -> Result<(), Obstacle> {
        self.taken = self.taken.saturating_add(bytes as u64);
        match self.taken > self.limit {
            true => Err(Obstacle::TooMuch(self.limit)),
            false => Ok(()),
        }
    }
}

/// The names that are still to be gone through.
struct Way {
    ahead: Vec<Box<[u8]>>,
    links: usize,
}

impl Way {
    fn new(path: &[u8]) -> Self {
        let mut way = Self { ahead: Vec::new(), links: 0 };
        way.push(path);
        way
    }

    fn next(&mut self) -> Option<Box<[u8]>> {
        self.ahead.pop()
    }

    /// Goes on along a link in the directory `here`, and gives the directory that it starts from.
    fn follow(&mut self, target: &[u8], here: Id) -> Result<Id, Obstacle> {
        self.links += 1;
        if self.links > LINKS {
            return Err(Obstacle::Loop);
        }
        self.push(target);
        Ok(if target.starts_with(b"/") { ROOT } else { here })
    }

    fn push(&mut self, path: &[u8]) {
        let names = path.split(|byte| *byte == b'/').filter(|name| !matches!(*name, b"" | b"."));
        self.ahead.extend(names.rev().map(Into::into));
    }
}

/// What hides something that is not there hides nothing.
fn unless_missing(done: Result<(), Obstacle>) -> Result<(), Obstacle> {
    match done {
        Err(Obstacle::NotFound | Obstacle::NotADirectory | Obstacle::Loop) => Ok(()),
        done => done,
    }
}
