use std::collections::HashSet;
use std::error::Error as _;
use std::io;

use oci_image::blob::BlobSourceExt;
use oci_image::{Descriptor, Digest};

use super::{Fault, FaultKind};
use crate::ErrorKind;
use crate::layout::{INDEX_FILE, Layout};

impl Layout {
    /// What is wrong with what the index reaches: documents, presence and sizes. Content is not read.
    pub(super) fn faults_of_references(&self) -> Vec<Fault> {
        let index = match self.index() {
            Ok(index) => index,
            Err(error) if error.kind() == ErrorKind::NotFound => {
                return vec![Fault::of(
                    FaultKind::Missing,
                    INDEX_FILE.into(),
                    None,
                    "is not there",
                )];
            }
            Err(error) => {
                let reason = error.source().map_or_else(|| error.to_string(), whole_text);
                let message = format!("is no index: {reason}");
                return vec![Fault::of(FaultKind::Document, INDEX_FILE.into(), None, message)];
            }
        };
        let mut graph =
            Graph { layout: self, todo: Vec::new(), seen: HashSet::new(), faults: Vec::new() };
        for descriptor in index.manifests.iter().chain(&index.subject) {
            graph.meet(descriptor, INDEX_FILE);
        }
        while let Some(descriptor) = graph.todo.pop() {
            graph.follow(&descriptor);
        }
        graph.faults
    }
}

struct Graph<'a> {
    layout: &'a Layout,
    todo: Vec<Descriptor>,
    seen: HashSet<Digest>,
    faults: Vec<Fault>,
}

impl Graph<'_> {
    /// Looks at what a document points to, each time that one does: every descriptor may be wrong.
    fn meet(&mut self, descriptor: &Descriptor, parent: &str) {
        let path = self.layout.blobs().path(&descriptor.digest);
        let found = self.layout.blobs().size(&descriptor.digest);
        let (kind, message) = match found {
            Ok(Some(size)) if size == descriptor.size => {
                if descriptor.media_type.is_manifest_or_index()
                    && self.seen.insert(descriptor.digest.clone())
                {
                    self.todo.push(descriptor.clone());
                }
                return;
            }
            Ok(Some(size)) => (
                FaultKind::Size,
                format!("has {size} bytes, but `{parent}` says {}", descriptor.size),
            ),
            Ok(None) if descriptor.may_be_elsewhere() => return,
            Ok(None) => (FaultKind::Missing, format!("is not there, but `{parent}` needs it")),
            Err(error) => (FaultKind::Content, format!("cannot be read: {error}")),
        };
        self.faults.push(Fault::of(kind, path, Some(descriptor.digest.clone()), message));
    }

    fn follow(&mut self, descriptor: &Descriptor) {
        let path = self.layout.blobs().path(&descriptor.digest);
        match self.layout.any_document(descriptor) {
            Ok(document) => {
                for child in document.children() {
                    self.meet(child, &path);
                }
                // A referrer may be kept without its subject.
                if let Some(subject) = document.subject()
                    && !matches!(self.layout.blobs().size(&subject.digest), Ok(None))
                {
                    self.meet(subject, &path);
                }
            }
            // Wrong content is found where content is read.
            Err(error) if is_content(&error) => {}
            Err(error) => {
                let digest = Some(descriptor.digest.clone());
                let message = format!("is refused: {}", whole_text(&error));
                self.faults.push(Fault::of(FaultKind::Document, path, digest, message));
            }
        }
    }
}

/// What an error says, and what is below it.
fn whole_text(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        text.push_str(": ");
        text.push_str(&error.to_string());
        source = error.source();
    }
    text
}

/// Whether the error says that the bytes are not those of the digest.
fn is_content(error: &io::Error) -> bool {
    let mut cause: Option<&(dyn std::error::Error + 'static)> =
        error.get_ref().map(|error| error as _);
    while let Some(error) = cause {
        if error.is::<oci_image::oci_digest::VerifyError>() {
            return true;
        }
        cause = error.source();
    }
    false
}
