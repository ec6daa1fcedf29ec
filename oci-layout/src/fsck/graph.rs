use std::error::Error as _;
use std::io;

use oci_image::blob::BlobSourceExt;
use oci_image::graph::{self, Limits, Step, Walk};
use oci_image::{AnyDocument, Descriptor};

use super::{Fault, FaultKind};
use crate::ErrorKind;
use crate::layout::{INDEX_FILE, Layout};

impl Layout {
    /// What is wrong with what the index reaches: documents, presence and sizes. Content is not read.
    pub(super) fn faults_of_references(&self) -> Vec<Fault> {
        let index = match self.read_index() {
            Ok(index) => index,
            Err(error) if error.kind() == ErrorKind::NotFound => {
                return vec![Fault::of(FaultKind::Missing, INDEX_FILE.into(), None, "is missing")];
            }
            Err(error) => {
                let reason = error.source().map_or_else(|| error.to_string(), whole_text);
                let message = format!("cannot be read as an index: {reason}");
                return vec![Fault::of(FaultKind::Document, INDEX_FILE.into(), None, message)];
            }
        };
        let mut graph = Graph { layout: self, faults: Vec::new() };
        let roots = || index.manifests.iter().chain(&index.subject);
        roots().for_each(|root| graph.check_reference(root, INDEX_FILE, FaultKind::Missing));
        let mut walk = Walk::new(roots().cloned()).limits(Limits::store());
        if let Err(error) = graph.follow(&mut walk) {
            let message = format!("cannot be followed: {error}");
            graph.faults.push(Fault::of(FaultKind::Document, INDEX_FILE.into(), None, message));
        }
        graph.faults
    }
}

struct Graph<'a> {
    layout: &'a Layout,
    faults: Vec<Fault>,
}

impl Graph<'_> {
    fn follow(&mut self, walk: &mut Walk) -> Result<(), graph::Error> {
        while let Some(step) = walk.next_step()? {
            match step {
                Step::Read(descriptor) => match self.read(descriptor) {
                    Some(document) => walk.found(document)?,
                    None => walk.missing(),
                },
                Step::Visit(node) => node.document().into_iter().for_each(|it| self.check(it)),
                Step::ListReferrers(_) => walk.referrers([]),
            }
        }
        Ok(())
    }

    /// Checks what a document points to, each time that one does: every descriptor may be wrong. `lack` is what it is if
    /// there is nothing.
    fn check_reference(&mut self, descriptor: &Descriptor, parent: &str, lack: FaultKind) {
        let path = self.layout.blobs().path(&descriptor.digest);
        let (kind, message) = match self.layout.blobs().size(&descriptor.digest) {
            Ok(Some(size)) if size == descriptor.size => return,
            Ok(Some(size)) => (
                FaultKind::Size,
                format!("has {size} bytes, but `{parent}` says {}", descriptor.size),
            ),
            Ok(None) if descriptor.may_be_elsewhere() => return,
            Ok(None) if lack == FaultKind::Sparse => {
                (lack, format!("is not there, and the index `{parent}` lists it"))
            }
            Ok(None) => (lack, format!("is missing, and `{parent}` needs it")),
            Err(error) => (FaultKind::Content, format!("cannot be read: {error}")),
        };
        self.faults.push(Fault::of(kind, path, Some(descriptor.digest.clone()), message));
    }

    fn check(&mut self, document: &AnyDocument) {
        let path = self.layout.blobs().path(&document.descriptor().digest);
        let lack = match document {
            AnyDocument::Index(_) => FaultKind::Sparse,
            AnyDocument::Manifest(_) => FaultKind::Missing,
        };
        for child in document.children() {
            self.check_reference(child, &path, lack);
        }
        // A referrer may be kept without its subject.
        if let Some(subject) = document.subject()
            && !matches!(self.layout.blobs().size(&subject.digest), Ok(None))
        {
            self.check_reference(subject, &path, FaultKind::Missing);
        }
    }

    /// The document of this digest, also if a descriptor states a wrong size: that is a fault of what
    /// points to it, and another reference may be right.
    fn read(&mut self, mut descriptor: Descriptor) -> Option<AnyDocument> {
        let path = self.layout.blobs().path(&descriptor.digest);
        descriptor.size = self.layout.blobs().size(&descriptor.digest).ok()??;
        match self.layout.any_document(&descriptor) {
            Ok(document) => Some(document),
            // Wrong content is found where content is read.
            Err(error) if is_content(&error) => None,
            Err(error) => {
                let message = format!("is refused: {}", whole_text(&error));
                let digest = Some(descriptor.digest);
                self.faults.push(Fault::of(FaultKind::Document, path, digest, message));
                None
            }
        }
    }
}

/// The text of an error and of its sources.
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
pub(super) fn is_content(error: &io::Error) -> bool {
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
