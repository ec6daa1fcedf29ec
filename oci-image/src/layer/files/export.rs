//! All files, or what some layers change, in one archive.

use std::collections::{BTreeMap, HashMap};
use std::io::Write;

use super::tree::{Directory, Other, Tree, What};
use super::{Files, FilesError};
use crate::blob::BlobSource;
use crate::build::Layer;
use crate::layer::{Change, Compression, Entry, EntryPath, Kind, Metadata, Order, Writer};

/// What is written, by where it comes from.
struct Plan {
    /// What is below and not there any more.
    gone: Vec<EntryPath>,
    /// Directories that were not written yet.
    directories: BTreeMap<EntryPath, Above>,
    /// Of each layer, the changes that give what is there at last, with all its names.
    names: Vec<HashMap<u64, Names>>,
}

/// A directory, written before what is in it.
struct Above {
    metadata: Metadata,
    /// Whether it is written even if nothing in it is.
    is_new: bool,
}

/// The names of one file.
#[derive(Clone, Default)]
struct Names {
    paths: Vec<EntryPath>,
    /// Whether the file is not below under one of them: then it is written with all.
    is_new: bool,
}

impl<S: BlobSource + ?Sized> Files<'_, S> {
    /// Writes all files as one archive, which is also a layer with the content of all
    /// ([`Image::flatten`](crate::build::Image::flatten)). Gives back where it was written to.
    ///
    /// Files stand in the order of the layers that they come from, behind their directories. The same
    /// layers make the same archive. To give directories their times too, GNU tar has to be told
    /// `--delay-directory-restore`. It is good only if this succeeds: layers are checked as they are
    /// read.
    ///
    /// # Errors
    /// Those of [`new`](Files::new), and if writing fails.
    pub fn export<W: Write>(
        &self,
        out: W,
        compression: &Compression,
    ) -> Result<(W, Layer), FilesError> {
        self.export_above(0, out, compression)
    }

    /// Writes what the layers above the first `below` change, as one layer in their place
    /// ([`Image::squash`](crate::build::Image::squash)): what they add, with the directories that it is in, and
    /// whiteouts for what they remove. Gives back where it was written to.
    ///
    /// A file of the layers below that has more names above is written again with all of them.
    ///
    /// # Errors
    /// As [`export`](Self::export).
    pub fn export_above<W: Write>(
        &self,
        below: usize,
        out: W,
        compression: &Compression,
    ) -> Result<(W, Layer), FilesError> {
        let lower = self.tree_of(below.min(self.layers.len()))?;
        let mut plan = Plan::new(&self.tree, &lower, self.layers.len());
        drop(lower);
        let mut writer = Writer::new(out, compression)?.order(Order::Any);
        for path in std::mem::take(&mut plan.gone) {
            plan.write_parents(&path, &mut writer)?;
            writer.append(&Change::Whiteout(path))?;
        }
        for number in 0..self.layers.len() {
            let mut names = std::mem::take(&mut plan.names[number]);
            if names.is_empty() {
                continue;
            }
            let mut index = 0;
            self.read_layer(number, |change, reader| {
                if let (Change::Upsert(entry), Some(names)) = (change, names.remove(&index)) {
                    plan.write(entry, names.paths, reader, &mut writer)?;
                }
                index += 1;
                Ok(())
            })?;
        }
        for (path, Above { metadata, .. }) in plan.directories.into_iter().filter(|it| it.1.is_new)
        {
            writer.append(&Entry::new(path, Kind::Directory, metadata).into())?;
        }
        let (out, descriptor, diff_id) = writer.finish()?;
        Ok((out, Layer::new(descriptor, diff_id)))
    }
}

impl Plan {
    fn new(tree: &Tree, lower: &Tree, layers: usize) -> Self {
        let (gone, directories) = (Vec::new(), BTreeMap::new());
        let mut plan = Self { gone, directories, names: vec![HashMap::new(); layers] };
        let mut open = vec![(EntryPath::ROOT, tree.root(), Some(lower.root()))];
        while let Some((path, what, old)) = open.pop() {
            match what {
                What::Other(other) => plan.add(path, other, old),
                What::Directory(directory) => {
                    let old = old.and_then(What::directory);
                    let old_child = |name| Some(lower.get(*old?.children.get(name)?));
                    let children = directory.children.iter().rev();
                    open.extend(
                        children
                            .map(|(name, id)| (path.joined(name), tree.get(*id), old_child(name))),
                    );
                    plan.add_directory(path, directory, old);
                }
            }
        }
        for names in &mut plan.names {
            names.retain(|_, names| names.is_new);
        }
        plan
    }

    fn add(&mut self, path: EntryPath, other: &Other, old: Option<&What>) {
        let origin = other.origin;
        let names = self.names[origin.layer].entry(origin.entry).or_default();
        names.paths.push(path);
        names.is_new |= !matches!(old, Some(What::Other(old)) if old.origin == origin);
    }

    fn add_directory(&mut self, path: EntryPath, directory: &Directory, old: Option<&Directory>) {
        let old_names = old.into_iter().flat_map(|old| old.children.keys());
        let gone = old_names.filter(|name| !directory.children.contains_key(*name));
        self.gone.extend(gone.map(|name| path.joined(name)));
        let is_new = old.is_none_or(|old| old.said != directory.said);
        let metadata = match &directory.said {
            Some((metadata, _)) => (**metadata).clone(),
            None if path.is_root() => return,
            None => Metadata::new(0o755),
        };
        self.directories.insert(path, Above { metadata, is_new });
    }

    /// Writes a file under its first name, and links to it under the others.
    fn write<W: Write>(
        &mut self,
        entry: &Entry,
        names: Vec<EntryPath>,
        content: impl std::io::Read,
        writer: &mut Writer<W>,
    ) -> Result<(), FilesError> {
        let mut names = names.into_iter();
        let Some(first) = names.next() else { return Ok(()) };
        self.write_parents(&first, writer)?;
        let file = Entry { path: first.clone(), ..entry.clone() };
        match file.kind {
            Kind::File { .. } => writer.append_file(&file, content)?,
            _ => writer.append(&file.into())?,
        }
        for path in names {
            self.write_parents(&path, writer)?;
            let kind = Kind::Hardlink { target: first.clone() };
            writer.append(&Entry::new(path, kind, entry.metadata.clone()).into())?;
        }
        Ok(())
    }

    /// Writes the directories on the way to a path that were not written yet.
    fn write_parents<W: Write>(
        &mut self,
        path: &EntryPath,
        writer: &mut Writer<W>,
    ) -> Result<(), FilesError> {
        let mut missing = Vec::new();
        let mut above = path.parent();
        while let Some(directory) = above {
            above = directory.parent();
            if let Some(Above { metadata, .. }) = self.directories.remove(&directory) {
                missing.push(Entry::new(directory, Kind::Directory, metadata));
            }
        }
        missing.into_iter().rev().try_for_each(|entry| Ok(writer.append(&entry.into())?))
    }
}
