//! What a descriptor leads to: manifests and indexes, and the blobs that they name.
//!
//! A [`Walk`] reads nothing by itself: it asks for one document after the other, and whoever drives it
//! reads them, blocking or not. [`Walk::over`] drives it over a [`BlobSource`](crate::blob::BlobSource).
//!
//! ```
//! use oci_image::blob::{BlobSinkExt, BlobSourceExt, Memory};
//! use oci_image::graph::{Step, Walk};
//! use oci_image::{AnyDocument, Descriptor, Document, Manifest};
//!
//! let store = Memory::new();
//! store.put(&Descriptor::empty_json(), b"{}")?;
//! let manifest = Document::new(Manifest::new(Descriptor::empty_json()))?;
//! store.put(manifest.descriptor(), manifest.bytes())?;
//!
//! let mut walk = Walk::new([manifest.descriptor().clone()]);
//! let mut found = Vec::new();
//! while let Some(step) = walk.next_step()? {
//!     match step {
//!         Step::Read(descriptor) => walk.found(store.any_document(&descriptor)?)?,
//!         Step::Visit(node) => found.push(node.descriptor),
//!         Step::ListReferrers(_) => walk.referrers([]), // asked for only by `with_referrers`
//!     }
//! }
//! assert_eq!(found, [manifest.descriptor().clone(), Descriptor::empty_json()]);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod limits;
mod nodes;

use std::collections::HashSet;

use crate::{AnyDocument, Descriptor, Digest};

pub use limits::Limits;
pub(crate) use limits::Walked;
pub use nodes::Nodes;

/// A walk over the graphs below some descriptors, depth first, one graph after the other.
///
/// Documents are what the roots, the entries of indexes, subjects and referrers name by the media type
/// of a manifest or index. All else is a blob, also a config or layer that has such a type: it is one by
/// its place. Each digest is visited once as a document and once as a blob, so a manifest that names a
/// document as its layer does not hide what is below it.
#[derive(Debug)]
#[must_use = "a walk does nothing before it is driven"]
pub struct Walk {
    order: Order,
    follows_subjects: bool,
    asks_referrers: bool,
    limits: Limits,
    seen: HashSet<(Digest, bool)>,
    walked: Walked,
    todo: Vec<Task>,
    question: Option<(Question, Place)>,
}

/// When a document is visited. Closed by nature: before or after.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "there is no third")]
pub enum Order {
    /// Before what it points to.
    #[default]
    ParentsFirst,
    /// After what it points to, so that what is stored in this order is whole at any time.
    ChildrenFirst,
}

/// What a walk wants next. Closed by nature: a driver must answer every question.
///
/// The `Step` of a choice is [`platform::choice::Step`](crate::platform::choice::Step).
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "closed by nature")]
#[expect(clippy::large_enum_variant, reason = "it is taken apart at once")]
pub enum Step {
    /// To read this manifest or index: the answer is [`Walk::found`] or [`Walk::missing`].
    Read(Descriptor),
    /// To list what refers to this manifest or index: the answer is [`Walk::referrers`].
    ListReferrers(Descriptor),
    /// To look at this.
    Visit(Node),
}

/// One thing of a graph.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Node {
    /// What names it.
    pub descriptor: Descriptor,
    /// How many documents are above it.
    pub depth: usize,
    /// What it is.
    pub content: Content,
}

/// What a node of a graph is. Closed by nature: what is not a document is a blob.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "closed by nature")]
#[expect(clippy::large_enum_variant, reason = "most are documents or soon dropped")]
pub enum Content {
    /// A manifest or index.
    Document(AnyDocument),
    /// A manifest or index that was [missing](Walk::missing).
    Missing,
    /// Anything else. Whether it is there is not known.
    Blob,
}

impl Node {
    /// The manifest or index, if it is one and is there.
    pub fn document(&self) -> Option<&AnyDocument> {
        match &self.content {
            Content::Document(document) => Some(document),
            Content::Missing | Content::Blob => None,
        }
    }

    /// Whether it is a manifest or index that is not there.
    pub fn is_missing(&self) -> bool {
        self.content == Content::Missing
    }
}

/// Something to be done: the last one of the list is the next.
#[derive(Debug)]
enum Task {
    Enter(Descriptor, Place),
    Leave(Box<Node>),
    ListReferrers(Descriptor, Place),
}

#[derive(Clone, Copy, Debug)]
struct Place {
    depth: usize,
    /// Whether documents are named here: configs and layers are blobs whatever their type.
    holds_documents: bool,
}

#[derive(Clone, Debug)]
enum Question {
    Read(Descriptor),
    ListReferrers(Descriptor),
}

impl Walk {
    /// A walk below `roots`: parents first, following subjects, within the default limits.
    pub fn new(roots: impl IntoIterator<Item = Descriptor>) -> Self {
        let place = Place { depth: 0, holds_documents: true };
        let mut todo: Vec<_> = roots.into_iter().map(|root| Task::Enter(root, place)).collect();
        todo.reverse();
        Self {
            order: Order::default(),
            follows_subjects: true,
            asks_referrers: false,
            limits: Limits::default(),
            seen: HashSet::new(),
            walked: Walked::default(),
            todo,
            question: None,
        }
    }

    /// When documents are visited. Default: parents first.
    pub fn order(mut self, order: Order) -> Self {
        self.order = order;
        self
    }

    /// Leaves out the subjects of referrers, which count as what these point to otherwise.
    pub fn without_subjects(mut self) -> Self {
        self.follows_subjects = false;
        self
    }

    /// Asks for the referrers of each document too. They are visited after it, in both orders.
    pub fn with_referrers(mut self) -> Self {
        self.asks_referrers = true;
        self
    }

    /// How much is walked at most.
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// What to do next; `None` at the end. A question is put again until it is answered.
    ///
    /// # Errors
    /// If the graph is over a limit: the walk ends there.
    pub fn next_step(&mut self) -> Result<Option<Step>, Error> {
        loop {
            match &self.question {
                Some((Question::Read(wanted), _)) => return Ok(Some(Step::Read(wanted.clone()))),
                Some((Question::ListReferrers(subject), _)) => {
                    return Ok(Some(Step::ListReferrers(subject.clone())));
                }
                None => {}
            }
            match self.todo.pop() {
                None => return Ok(None),
                Some(Task::Leave(node)) => return Ok(Some(Step::Visit(*node))),
                Some(Task::ListReferrers(subject, place)) => {
                    self.question = Some((Question::ListReferrers(subject), place));
                }
                Some(Task::Enter(descriptor, place)) => {
                    if let Some(node) = self.enter(descriptor, place)? {
                        return Ok(Some(Step::Visit(node)));
                    }
                }
            }
        }
    }

    /// Visits a blob, or asks for a document.
    fn enter(&mut self, descriptor: Descriptor, place: Place) -> Result<Option<Node>, Error> {
        let is_document = place.holds_documents && descriptor.media_type.is_manifest_or_index();
        if !self.seen.insert((descriptor.digest.clone(), is_document)) {
            return Ok(None);
        }
        if !is_document {
            return Ok(Some(Node { descriptor, depth: place.depth, content: Content::Blob }));
        }
        if let Err(error) = self.walked.count(&descriptor, place.depth, &self.limits) {
            self.todo.clear();
            return Err(error);
        }
        self.question = Some((Question::Read(descriptor), place));
        Ok(None)
    }

    /// Takes the document that was asked for.
    ///
    /// # Errors
    /// If another one, or none, was asked for.
    pub fn found(&mut self, document: AnyDocument) -> Result<(), Error> {
        let digest = &document.descriptor().digest;
        let (descriptor, place) = match self.question.take() {
            Some((Question::Read(wanted), place)) if wanted.digest == *digest => (wanted, place),
            other => {
                self.question = other;
                return Err(Error::NotAsked { digest: digest.clone() });
            }
        };
        let below = Place {
            depth: place.depth + 1,
            holds_documents: matches!(document, AnyDocument::Index(_)),
        };
        let children = document.children().into_iter().cloned();
        let mut tasks: Vec<_> = children.map(|child| Task::Enter(child, below)).collect();
        if let Some(subject) = document.subject().filter(|_| self.follows_subjects) {
            let place = Place { holds_documents: true, ..below };
            tasks.push(Task::Enter(subject.clone(), place));
        }
        let content = Content::Document(document);
        let node = Node { descriptor: descriptor.clone(), depth: place.depth, content };
        self.expand(node, tasks, (descriptor, place));
        Ok(())
    }

    /// Plans the visit of a document and of what it points to.
    fn expand(&mut self, node: Node, mut children: Vec<Task>, this: (Descriptor, Place)) {
        if self.asks_referrers {
            self.todo.push(Task::ListReferrers(this.0, this.1));
        }
        children.reverse();
        match self.order {
            Order::ParentsFirst => {
                self.todo.append(&mut children);
                self.todo.push(Task::Leave(Box::new(node)));
            }
            Order::ChildrenFirst => {
                self.todo.push(Task::Leave(Box::new(node)));
                self.todo.append(&mut children);
            }
        }
    }

    /// Says that the document that was asked for is not there. Nothing happens if none was.
    pub fn missing(&mut self) {
        match self.question.take() {
            Some((Question::Read(descriptor), Place { depth, .. })) => {
                let node = Node { descriptor, depth, content: Content::Missing };
                self.todo.push(Task::Leave(Box::new(node)));
            }
            other => self.question = other,
        }
    }

    /// Takes the referrers that were asked for. Nothing happens if none were.
    pub fn referrers(&mut self, referrers: impl IntoIterator<Item = Descriptor>) {
        match self.question.take() {
            Some((Question::ListReferrers(_), place)) => {
                let place = Place { depth: place.depth + 1, holds_documents: true };
                let first = self.todo.len();
                self.todo.extend(referrers.into_iter().map(|it| Task::Enter(it, place)));
                if let Some(tasks) = self.todo.get_mut(first..) {
                    tasks.reverse();
                }
            }
            other => self.question = other,
        }
    }
}

/// Why a graph is not walked to its end.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Documents are nested too deep.
    #[error(
        "cannot walk to `{digest}`: more than {limit} documents are one below the other, see `Limits::depth`"
    )]
    TooDeep {
        /// The document that is too deep.
        digest: Digest,
        /// The limit.
        limit: usize,
    },
    /// There are too many documents.
    #[error(
        "cannot walk to `{digest}`: there are more than {limit} documents, see `Limits::documents`"
    )]
    TooManyDocuments {
        /// The first document that is too many.
        digest: Digest,
        /// The limit.
        limit: usize,
    },
    /// The documents have too many bytes.
    #[error(
        "cannot walk to `{digest}`: the documents have more than {limit} bytes, see `Limits::bytes`"
    )]
    TooManyBytes {
        /// The first document that is too many.
        digest: Digest,
        /// The limit.
        limit: u64,
    },
    /// A document was given that was not asked for.
    #[error("cannot take document `{digest}`: it was not asked for")]
    NotAsked {
        /// The document.
        digest: Digest,
    },
}
