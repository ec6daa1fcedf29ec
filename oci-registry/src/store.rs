//! What the registry holds, over any [`Backend`].

use std::fmt;
use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use oci_digest::Digest;
use oci_image::{AnyDocument, json};

use oci_image::{RepositoryName, Tag, TagOrDigest};

use crate::conditions::Conditions;
use crate::page::Entries;

mod backend;
mod directory;
mod manifest;
mod memory;

pub use backend::{Backend, Blob, Collection, Content, Record, Stage};
pub use directory::DirectoryError;
pub(crate) use manifest::StoredManifest;

/// The content of a registry: blobs, manifests, tags and referrers of repositories.
///
/// A clone is another handle to the same content, so one store can be served twice, or read by a
/// test while it is served.
#[derive(Clone)]
pub struct Store(Arc<Shared>);

struct Shared {
    backend: Box<dyn Backend>,
    /// Held while several records change together, or while one is written because another exists.
    changes: Mutex<()>,
}

impl Store {
    /// An empty store in memory.
    pub fn memory() -> Self {
        Self::new(memory::Memory::default())
    }

    /// The store in the directory `path`, which is made if there is none.
    ///
    /// What was acknowledged is on disk (file and directory are synced), and what was not leaves no
    /// trace but a temporary file that the next start removes. Open uploads end with the process.
    ///
    /// # Errors
    /// If the directory cannot be made, or another process or store has it open.
    pub fn directory(path: impl AsRef<Path>) -> Result<Self, DirectoryError> {
        directory::Directory::open(path.as_ref()).map(Self::new)
    }

    /// A store over a backend of your own.
    pub fn new(backend: impl Backend) -> Self {
        Self(Arc::new(Shared { backend: Box::new(backend), changes: Mutex::new(()) }))
    }

    pub(crate) fn backend(&self) -> &dyn Backend {
        &*self.0.backend
    }

    /// The guarded unit is empty, so a panic while it was held has left nothing half done in it.
    fn changes(&self) -> MutexGuard<'_, ()> {
        self.0.changes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn unlink_blob(&self, name: &RepositoryName, digest: &Digest) -> io::Result<bool> {
        let _changes = self.changes();
        self.backend().unlink(name, digest)
    }

    pub(crate) fn manifest(
        &self,
        name: &RepositoryName,
        digest: &Digest,
    ) -> io::Result<Option<StoredManifest>> {
        let record = self.backend().read(name, &Record::Manifest(digest.clone()))?;
        record.map(|record| StoredManifest::from_record(digest.clone(), record)).transpose()
    }

    /// The digest that a tag names.
    pub(crate) fn tag(&self, name: &RepositoryName, tag: &Tag) -> io::Result<Option<Digest>> {
        let record = self.backend().read(name, &Record::Tag(tag.clone()))?;
        record.map(|record| parse_digest(&record)).transpose()
    }

    /// Keeps a manifest, lists it at its subject, and points the tags at it, in this order: nothing
    /// is named before it is there. Between the look at what is there now, which the conditions are about, and
    /// the change, nothing else changes.
    pub(crate) fn put_manifest(
        &self,
        name: &RepositoryName,
        put: &Put<'_>,
    ) -> io::Result<Result<(), NotPut>> {
        let Put { reference, conditions, is_sparse, manifest, document, tags } = put;
        let _changes = self.changes();
        let current = match reference {
            TagOrDigest::Tag(tag) => self.tag(name, tag)?,
            TagOrDigest::Digest(digest) => {
                self.manifest(name, digest)?.map(|manifest| manifest.digest)
            }
        };
        if !conditions.hold(current.as_ref()) {
            return Ok(Err(NotPut::Conditions));
        }
        if !is_sparse && let Some(missing) = self.missing_child(name, *document)? {
            return Ok(Err(NotPut::Missing(missing)));
        }
        let digest = &manifest.digest;
        let mut records = vec![(Record::Manifest(digest.clone()), manifest.to_record())];
        if let Some(document) = document
            && let Some(subject) = document.subject()
        {
            let subject = subject.digest.clone();
            let record = Record::Referrer { subject, referrer: digest.clone() };
            let entry = json::to_vec(&document.as_referrer()).map_err(invalid)?;
            records.push((record, entry));
        }
        let tagged = |tag: &Tag| (Record::Tag(tag.clone()), digest.as_str().into());
        records.extend(tags.iter().map(tagged));
        self.backend().write(name, &records).map(Ok)
    }

    /// Content that is elsewhere (`urls`, as foreign layers have) need not be pushed.
    fn missing_child(
        &self,
        name: &RepositoryName,
        document: Option<&AnyDocument>,
    ) -> io::Result<Option<Digest>> {
        let children = document.map(AnyDocument::children).unwrap_or_default();
        for child in children {
            if !child.may_be_elsewhere() && !self.has(name, &child.digest)? {
                return Ok(Some(child.digest.clone()));
            }
        }
        Ok(None)
    }

    /// Whether the repository has this content, as a blob or as a manifest.
    fn has(&self, name: &RepositoryName, digest: &Digest) -> io::Result<bool> {
        Ok(self.backend().open(name, digest)?.is_some()
            || self.backend().read(name, &Record::Manifest(digest.clone()))?.is_some())
    }

    /// Forgets a manifest, the tags that name it, and its place among the referrers of its subject.
    pub(crate) fn delete_manifest(
        &self,
        name: &RepositoryName,
        digest: &Digest,
    ) -> io::Result<bool> {
        let _changes = self.changes();
        let Some(manifest) = self.manifest(name, digest)? else { return Ok(false) };
        self.untag(name, digest)?;
        if let Some(subject) = manifest.subject() {
            self.backend().remove(name, &Record::Referrer { subject, referrer: digest.clone() })?;
        }
        self.backend().remove(name, &Record::Manifest(digest.clone()))
    }

    pub(crate) fn delete_tag(&self, name: &RepositoryName, tag: &Tag) -> io::Result<bool> {
        let _changes = self.changes();
        self.backend().remove(name, &Record::Tag(tag.clone()))
    }

    /// The first names of a collection.
    pub(crate) fn first(
        &self,
        name: &RepositoryName,
        collection: &Collection,
        mut entries: Entries,
    ) -> io::Result<Vec<String>> {
        self.backend().list(name, collection, &mut |name| entries.add(name))?;
        let names = entries.in_order();
        for name in &names {
            match collection {
                Collection::Tags => name.parse::<Tag>().map(drop).map_err(invalid)?,
                Collection::Referrers(_) => parse_digest(name.as_bytes()).map(drop)?,
            }
        }
        Ok(names)
    }

    /// Removes the tags that name a manifest.
    fn untag(&self, name: &RepositoryName, digest: &Digest) -> io::Result<()> {
        let mut after: Option<String> = None;
        loop {
            let entries = Entries::new(after.as_deref(), TAGS);
            let tags = self.first(name, &Collection::Tags, entries)?;
            for tag in &tags {
                let tag: Tag = tag.parse().map_err(invalid)?;
                if self.tag(name, &tag)?.as_ref() == Some(digest) {
                    self.backend().remove(name, &Record::Tag(tag))?;
                }
            }
            if tags.len() <= TAGS {
                return Ok(());
            }
            after = tags.into_iter().last();
        }
    }

    /// The descriptor that lists `referrer` among the referrers of `subject`.
    pub(crate) fn referrer(
        &self,
        name: &RepositoryName,
        subject: &Digest,
        referrer: &Digest,
    ) -> io::Result<Option<serde_json::Value>> {
        let record = Record::Referrer { subject: subject.clone(), referrer: referrer.clone() };
        let descriptor = self.backend().read(name, &record)?;
        descriptor.map(|bytes| serde_json::from_slice(&bytes).map_err(invalid)).transpose()
    }
}

/// How many tags are looked at at a time.
const TAGS: usize = 10_000;

/// A manifest that is to be kept, and as what.
pub(crate) struct Put<'a> {
    /// What the client named, and what it says of that.
    pub(crate) reference: &'a TagOrDigest,
    pub(crate) conditions: Conditions,
    /// What it lists need not be there.
    pub(crate) is_sparse: bool,
    pub(crate) manifest: &'a StoredManifest,
    pub(crate) document: Option<&'a AnyDocument>,
    pub(crate) tags: &'a [Tag],
}

/// Why a manifest was not kept.
pub(crate) enum NotPut {
    /// The repository has no content of this digest, which is the first of the manifest's children without.
    Missing(Digest),
    /// The conditions of the request do not hold.
    Conditions,
}

fn parse_digest(bytes: &[u8]) -> io::Result<Digest> {
    std::str::from_utf8(bytes).map_err(invalid)?.parse().map_err(invalid)
}

fn invalid(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, error)
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Store").field(&self.0.backend).finish()
    }
}

/// Bytes of a blob, wherever they lie.
impl Blob {
    pub(crate) fn read_at(&self, first: u64, length: u64) -> io::Result<Bytes> {
        let length = usize::try_from(length).map_err(invalid)?;
        self.content.read_at(first, length)
    }
}
