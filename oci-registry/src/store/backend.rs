use std::fmt;
use std::io::{self, Read, Write};

use bytes::Bytes;
use oci_digest::Digest;

use oci_image::{RepositoryName, Tag};

/// Where a [`Store`](crate::Store) keeps its content: blobs, which are large and written in pieces, and
/// records, which are small and are read and written whole.
///
/// Everything belongs to one repository. A backend may hold equal blobs of two repositories once,
/// but then removing one must not remove the other. A repository is known from the first write to it.
///
/// Calls come from threads that may block, several at a time. A write is there for every later
/// read when it returns, and leaves no trace when it fails, not even a repository that is known. Every name
/// that is a digest or a tag can be read and written, however long it is.
pub trait Backend: fmt::Debug + Send + Sync + 'static {
    /// A place for a blob that is to be written.
    fn stage(&self) -> io::Result<Box<dyn Stage>>;

    /// The blob of this digest.
    fn open(&self, name: &RepositoryName, digest: &Digest) -> io::Result<Option<Blob>>;

    /// Lets the repository `to` have a blob of `from` too. False if `from` has none.
    fn link(&self, from: &RepositoryName, to: &RepositoryName, blob: &Digest) -> io::Result<bool>;

    /// Takes a blob from a repository. False if it had none.
    fn unlink(&self, name: &RepositoryName, blob: &Digest) -> io::Result<bool>;

    /// The value of a record.
    fn read(&self, name: &RepositoryName, record: &Record) -> io::Result<Option<Bytes>>;

    /// Sets records, in this order, in place of those that may be there: all, or none where it fails.
    fn write(&self, name: &RepositoryName, records: &[(Record, Vec<u8>)]) -> io::Result<()>;

    /// Removes a record. False if there was none.
    fn remove(&self, name: &RepositoryName, record: &Record) -> io::Result<bool>;

    /// Calls `visit` with the name of each record of a collection, in any order, one by one: there may be more of them than
    /// fit into memory. `visit` does not call the backend.
    fn list(
        &self,
        name: &RepositoryName,
        collection: &Collection,
        visit: &mut dyn FnMut(&str),
    ) -> io::Result<()>;

    /// Whether anything was ever written to this repository.
    fn knows(&self, name: &RepositoryName) -> io::Result<bool>;

    /// Calls `visit` with each repository that is known, in any order, one by one. `visit` does not call the backend.
    fn repositories(&self, visit: &mut dyn FnMut(&RepositoryName)) -> io::Result<()>;
}

/// A blob while it is written. Dropped without [`commit`](Stage::commit), it leaves no trace.
pub trait Stage: Write + Send {
    /// Gives back what it holds open, until more is written: an upload may wait for its client for long.
    fn close(&mut self) {}

    /// All that was written so far, from the start: for a digest by another algorithm than expected.
    fn reread(&mut self) -> io::Result<Box<dyn Read + '_>>;

    /// Makes what was written the blob `digest` of a repository. The digest is right.
    fn commit(self: Box<Self>, name: &RepositoryName, digest: &Digest) -> io::Result<()>;
}

/// The content of a blob, as it was when it was opened, also if it is removed meanwhile.
///
/// The content of a node of a graph is [`oci_image::graph::Content`].
pub trait Content: Send + Sync {
    /// The `length` bytes from `first` on; they all lie within the blob.
    fn read_at(&self, first: u64, length: usize) -> io::Result<Bytes>;
}

/// A blob that is there.
#[non_exhaustive]
pub struct Blob {
    /// Its size in bytes.
    pub size: u64,
    /// Its content.
    pub content: Box<dyn Content>,
}

impl Blob {
    /// A blob of `size` bytes.
    pub fn new(size: u64, content: impl Content + 'static) -> Self {
        Self { size, content: Box::new(content) }
    }
}

impl fmt::Debug for Blob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Blob").field("size", &self.size).finish_non_exhaustive()
    }
}

/// The name of a record in a repository. Closed by nature: a backend keeps every kind.
#[expect(clippy::exhaustive_enums, reason = "closed by nature")]
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Record {
    /// A manifest, with its media type.
    Manifest(Digest),
    /// What a tag names.
    Tag(Tag),
    /// The descriptor of a manifest that has a subject.
    Referrer {
        /// The subject, which need not exist.
        subject: Digest,
        /// The manifest.
        referrer: Digest,
    },
}

/// Records of one kind that are listed together. Closed by nature: a backend lists every kind.
#[expect(clippy::exhaustive_enums, reason = "closed by nature")]
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Collection {
    /// All tags; their names are tags.
    Tags,
    /// All referrers of a subject; their names are digests.
    Referrers(Digest),
}
