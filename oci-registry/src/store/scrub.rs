//! Looking whether what is stored is what it is called.

use std::io;
use std::time::{Duration, Instant, SystemTime};

use futures_util::TryStreamExt as _;
use oci_digest::{Digest, Hasher};
use oci_image::{AnyDocument, RepositoryName};

use super::{Blob, Collection, Condition, Record, Store, StoredManifest, invalid, pieces};

/// What is wrong in a store.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Damage {
    /// The repository.
    pub repository: RepositoryName,
    /// What of it.
    pub kind: DamageKind,
}

/// How something is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum DamageKind {
    /// The bytes of a blob are not what its digest says, or cannot be read.
    Blob(Digest),
    /// The bytes of a manifest are not what its digest says, or cannot be read.
    Manifest(Digest),
    /// A manifest lists content that is not there.
    Missing {
        /// The manifest.
        manifest: Digest,
        /// What it lists.
        content: Digest,
    },
    /// A tag names a manifest that is not there, or nothing.
    Tag(String),
}

impl std::fmt::Display for Damage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: ", self.repository)?;
        match &self.kind {
            DamageKind::Blob(digest) => write!(f, "the content of blob `{digest}` is damaged"),
            DamageKind::Manifest(digest) => {
                write!(f, "the content of manifest `{digest}` is damaged")
            }
            DamageKind::Missing { manifest, content } => {
                write!(f, "manifest `{manifest}` lists `{content}`, which is not there")
            }
            DamageKind::Tag(tag) => write!(f, "tag `{tag}` names no manifest that is there"),
        }
    }
}

impl Store {
    /// Reads every blob and manifest, at most at `rate` bytes a second, and calls `tell` with each whose content is not what
    /// its digest says. Such a blob is taken from its repository, so that clients push it again, and so is such a
    /// manifest; the file of a blob of a directory stays below `damaged`.
    ///
    /// It may go on while the store is served.
    ///
    /// # Errors
    /// If the store failed at something else than reading content.
    pub async fn scrub(&self, rate: u64, mut tell: impl FnMut(&Damage)) -> io::Result<()> {
        let mut pace = Pace { rate, start: Instant::now(), read: 0 };
        for repository in self.all_repositories().await? {
            let name = &repository;
            let mut damaged = Vec::new();
            let mut pages = self.pages(name, Collection::Blobs);
            while let Some(page) = pages.next().await? {
                for digest in page {
                    let digest: Digest = digest.parse().map_err(invalid)?;
                    let modified = self.damaged_blob(name, &digest, &mut pace).await?;
                    damaged.extend(modified.map(|modified| (DamageKind::Blob(digest), modified)));
                }
            }
            let mut pages = self.pages(name, Collection::Manifests);
            while let Some(page) = pages.next().await? {
                for digest in page {
                    let digest: Digest = digest.parse().map_err(invalid)?;
                    let modified = self.damaged_manifest(name, &digest, &mut pace).await?;
                    let damage = DamageKind::Manifest(digest);
                    damaged.extend(modified.map(|modified| (damage, modified)));
                }
            }
            for (kind, modified) in damaged {
                // What was pushed again meanwhile is another one.
                let unmodified = Condition::UnmodifiedSince(modified);
                match &kind {
                    DamageKind::Blob(digest) => {
                        self.backend().quarantine(name, digest, &unmodified).await?
                    }
                    DamageKind::Manifest(digest) => {
                        let record = Record::Manifest(digest.clone());
                        self.backend().remove(name, &record, &unmodified).await?
                    }
                    _ => false,
                };
                tell(&Damage { repository: repository.clone(), kind });
            }
        }
        Ok(())
    }

    /// When a blob was written, if its content is not what its digest says.
    async fn damaged_blob(
        &self,
        name: &RepositoryName,
        digest: &Digest,
        pace: &mut Pace,
    ) -> io::Result<Option<SystemTime>> {
        let Some(blob) = self.backend().open(name, digest).await? else { return Ok(None) };
        let modified = blob.modified;
        let actual = hash(blob, digest, pace).await;
        Ok((!actual.is_ok_and(|actual| actual == *digest)).then_some(modified))
    }

    /// When a manifest was written, if its content is not what its digest says.
    async fn damaged_manifest(
        &self,
        name: &RepositoryName,
        digest: &Digest,
        pace: &mut Pace,
    ) -> io::Result<Option<SystemTime>> {
        let record = Record::Manifest(digest.clone());
        let Some(value) = self.backend().read(name, &record).await? else { return Ok(None) };
        pace.read(value.bytes.len() as u64).await;
        let manifest = StoredManifest::from_record(digest.clone(), value.bytes);
        let is_right = manifest.is_ok_and(|manifest| digest.verify(&manifest.bytes).is_ok());
        Ok((!is_right).then_some(value.modified))
    }

    /// Calls `tell` with each tag that names nothing, and each manifest that lists what is not there. Reads manifests, and
    /// of blobs only whether they are there.
    ///
    /// # Errors
    /// If the store failed.
    pub async fn check(&self, mut tell: impl FnMut(&Damage)) -> io::Result<()> {
        for repository in self.all_repositories().await? {
            let name = &repository;
            let mut damaged = Vec::new();
            let mut pages = self.pages(name, Collection::Tags);
            while let Some(page) = pages.next().await? {
                for tag in page {
                    let is_there = match self.tag(name, &tag.parse().map_err(invalid)?).await {
                        Ok(Some(digest)) => self.is_manifest(name, &digest).await?,
                        _ => false,
                    };
                    if !is_there {
                        damaged.push(DamageKind::Tag(tag));
                    }
                }
            }
            let mut pages = self.pages(name, Collection::Manifests);
            while let Some(page) = pages.next().await? {
                for digest in page {
                    let digest: Digest = digest.parse().map_err(invalid)?;
                    damaged.extend(self.faults_of(name, digest).await?);
                }
            }
            for kind in damaged {
                tell(&Damage { repository: repository.clone(), kind });
            }
        }
        Ok(())
    }

    async fn is_manifest(&self, name: &RepositoryName, digest: &Digest) -> io::Result<bool> {
        Ok(self.backend().read(name, &Record::Manifest(digest.clone())).await?.is_some())
    }

    async fn faults_of(
        &self,
        name: &RepositoryName,
        digest: Digest,
    ) -> io::Result<Vec<DamageKind>> {
        let record = Record::Manifest(digest.clone());
        let Some(value) = self.backend().read(name, &record).await? else { return Ok(Vec::new()) };
        let manifest = StoredManifest::from_record(digest.clone(), value.bytes);
        let document = match manifest.map(|manifest| manifest.document().transpose()) {
            Ok(Ok(document)) => document,
            _ => return Ok(vec![DamageKind::Manifest(digest)]),
        };
        let mut faults = Vec::new();
        for child in document.as_ref().map(AnyDocument::children).unwrap_or_default() {
            let content = child.digest.clone();
            if child.may_be_elsewhere()
                || self.backend().open(name, &content).await?.is_some()
                || self.is_manifest(name, &content).await?
            {
                continue;
            }
            faults.push(DamageKind::Missing { manifest: digest.clone(), content });
        }
        Ok(faults)
    }
}

async fn hash(blob: Blob, digest: &Digest, pace: &mut Pace) -> io::Result<Digest> {
    let algorithm = digest.algorithm().ok_or(io::ErrorKind::Unsupported)?;
    let (size, mut hasher) = (blob.size, Hasher::new(algorithm));
    let mut pieces = std::pin::pin!(pieces(blob, 0, size));
    while let Some(piece) = pieces.try_next().await? {
        pace.read(piece.len() as u64).await;
        let work = move || {
            hasher.update(&piece);
            hasher
        };
        hasher = tokio::task::spawn_blocking(work).await?;
    }
    Ok(hasher.finish())
}

/// Reads no faster than so many bytes a second.
struct Pace {
    rate: u64,
    start: Instant,
    read: u64,
}

impl Pace {
    async fn read(&mut self, bytes: u64) {
        self.read += bytes;
        let due = Duration::from_secs_f64(self.read as f64 / self.rate.max(1) as f64);
        let early = due.saturating_sub(self.start.elapsed());
        if early > Duration::ZERO {
            tokio::time::sleep(early).await;
        }
    }
}
