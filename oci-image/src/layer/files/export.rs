//! All files in one archive.

use std::collections::{BTreeMap, HashMap};
use std::io::Write;

use super::tree::{Tree, What};
use super::{Files, FilesError};
use crate::blob::BlobSource;
use crate::build::Layer;
use crate::layer::{Change, Compression, Entry, EntryPath, Kind, Metadata, Order, Writer};

/// What is written, by where it comes from.
struct Plan {
    /// Directories that were not written yet.
    directories: BTreeMap<EntryPath, Metadata>,
    /// Of each layer, the changes that give what is there at last, with all its names.
    names: Vec<HashMap<u64, Vec<EntryPath>>>,
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
        let mut writer = Writer::new(out, compression)?.order(Order::Any);
        let mut plan = Plan::new(&self.tree, self.layers.len());
        for number in 0..self.layers.len() {
            let mut names = std::mem::take(&mut plan.names[number]);
            if names.is_empty() {
                continue;
            }
            let mut index = 0;
            self.read_layer(number, |change, reader| {
                if let (Change::Upsert(entry), Some(names)) = (change, names.remove(&index)) {
                    plan.write(entry, names, reader, &mut writer)?;
                }
                index += 1;
                Ok(())
            })?;
        }
        for (path, metadata) in plan.directories {
            writer.append(&Entry::new(path, Kind::Directory, metadata).into())?;
        }
        let (out, descriptor, diff_id) = writer.finish()?;
        Ok((out, Layer::new(descriptor, diff_id)))
    }
}

impl Plan {
    fn new(tree: &Tree, layers: usize) -> Self {
        let mut plan = Self { directories: BTreeMap::new(), names: vec![HashMap::new(); layers] };
        let mut open = vec![(EntryPath::ROOT, tree.root())];
        while let Some((path, what)) = open.pop() {
            let origin = match what {
                What::Other(other) => other.origin,
                What::Directory(directory) => {
                    let children = directory.children.iter().rev();
                    open.extend(children.map(|(name, id)| (path.joined(name), tree.get(*id))));
                    match &directory.said {
                        Some((metadata, _)) => plan.directories.insert(path, (**metadata).clone()),
                        None if path.is_root() => None,
                        None => plan.directories.insert(path, Metadata::new(0o755)),
                    };
                    continue;
                }
            };
            plan.names[origin.layer].entry(origin.entry).or_default().push(path);
        }
        plan
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
            if let Some(metadata) = self.directories.remove(&directory) {
                missing.push(Entry::new(directory, Kind::Directory, metadata));
            }
        }
        missing.into_iter().rev().try_for_each(|entry| Ok(writer.append(&entry.into())?))
    }
}
