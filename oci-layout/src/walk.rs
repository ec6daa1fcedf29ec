use std::collections::HashSet;

use oci_image::blob::{BlobSource, BlobSourceExt};
use oci_image::{AnyDocument, Descriptor, Digest};

use crate::{Error, ErrorKind};

/// How deep indexes may be nested.
pub const DEPTH_LIMIT: usize = 32;

/// How many manifests and indexes a graph may have.
pub const DOCUMENT_COUNT_LIMIT: usize = 1 << 20;

/// One thing of a graph: where it stands and, for manifests and indexes, what it says.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Node {
    /// What names it.
    pub descriptor: Descriptor,
    /// How many documents stand above it.
    pub depth: usize,
    /// The manifest or index, if it is one and is there.
    pub document: Option<AnyDocument>,
    /// Whether it is a manifest or index that is not there.
    pub missing: bool,
}

/// The graph below some descriptors, depth first, parents before children, each digest once; twice if
/// it is named both as a manifest or index and as something else, such as a layer.
///
/// Manifests and indexes are read and verified; configs, layers and content of unknown type are named
/// and not opened. Subjects count as children. Documents that are missing are said to be, as a layout
/// need not be complete.
#[derive(Debug)]
#[must_use]
pub struct Walk<'a, S: ?Sized> {
    source: &'a S,
    todo: Vec<(Descriptor, usize)>,
    /// What was visited, and whether as a document: who names a manifest as a layer must not hide what
    /// stands below it.
    seen: HashSet<(Digest, bool)>,
    documents: usize,
}

impl<'a, S: BlobSource + ?Sized> Walk<'a, S> {
    /// Walks the graphs below `roots`, one after the other.
    pub fn new(source: &'a S, roots: impl IntoIterator<Item = Descriptor>) -> Self {
        let mut todo: Vec<_> = roots.into_iter().map(|root| (root, 0)).collect();
        todo.reverse();
        Self { source, todo, seen: HashSet::new(), documents: 0 }
    }

    fn visit(&mut self, descriptor: Descriptor, depth: usize) -> Result<Node, Error> {
        let mut node = Node { descriptor, depth, document: None, missing: false };
        if !node.descriptor.media_type.is_manifest_or_index() {
            return Ok(node);
        }
        self.documents += 1;
        if depth > DEPTH_LIMIT || self.documents > DOCUMENT_COUNT_LIMIT {
            let text = format!("graph at `{}` is too deep or too large", node.descriptor.digest);
            return Err(Error::new(ErrorKind::Invalid, text));
        }
        match self.source.any_document(&node.descriptor) {
            Ok(document) => {
                let below = document.children().into_iter().chain(document.subject());
                let below: Vec<_> = below.cloned().map(|child| (child, depth + 1)).collect();
                self.todo.extend(below.into_iter().rev());
                node.document = Some(document);
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => node.missing = true,
            Err(error) => {
                let text = format!("cannot read document `{}`", node.descriptor.digest);
                return Err(Error::io(text, error));
            }
        }
        Ok(node)
    }
}

impl<S: BlobSource + ?Sized> Iterator for Walk<'_, S> {
    type Item = Result<Node, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let (descriptor, depth) = self.todo.pop()?;
            let place = (descriptor.digest.clone(), descriptor.media_type.is_manifest_or_index());
            if self.seen.insert(place) {
                return Some(self.visit(descriptor, depth));
            }
        }
    }
}
