//! A tree as the changes that lead to it.

use std::collections::{HashMap, HashSet};
use std::io::Write;

use oci_image::layer::{Change, Entry, EntryPath, Kind, Writer};

use super::PackOptions;
use super::below::{Below, LowerDirectory};
use super::directory::Directory;
use super::entry::entry;
use super::error::{PackError, Reason};
use super::node::Node;
use super::walk::{Names, OPEN};
use crate::progress::CountedRead;
use crate::root::{Id, Root};

/// Writes what differs between a tree and what lies below it.
pub(super) struct Changes<'a, W: Write> {
    root: &'a Root,
    below: &'a Below<'a>,
    options: &'a PackOptions,
    writer: Writer<W>,
    /// Files of several names of which one differs: then all names are written.
    changed_groups: HashSet<Id>,
    /// The first name that was written of each file of several.
    written: HashMap<Id, EntryPath>,
    stack: Vec<Frame<'a>>,
}

/// A directory on the way down.
struct Frame<'a> {
    directory: Directory<'a>,
    lower: LowerDirectory,
    rest: std::vec::IntoIter<Vec<u8>>,
    /// Its entry, as long as nothing in it was written.
    unwritten: Option<Entry>,
}

impl<'a, W: Write> Changes<'a, W> {
    pub(super) fn new(
        root: &'a Root,
        below: &'a Below<'a>,
        options: &'a PackOptions,
        writer: Writer<W>,
    ) -> Self {
        let (changed_groups, written) = Default::default();
        Self { root, below, options, writer, changed_groups, written, stack: Vec::new() }
    }

    pub(super) fn write(mut self) -> Result<Writer<W>, PackError> {
        if let Below::Tree { .. } = self.below {
            self.find_changed_groups()?;
        }
        let top = match self.below {
            Below::Overlay(layers) => layers.top()?,
            _ => Node::top(self.root)?,
        };
        let mut lower = self.below.enter(&top.path)?;
        let has_root = self.below.has(&mut lower, self.root, &top, self.options)?;
        if !has_root {
            self.upsert(&top, Kind::Directory)?;
        }
        self.enter(top, None, lower)?;
        while let Some(frame) = self.stack.last_mut() {
            let Some(name) = frame.rest.next() else {
                self.stack.pop();
                continue;
            };
            if let Some(node) = frame.directory.child(&name)? {
                self.see(node)?;
            }
        }
        Ok(self.writer)
    }

    fn see(&mut self, node: Node) -> Result<(), PackError> {
        let Some(kind) = node.kind()? else { return Ok(()) };
        let Some(frame) = self.stack.last_mut() else { return Ok(()) };
        let is_changed = match node.is_linked() && self.changed_groups.contains(&node.id()) {
            true => true,
            false => !self.below.has(&mut frame.lower, self.root, &node, self.options)?,
        };
        if is_changed {
            self.write_parents()?;
            self.upsert(&node, kind)?;
        }
        if !node.is_directory() {
            return Ok(());
        }
        let lower = self.below.enter(&node.path)?;
        let unwritten = match is_changed {
            true => None,
            false => Some(self.entry(&node, Kind::Directory)?),
        };
        self.enter(node, unwritten, lower)
    }

    /// Begins with what is in a directory: first what is hidden.
    fn enter(
        &mut self,
        mut node: Node,
        unwritten: Option<Entry>,
        mut lower: LowerDirectory,
    ) -> Result<(), PackError> {
        let hides_all = node.overlaid.as_ref().is_some_and(|overlaid| overlaid.hides());
        let mut directory = Directory::enter(self.root, self.below, &mut node)?;
        let (names, mut hidden) = directory.names()?;
        let below = self.below.names(&mut lower, &node.path)?;
        hidden.extend(missing(&names, below));
        self.stack.push(Frame { directory, lower, rest: names.into_iter(), unwritten });
        self.close_far();
        if hides_all {
            self.write_parents()?;
            self.writer.append(&Change::Opaque(node.path.clone()))?;
        }
        for name in hidden {
            self.write_parents()?;
            let path =
                node.path.join(&name).map_err(|_| Reason::Depth { path: node.path.clone() })?;
            self.writer.append(&Change::Whiteout(path))?;
        }
        Ok(())
    }

    /// Closes the directory that is far above: a deep tree would take all descriptors.
    fn close_far(&mut self) {
        if let Some(far) = self.stack.len().checked_sub(OPEN).and_then(|at| self.stack.get_mut(at))
        {
            far.directory.close();
            far.lower.close();
        }
    }

    /// Writes the directories on the way that were not written yet, so that the layer says all of
    /// what it changes.
    fn write_parents(&mut self) -> Result<(), PackError> {
        for frame in &mut self.stack {
            if let Some(entry) = frame.unwritten.take() {
                self.writer.append(&entry.into())?;
            }
        }
        Ok(())
    }

    fn upsert(&mut self, node: &Node, kind: Kind) -> Result<(), PackError> {
        let kind = match self.written.get(&node.id()).filter(|_| node.is_linked()) {
            Some(target) => Kind::Hardlink { target: target.clone() },
            None => kind,
        };
        if node.is_linked() {
            self.written.entry(node.id()).or_insert_with(|| node.path.clone());
        }
        let entry = self.entry(node, kind)?;
        match matches!(entry.kind, Kind::File { .. }) {
            true => {
                let reader = node.content(self.root)?;
                let progress = self.options.progress.clone();
                Ok(self.writer.append_file(&entry, CountedRead { reader, progress })?)
            }
            false => Ok(self.writer.append(&entry.into())?),
        }
    }

    fn entry(&self, node: &Node, kind: Kind) -> Result<Entry, PackError> {
        entry(node, kind, self.root, self.below.form(), self.options)
    }

    /// Looks for files of several names of which one differs.
    fn find_changed_groups(&mut self) -> Result<(), PackError> {
        let (root, below, options) = (self.root, self.below, self.options);
        let mut lower: Option<(EntryPath, LowerDirectory)> = None;
        let changed = &mut self.changed_groups;
        super::walk::visit(root, &mut |node| {
            if !node.is_linked() || changed.contains(&node.id()) {
                return Ok(());
            }
            let parent = node.path.parent().unwrap_or_default();
            let directory = match &mut lower {
                Some((path, directory)) if *path == parent => directory,
                slot => {
                    let directory = below.enter(&parent)?;
                    &mut slot.insert((parent, directory)).1
                }
            };
            if !below.has(directory, root, node, options)? {
                changed.insert(node.id());
            }
            Ok(())
        })
    }
}

/// The names below that are not listed any more. Both are in order.
fn missing(listed: &[Vec<u8>], below: Names) -> Names {
    let mut here = listed.iter().peekable();
    let mut missing = Vec::new();
    for name in below {
        while here.next_if(|here| **here < name).is_some() {}
        if here.peek().is_none_or(|here| **here != name) {
            missing.push(name);
        }
    }
    missing
}
