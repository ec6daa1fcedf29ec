//! What is at which path, and where it comes from.

use std::collections::HashMap;

use super::tree::{Directory, Other, What};
use super::{Files, PathPattern};
use crate::layer::{Entry, EntryPath, Kind, Metadata};

/// A file of an image.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ListedFile {
    /// Its path, type, size, mode, owner, time, attributes and the target of a link. Further names of a
    /// file are hard links to the first one, in the order of the list.
    pub entry: Entry,
    /// The number of the layer that it comes from, the base being 1: the one with its content, or the last
    /// one that describes a directory. `None` for directories that no layer describes.
    pub layer: Option<usize>,
}

impl<S: ?Sized> Files<'_, S> {
    /// All files, each directory before what is in it, and names byte by byte. The root is among them.
    ///
    /// Directories that no layer describes have mode 0755 and belong to 0:0, as unpacking makes them.
    pub fn list(&self) -> impl Iterator<Item = ListedFile> + '_ {
        let mut open = vec![(EntryPath::ROOT, 0)];
        let mut first = HashMap::new();
        std::iter::from_fn(move || {
            let (path, id) = open.pop()?;
            let what = self.tree.get(id);
            if let What::Directory(directory) = what {
                let children = directory.children.iter().rev();
                open.extend(children.map(|(name, id)| (path.joined(name), *id)));
            }
            let mut file = listed(path, what);
            if matches!(what, What::Other(_)) {
                let target = first.entry(id).or_insert_with(|| file.entry.path.clone());
                if *target != file.entry.path {
                    file.entry.kind = Kind::Hardlink { target: target.clone() };
                }
            }
            Some(file)
        })
    }

    /// The files whose paths match one of these patterns, in the order of [`list`](Self::list).
    pub fn find<'f>(
        &'f self,
        patterns: &'f [PathPattern],
    ) -> impl Iterator<Item = ListedFile> + 'f {
        let is_asked =
            |file: &ListedFile| patterns.iter().any(|pattern| pattern.matches(&file.entry.path));
        self.list().filter(is_asked)
    }
}

fn listed(path: EntryPath, what: &What) -> ListedFile {
    let (kind, metadata, layer) = match what {
        What::Other(Other { origin, kind, metadata }) => {
            (kind.clone(), (**metadata).clone(), Some(origin.layer))
        }
        What::Directory(Directory { said: Some((metadata, layer)), .. }) => {
            (Kind::Directory, (**metadata).clone(), Some(*layer))
        }
        What::Directory(_) => (Kind::Directory, Metadata::new(0o755), None),
    };
    ListedFile { entry: Entry::new(path, kind, metadata), layer: layer.map(|layer| layer + 1) }
}
