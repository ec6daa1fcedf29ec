use std::fmt;
use std::io;
use std::ops::Range;
use std::sync::Arc;
use std::time::SystemTime;

use bytes::Bytes;
use oci_digest::Digest;
use oci_image::RepositoryName;
use uuid::Uuid;

use super::{Collection, Condition, Record, Write};
use crate::BoxFuture;

/// Which repositories are listed.
pub type Filter = Arc<dyn Fn(&RepositoryName) -> bool + Send + Sync>;

/// Where a [`Store`](crate::Store) keeps its content: blobs, which are large and written in pieces, and
/// records, which are small and are read and written whole.
///
/// Everything belongs to one repository. A backend may hold equal blobs of two repositories once,
/// but then removing one must not remove the other. A repository is known from the first write to it.
///
/// Several calls are under way at a time, also of other processes if the backend can be shared. A write is there for
/// every later read when it returns, and leaves nothing that has a name when it fails, not even a repository that is
/// known. Every name that is a digest or a tag can be read and written, however long it is. Futures of calls that
/// change something are polled to their end; others may be dropped.
///
/// The contract is tested by `oci_registry::store::conformance` (feature `conformance`), which any backend can run.
pub trait Backend: fmt::Debug + Send + Sync + 'static {
    /// A place for a blob that is to be written: of an upload session, which outlives the process if the backend can, or
    /// of one request.
    fn stage<'a>(
        &'a self,
        session: Option<&'a Session>,
    ) -> BoxFuture<'a, io::Result<Box<dyn Stage>>>;

    /// What was written to a session, perhaps by another process, and when last. A backend that cannot tell has none.
    fn resume<'a>(&'a self, session: &'a Session) -> BoxFuture<'a, io::Result<Option<Resumed>>>;

    /// Removes what belongs to sessions that nothing was written to since `before`, and to nothing else.
    fn expire(&self, before: SystemTime) -> BoxFuture<'_, io::Result<()>>;

    /// The blob of this digest.
    fn open<'a>(
        &'a self,
        name: &'a RepositoryName,
        digest: &'a Digest,
    ) -> BoxFuture<'a, io::Result<Option<Blob>>>;

    /// Lets the repository `to` have a blob of `from` too. False if `from` has none.
    fn link<'a>(
        &'a self,
        from: &'a RepositoryName,
        to: &'a RepositoryName,
        blob: &'a Digest,
    ) -> BoxFuture<'a, io::Result<bool>>;

    /// Takes a blob from a repository, if the condition holds. False if it had none, or it does not.
    fn unlink<'a>(
        &'a self,
        name: &'a RepositoryName,
        blob: &'a Digest,
        condition: &'a Condition,
    ) -> BoxFuture<'a, io::Result<bool>>;

    /// As [`unlink`](Self::unlink), of a blob whose content is damaged: a backend may keep it where people find it.
    fn quarantine<'a>(
        &'a self,
        name: &'a RepositoryName,
        blob: &'a Digest,
        condition: &'a Condition,
    ) -> BoxFuture<'a, io::Result<bool>> {
        self.unlink(name, blob, condition)
    }

    /// The value of a record.
    fn read<'a>(
        &'a self,
        name: &'a RepositoryName,
        record: &'a Record,
    ) -> BoxFuture<'a, io::Result<Option<Value>>>;

    /// The value of the manifest that a tag names, and its digest: both records in one call.
    fn read_tagged<'a>(
        &'a self,
        name: &'a RepositoryName,
        tag: &'a oci_image::Tag,
    ) -> BoxFuture<'a, io::Result<Option<(Digest, Value)>>> {
        Box::pin(async move {
            let Some(named) = self.read(name, &Record::Tag(tag.clone())).await? else {
                return Ok(None);
            };
            let digest = super::parse_digest(&named.bytes)?;
            let value = self.read(name, &Record::Manifest(digest.clone())).await?;
            Ok(value.map(|value| (digest, value)))
        })
    }

    /// Sets records, in this order, in place of those that may be there. False, and nothing is set, if the condition of
    /// one of them does not hold; between that look and the change nothing else changes them.
    ///
    /// All are set, or none where it fails; a backend that cannot do that leaves those before the one that failed.
    fn write<'a>(
        &'a self,
        name: &'a RepositoryName,
        records: &'a [Write],
    ) -> BoxFuture<'a, io::Result<bool>>;

    /// Removes a record, if the condition holds. False if there was none, or it does not.
    fn remove<'a>(
        &'a self,
        name: &'a RepositoryName,
        record: &'a Record,
        condition: &'a Condition,
    ) -> BoxFuture<'a, io::Result<bool>>;

    /// Has the blob and the manifest of this digest be as if they were written now. False if neither is there.
    fn renew<'a>(
        &'a self,
        name: &'a RepositoryName,
        digest: &'a Digest,
    ) -> BoxFuture<'a, io::Result<bool>>;

    /// Frees what no repository has, and that nothing was written to since `before`, if that takes space.
    fn reclaim(&self, before: SystemTime) -> BoxFuture<'_, io::Result<()>> {
        let _ = before;
        Box::pin(std::future::ready(Ok(())))
    }

    /// The first names of a collection after `after`, at most so many, in the order of [`Entries`](super::Entries). Memory
    /// grows with them, and not with the collection.
    fn list<'a>(
        &'a self,
        name: &'a RepositoryName,
        collection: &'a Collection,
        after: Option<&'a str>,
        most: usize,
    ) -> BoxFuture<'a, io::Result<Vec<String>>>;

    /// Whether anything was ever written to this repository.
    fn knows<'a>(&'a self, name: &'a RepositoryName) -> BoxFuture<'a, io::Result<bool>>;

    /// The first repositories after `after` that are known and pass the filter, as [`list`](Self::list).
    fn repositories<'a>(
        &'a self,
        filter: Filter,
        after: Option<&'a str>,
        most: usize,
    ) -> BoxFuture<'a, io::Result<Vec<String>>>;
}

/// What was written to a session, and when last.
pub type Resumed = (Box<dyn Stage>, SystemTime);

/// An upload session: its number, and the repository that it is of.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Session {
    /// The repository.
    pub repository: RepositoryName,
    /// The number, which no other session has.
    pub id: Uuid,
}

impl Session {
    /// The session `id` of a repository.
    pub fn new(repository: RepositoryName, id: Uuid) -> Self {
        Self { repository, id }
    }
}

/// A blob while it is written. Its futures are polled to their end.
///
/// That of a session stays when it is dropped, if the backend can keep it; that of one request leaves no trace.
pub trait Stage: Send + 'static {
    /// How many bytes were written, by other processes too.
    ///
    /// # Errors
    /// Of kind [`NotFound`](io::ErrorKind::NotFound) if it was discarded or committed elsewhere.
    fn size(&mut self) -> BoxFuture<'_, io::Result<u64>>;

    /// Writes all of `bytes` at the end. After an error it may have any size.
    fn write(&mut self, bytes: Bytes) -> BoxFuture<'_, io::Result<()>>;

    /// Ends the writes of one request: from here on other processes see them, and nothing is held open until more is
    /// written. An upload may wait for its client for long.
    fn settle(&mut self) -> BoxFuture<'_, io::Result<()>>;

    /// All that was written so far, from the start.
    fn content(&mut self) -> BoxFuture<'_, io::Result<Blob>>;

    /// Makes what was written the blob `digest` of a repository. The digest is right.
    fn commit<'a>(
        self: Box<Self>,
        name: &'a RepositoryName,
        digest: &'a Digest,
    ) -> BoxFuture<'a, io::Result<()>>;

    /// Removes it.
    fn discard(self: Box<Self>) -> BoxFuture<'static, io::Result<()>>;
}

/// The content of a blob, as it was when it was opened, also if it is removed meanwhile.
///
/// The content of a node of a graph is [`oci_image::graph::Content`].
pub trait Content: Send {
    /// The first bytes of a range that lies within the blob: at least one, and at most [`PIECE`]. What is read next is most
    /// likely the rest of the range.
    fn read(&mut self, range: Range<u64>) -> BoxFuture<'_, io::Result<Bytes>>;

    /// Where clients can read it themselves, if they are to.
    fn url(&self) -> Option<BoxFuture<'static, io::Result<String>>> {
        None
    }
}

/// How much of a blob is read at a time, in bytes.
pub const PIECE: usize = 256 << 10;

/// A blob that is there.
#[non_exhaustive]
pub struct Blob {
    /// Its size in bytes.
    pub size: u64,
    /// When it was written or [renewed](Backend::renew).
    pub modified: SystemTime,
    /// Its content.
    pub content: Box<dyn Content>,
}

impl Blob {
    /// A blob of `size` bytes.
    pub fn new(size: u64, modified: SystemTime, content: impl Content + 'static) -> Self {
        Self { size, modified, content: Box::new(content) }
    }
}

impl fmt::Debug for Blob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Blob").field("size", &self.size).finish_non_exhaustive()
    }
}

/// The value of a record.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Value {
    /// The bytes that were written.
    pub bytes: Bytes,
    /// When it was written or [renewed](Backend::renew).
    pub modified: SystemTime,
}

impl Value {
    /// A value as it was written at a time.
    pub fn new(bytes: Bytes, modified: SystemTime) -> Self {
        Self { bytes, modified }
    }
}
