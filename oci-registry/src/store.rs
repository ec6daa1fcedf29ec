//! What the registry holds, over any [`Backend`].

use std::fmt;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};
use oci_digest::Digest;
use oci_image::{AnyDocument, json};
use oci_image::{RepositoryName, Tag, TagOrDigest};

pub use crate::BoxFuture;
use crate::conditions::Conditions;

mod backend;
mod collect;
#[cfg(feature = "conformance")]
pub mod conformance;
mod directory;
mod entries;
mod locks;
mod manifest;
mod memory;
#[cfg(feature = "object-store")]
mod objects;
mod pieces;
mod record;
mod retention;
mod scrub;

pub use backend::{Backend, Blob, Content, Filter, PIECE, Resumed, Session, Stage, Value};
pub use collect::Collected;
pub use directory::DirectoryError;
pub use entries::Entries;
use locks::Locks;
pub(crate) use manifest::StoredManifest;
#[cfg(feature = "object-store")]
pub use objects::Objects;
pub(crate) use pieces::pieces;
pub use record::{Collection, Condition, Record, Write};
pub use retention::{Referrers, Retention, Rule};
pub use scrub::{Damage, DamageKind};

/// The content of a registry: blobs, manifests, tags and referrers of repositories.
///
/// A clone is another handle to the same content, so one store can be served twice, or read by a
/// test while it is served.
#[derive(Clone)]
pub struct Store {
    shared: Arc<Shared>,
    grace: Duration,
}

struct Shared {
    backend: Box<dyn Backend>,
    /// Held while several records of a repository change together, or while one is written because another exists.
    changes: Locks,
}

impl Store {
    /// An empty store in memory.
    pub fn memory() -> Self {
        Self::new(memory::Memory::default())
    }

    /// The store in the directory `path`, which is made if there is none.
    ///
    /// What was acknowledged is on disk (file and directory are synced), and what was not leaves no
    /// trace but a temporary file that the next start removes. Upload sessions go on after a restart. It needs a tokio
    /// runtime when it is used.
    ///
    /// # Errors
    /// If the directory cannot be made, or another process or store has it open.
    pub fn directory(path: impl AsRef<Path>) -> Result<Self, DirectoryError> {
        directory::Directory::open(path.as_ref()).map(Self::new)
    }

    /// A store over a backend of your own.
    pub fn new(backend: impl Backend) -> Self {
        let shared = Shared { backend: Box::new(backend), changes: Locks::default() };
        Self { shared: Arc::new(shared), grace: Duration::from_secs(24 * 60 * 60) }
    }

    /// How long content that nothing names stays after it was pushed, mounted or asked for, so that clients have time to
    /// name it. Default one day. All processes that use one store need the same.
    pub fn grace(mut self, grace: Duration) -> Self {
        self.grace = grace;
        self
    }

    /// Where the content is kept.
    pub fn backend(&self) -> &dyn Backend {
        &*self.shared.backend
    }

    /// The blob, which stays for the time of grace from now on.
    pub(crate) async fn blob(
        &self,
        name: &RepositoryName,
        digest: &Digest,
    ) -> io::Result<Option<Blob>> {
        let Some(blob) = self.backend().open(name, digest).await? else { return Ok(None) };
        let modified = blob.modified;
        Ok(self.stays(name, digest, modified).await.then_some(blob))
    }

    pub(crate) async fn unlink_blob(
        &self,
        name: &RepositoryName,
        digest: &Digest,
    ) -> io::Result<bool> {
        let _changes = self.shared.changes.hold(name).await;
        self.backend().unlink(name, digest, &Condition::Always).await
    }

    /// The manifest, which stays for the time of grace from now on.
    pub(crate) async fn manifest(
        &self,
        name: &RepositoryName,
        digest: &Digest,
    ) -> io::Result<Option<StoredManifest>> {
        let record = Record::Manifest(digest.clone());
        let Some(value) = self.backend().read(name, &record).await? else { return Ok(None) };
        if !self.stays(name, digest, value.modified).await {
            return Ok(None);
        }
        StoredManifest::from_record(digest.clone(), value.bytes).map(Some)
    }

    /// The manifest that a tag names.
    pub(crate) async fn tagged(
        &self,
        name: &RepositoryName,
        tag: &Tag,
    ) -> io::Result<Option<StoredManifest>> {
        let Some((digest, value)) = self.backend().read_tagged(name, tag).await? else {
            return Ok(None);
        };
        if !self.stays(name, &digest, value.modified).await {
            return Ok(None);
        }
        StoredManifest::from_record(digest, value.bytes).map(Some)
    }

    /// Has content stay that somebody asked for. False if it was removed meanwhile.
    async fn stays(&self, name: &RepositoryName, digest: &Digest, modified: SystemTime) -> bool {
        // From a store that cannot be written to, nothing is removed either.
        !self.is_old(modified) || self.backend().renew(name, digest).await.unwrap_or(true)
    }

    /// Whether what was modified then is to be renewed, so that it does not become older than the time of grace while
    /// somebody relies on it.
    fn is_old(&self, modified: SystemTime) -> bool {
        modified.elapsed().is_ok_and(|age| age >= self.grace / 2)
    }

    /// The digest that a tag names.
    pub(crate) async fn tag(&self, name: &RepositoryName, tag: &Tag) -> io::Result<Option<Digest>> {
        let value = self.backend().read(name, &Record::Tag(tag.clone())).await?;
        value.map(|value| parse_digest(&value.bytes)).transpose()
    }

    /// Keeps a manifest, lists it at its subject, and points the tags at it, in this order: nothing
    /// is named before it is there. Between the look at what is there now, which the conditions are about, and
    /// the change, nothing else changes.
    pub(crate) async fn put_manifest(
        &self,
        name: &RepositoryName,
        put: &Put<'_>,
    ) -> io::Result<Result<(), NotPut>> {
        let Put { reference, conditions, is_sparse, manifest, document, tags, immutable } = put;
        let _changes = self.shared.changes.hold(name).await;
        loop {
            let current = match reference {
                _ if conditions.is_empty() => None,
                TagOrDigest::Tag(tag) => self.tag(name, tag).await?,
                TagOrDigest::Digest(digest) => {
                    self.manifest(name, digest).await?.map(|manifest| manifest.digest)
                }
            };
            if !conditions.hold(current.as_ref()) {
                return Ok(Err(NotPut::Conditions));
            }
            if !is_sparse && let Some(missing) = self.missing_child(name, *document).await? {
                return Ok(Err(NotPut::Missing(missing)));
            }
            let mut records = records(manifest, *document, tags)?;
            if let TagOrDigest::Tag(tag) = reference
                && !conditions.is_empty()
            {
                // Another process may change it meanwhile.
                let expected = current.map(|digest| digest.as_str().to_owned().into());
                let condition = expected.map_or(Condition::Absent, Condition::Is);
                let tag = Record::Tag(tag.clone());
                let tagged = records.iter_mut().find(|write| write.record == tag);
                tagged.into_iter().for_each(|write| write.condition = condition.clone());
            }
            for tag in *immutable {
                let condition = match self.tag(name, tag).await? {
                    Some(digest) if digest != manifest.digest => {
                        return Ok(Err(NotPut::Immutable(tag.clone())));
                    }
                    Some(digest) => Condition::Is(digest.as_str().to_owned().into()),
                    None => Condition::Absent,
                };
                let tag = Record::Tag(tag.clone());
                let tagged = records.iter_mut().find(|write| write.record == tag);
                tagged.into_iter().for_each(|write| write.condition = condition.clone());
            }
            if self.backend().write(name, &records).await? {
                return Ok(Ok(()));
            }
        }
    }

    /// Content that is elsewhere (`urls`, as foreign layers have) need not be pushed.
    async fn missing_child(
        &self,
        name: &RepositoryName,
        document: Option<&AnyDocument>,
    ) -> io::Result<Option<Digest>> {
        let children = document.map(AnyDocument::children).unwrap_or_default();
        let children = children.iter().filter(|child| !child.may_be_elsewhere());
        let looks = children.map(|child| child.digest.clone()).map(|digest| async move {
            let has = self.has(name, &digest).await?;
            io::Result::Ok((!has).then_some(digest))
        });
        let looks: Vec<_> = looks.collect();
        let missing = stream::iter(looks).buffered(LOOKS).try_filter_map(async |it| Ok(it));
        std::pin::pin!(missing).try_next().await
    }

    /// Whether the repository has this content, as a blob or as a manifest. If so, it stays for the time of grace.
    async fn has(&self, name: &RepositoryName, digest: &Digest) -> io::Result<bool> {
        let backend = self.backend();
        let blob = backend.open(name, digest).await?.map(|blob| blob.modified);
        let modified = match blob {
            Some(modified) => Some(modified),
            None => {
                let record = Record::Manifest(digest.clone());
                backend.read(name, &record).await?.map(|value| value.modified)
            }
        };
        let Some(modified) = modified else { return Ok(false) };
        // What is removed meanwhile is not renewed.
        if self.is_old(modified) { backend.renew(name, digest).await } else { Ok(true) }
    }

    /// A tag that names a manifest, of those that `is_wanted` chooses.
    pub(crate) async fn tag_of(
        &self,
        name: &RepositoryName,
        digest: &Digest,
        is_wanted: impl Fn(&Tag) -> bool,
    ) -> io::Result<Option<Tag>> {
        let mut after: Option<String> = None;
        loop {
            let tags = self.list(name, &Collection::Tags, after.as_deref(), NAMES).await?;
            for tag in &tags {
                let tag: Tag = tag.parse().map_err(invalid)?;
                if is_wanted(&tag) && self.tag(name, &tag).await?.as_ref() == Some(digest) {
                    return Ok(Some(tag));
                }
            }
            if tags.len() < NAMES {
                return Ok(None);
            }
            after = tags.into_iter().last();
        }
    }

    /// Forgets a manifest, the tags that name it, and its place among the referrers of its subject.
    pub(crate) async fn delete_manifest(
        &self,
        name: &RepositoryName,
        digest: &Digest,
    ) -> io::Result<bool> {
        let _changes = self.shared.changes.hold(name).await;
        let Some(manifest) = self.manifest(name, digest).await? else { return Ok(false) };
        self.untag(name, digest).await?;
        if let Some(subject) = manifest.subject() {
            let record = Record::Referrer { subject, referrer: digest.clone() };
            self.backend().remove(name, &record, &Condition::Always).await?;
        }
        let record = Record::Manifest(digest.clone());
        self.backend().remove(name, &record, &Condition::Always).await
    }

    pub(crate) async fn delete_tag(&self, name: &RepositoryName, tag: &Tag) -> io::Result<bool> {
        let _changes = self.shared.changes.hold(name).await;
        self.backend().remove(name, &Record::Tag(tag.clone()), &Condition::Always).await
    }

    /// The first names of a collection.
    pub(crate) async fn list(
        &self,
        name: &RepositoryName,
        collection: &Collection,
        after: Option<&str>,
        most: usize,
    ) -> io::Result<Vec<String>> {
        let names = self.backend().list(name, collection, after, most).await?;
        for name in &names {
            match collection {
                Collection::Tags => name.parse::<Tag>().map(drop).map_err(invalid)?,
                _ => parse_digest(name.as_bytes()).map(drop)?,
            }
        }
        Ok(names)
    }

    /// Removes the tags that name a manifest.
    async fn untag(&self, name: &RepositoryName, digest: &Digest) -> io::Result<()> {
        let mut after: Option<String> = None;
        loop {
            let tags = self.list(name, &Collection::Tags, after.as_deref(), NAMES).await?;
            for tag in &tags {
                let record = Record::Tag(tag.parse().map_err(invalid)?);
                let names_it = Condition::Is(digest.as_str().to_owned().into());
                self.backend().remove(name, &record, &names_it).await?;
            }
            if tags.len() < NAMES {
                return Ok(());
            }
            after = tags.into_iter().last();
        }
    }

    /// The descriptor that lists `referrer` among the referrers of `subject`.
    pub(crate) async fn referrer(
        &self,
        name: &RepositoryName,
        subject: &Digest,
        referrer: &Digest,
    ) -> io::Result<Option<serde_json::Value>> {
        let record = Record::Referrer { subject: subject.clone(), referrer: referrer.clone() };
        let descriptor = self.backend().read(name, &record).await?;
        descriptor.map(|it| serde_json::from_slice(&it.bytes).map_err(invalid)).transpose()
    }
}

/// How many names are looked at at a time.
const NAMES: usize = 10_000;

/// How many children of a manifest are looked for at a time.
const LOOKS: usize = 8;

/// What is to be written for a manifest, in this order.
fn records(
    manifest: &StoredManifest,
    document: Option<&AnyDocument>,
    tags: &[Tag],
) -> io::Result<Vec<Write>> {
    let digest = &manifest.digest;
    let mut records = vec![Write::new(Record::Manifest(digest.clone()), manifest.to_record())];
    if let Some(document) = document
        && let Some(subject) = document.subject()
    {
        let subject = subject.digest.clone();
        let record = Record::Referrer { subject, referrer: digest.clone() };
        let entry = json::to_vec(&document.as_referrer()).map_err(invalid)?;
        records.push(Write::new(record, entry));
    }
    let value = |digest: &Digest| digest.as_str().to_owned();
    records.extend(tags.iter().map(|tag| Write::new(Record::Tag(tag.clone()), value(digest))));
    Ok(records)
}

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
    /// Those of them that may not be moved.
    pub(crate) immutable: &'a [Tag],
}

/// Why a manifest was not kept.
pub(crate) enum NotPut {
    /// The repository has no content of this digest, which is the first of the manifest's children without.
    Missing(Digest),
    /// The conditions of the request do not hold.
    Conditions,
    /// This tag names another manifest, and may not be moved.
    Immutable(Tag),
}

fn parse_digest(bytes: &[u8]) -> io::Result<Digest> {
    std::str::from_utf8(bytes).map_err(invalid)?.parse().map_err(invalid)
}

fn invalid(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, error)
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Store").field(&self.shared.backend).finish()
    }
}
