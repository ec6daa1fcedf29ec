//! Garbage collection, while the store is served.
//!
//! What is safe to remove is decided by age. Whatever a client was told is there was written or renewed at most half of
//! the time of grace before, and so is younger than the time of grace when the collection begins, which is what counts for
//! all of it. Who is renewed while it goes on is marked then, with all that it needs, before what it needs is looked at:
//! manifests go before what they list.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::io;
use std::sync::Arc;
use std::time::SystemTime;

use oci_digest::Digest;
use oci_image::{AnyDocument, RepositoryName, Tag};

use super::retention::matches;
use super::{Collection, Condition, NAMES, Record, Referrers, Retention, Rule, Store, invalid};

/// What a collection removed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Collected {
    /// Tags, by rules.
    pub tags: u64,
    /// Manifests.
    pub manifests: u64,
    /// Blobs, of each repository that had them.
    pub blobs: u64,
}

impl Store {
    /// Removes what nothing names any more: tags by the rules, manifests that neither a tag nor a manifest that stays
    /// names, and blobs that no manifest lists, if they were neither written nor asked for within the [time of
    /// grace](Self::grace).
    ///
    /// It may go on while the store is served, by any number of processes. Memory grows with the names of repositories, and
    /// with what the manifests of one of them list.
    ///
    /// # Errors
    /// If the store failed, or a manifest that stays cannot be read: then nothing that it may need is removed.
    pub async fn collect(&self, retention: &Retention) -> io::Result<Collected> {
        let before = SystemTime::now().checked_sub(self.grace).unwrap_or(SystemTime::UNIX_EPOCH);
        self.collect_unused_since(before, retention).await
    }

    /// As [`collect`](Self::collect), of what was not written, mounted or asked for since `before`. Clients that rely on
    /// what they were told before that may find it gone.
    pub async fn collect_unused_since(
        &self,
        before: SystemTime,
        retention: &Retention,
    ) -> io::Result<Collected> {
        let mut collected = Collected::default();
        for name in self.all_repositories().await? {
            let mut sweep =
                Sweep { store: self, name: &name, before, marked: HashSet::new(), retention };
            collected.tags += sweep.tags().await?;
            let manifests = sweep.mark().await?;
            collected.manifests += sweep.manifests(manifests).await?;
            collected.blobs += sweep.blobs().await?;
        }
        self.backend().reclaim(before).await?;
        Ok(collected)
    }

    pub(super) async fn all_repositories(&self) -> io::Result<Vec<RepositoryName>> {
        let all: super::Filter = Arc::new(|_: &RepositoryName| true);
        let names = self.backend().repositories(all, None, usize::MAX).await?;
        names.iter().map(|name| name.parse().map_err(invalid)).collect()
    }

    /// All names of a collection, in pages.
    pub(super) fn pages<'a>(&'a self, name: &'a RepositoryName, of: Collection) -> Pages<'a> {
        Pages { store: self, name, of, after: None, is_end: false }
    }
}

/// The names of a collection, page by page.
pub(super) struct Pages<'a> {
    store: &'a Store,
    name: &'a RepositoryName,
    of: Collection,
    after: Option<String>,
    is_end: bool,
}

impl Pages<'_> {
    /// The next names, as far as there are any.
    pub(super) async fn next(&mut self) -> io::Result<Option<Vec<String>>> {
        if self.is_end {
            return Ok(None);
        }
        let names = self.store.list(self.name, &self.of, self.after.as_deref(), NAMES).await?;
        self.is_end = names.len() < NAMES;
        self.after = names.last().cloned();
        Ok(Some(names))
    }
}

/// The collection of one repository.
struct Sweep<'a> {
    store: &'a Store,
    name: &'a RepositoryName,
    before: SystemTime,
    retention: &'a Retention,
    /// What stays: manifests that were looked at, and what they list.
    marked: HashSet<Digest>,
}

/// Manifests that nothing marked, with those that they list.
type Unmarked = HashMap<Digest, Vec<Digest>>;

impl Sweep<'_> {
    /// Removes tags by the rules.
    async fn tags(&self) -> io::Result<u64> {
        let rules = self.retention.rules.iter();
        let rules: Vec<&Rule> =
            rules.filter(|rule| matches(&rule.repositories, self.name.as_str())).collect();
        if rules.is_empty() {
            return Ok(0);
        }
        let mut tags: Vec<Vec<(SystemTime, Tag)>> = vec![Vec::new(); rules.len()];
        let backend = self.store.backend();
        let mut pages = self.store.pages(self.name, Collection::Tags);
        while let Some(page) = pages.next().await? {
            for text in page {
                let Some(rule) = rules.iter().position(|rule| matches(&rule.tags, &text)) else {
                    continue;
                };
                let tag: Tag = text.parse().map_err(invalid)?;
                let value = backend.read(self.name, &Record::Tag(tag.clone())).await?;
                tags[rule].extend(value.map(|value| (value.modified, tag)));
            }
        }
        let mut removed = 0;
        for (rule, mut tags) in rules.into_iter().zip(tags) {
            tags.sort_by(|one, other| other.cmp(one));
            for (modified, tag) in tags.into_iter().skip(rule.newest) {
                let is_young = modified.elapsed().is_ok_and(|age| age < rule.younger_than);
                if is_young || modified > self.before {
                    continue;
                }
                // One that was pushed meanwhile is a young one.
                let unmodified = Condition::UnmodifiedSince(modified);
                let record = Record::Tag(tag);
                removed += u64::from(backend.remove(self.name, &record, &unmodified).await?);
            }
        }
        Ok(removed)
    }

    /// Marks what tags name, and what is young; gives the manifests that this leaves.
    async fn mark(&mut self) -> io::Result<Unmarked> {
        let (store, name) = (self.store, self.name);
        let mut roots = Vec::new();
        let mut pages = store.pages(name, Collection::Tags);
        while let Some(page) = pages.next().await? {
            for tag in page {
                roots.extend(store.tag(name, &tag.parse().map_err(invalid)?).await?);
            }
        }
        let mut manifests = Vec::new();
        let mut pages = store.pages(name, Collection::Manifests);
        while let Some(page) = pages.next().await? {
            for digest in page {
                let digest: Digest = digest.parse().map_err(invalid)?;
                let record = Record::Manifest(digest.clone());
                let value = store.backend().read(name, &record).await?;
                if value.is_some_and(|value| value.modified > self.before) {
                    roots.push(digest.clone());
                }
                manifests.push(digest);
            }
        }
        self.mark_from(roots).await?;
        let mut unmarked = Unmarked::new();
        for digest in manifests {
            if !self.marked.contains(&digest) {
                let listed = self.read(&digest).await?.unwrap_or_default();
                unmarked.insert(digest, listed);
            }
        }
        Ok(unmarked)
    }

    /// Marks manifests, and all that they need.
    async fn mark_from(&mut self, mut open: Vec<Digest>) -> io::Result<()> {
        while let Some(digest) = open.pop() {
            if !self.marked.insert(digest.clone()) {
                continue;
            }
            // What is not a manifest lists nothing, and is the subject of nothing.
            let Some(listed) = self.read(&digest).await? else { continue };
            open.extend(listed);
            if self.retention.referrers == Referrers::WithSubject {
                let mut pages = self.store.pages(self.name, Collection::Referrers(digest));
                while let Some(page) = pages.next().await? {
                    for referrer in page {
                        open.push(referrer.parse().map_err(invalid)?);
                    }
                }
            }
        }
        Ok(())
    }

    /// What a manifest lists; none if there is no manifest of this digest.
    async fn read(&self, digest: &Digest) -> io::Result<Option<Vec<Digest>>> {
        let record = Record::Manifest(digest.clone());
        let Some(value) = self.store.backend().read(self.name, &record).await? else {
            return Ok(None);
        };
        let manifest = super::StoredManifest::from_record(digest.clone(), value.bytes)?;
        let document = manifest.document().transpose().map_err(invalid)?;
        let children = document.as_ref().map(AnyDocument::children).unwrap_or_default();
        Ok(Some(children.iter().map(|child| child.digest.clone()).collect()))
    }

    /// Removes manifests that nothing marked, those first that no other one lists.
    async fn manifests(&mut self, mut unmarked: Unmarked) -> io::Result<u64> {
        let mut removed = 0;
        while !unmarked.is_empty() {
            let listed: HashSet<&Digest> = unmarked.values().flatten().collect();
            let first: BTreeSet<Digest> =
                unmarked.keys().filter(|digest| !listed.contains(digest)).cloned().collect();
            // Digests have no cycle; if there is one, nothing of it is removed.
            if first.is_empty() {
                break;
            }
            for digest in first {
                unmarked.remove(&digest);
                if self.marked.contains(&digest) {
                    continue;
                }
                if self.remove_manifest(&digest).await? {
                    removed += 1;
                } else {
                    // Somebody asked for it meanwhile: it stays, and all that it needs.
                    self.mark_from(vec![digest]).await?;
                }
            }
        }
        Ok(removed)
    }

    async fn remove_manifest(&self, digest: &Digest) -> io::Result<bool> {
        let (store, name) = (self.store, self.name);
        let _changes = store.shared.changes.hold(name).await;
        let record = Record::Manifest(digest.clone());
        let Some(value) = store.backend().read(name, &record).await? else { return Ok(true) };
        let manifest = super::StoredManifest::from_record(digest.clone(), value.bytes)?;
        let unused = Condition::UnmodifiedSince(self.before);
        if !store.backend().remove(name, &record, &unused).await? {
            return Ok(false);
        }
        if let Some(subject) = manifest.subject() {
            let referrer = Record::Referrer { subject, referrer: digest.clone() };
            store.backend().remove(name, &referrer, &Condition::Always).await?;
        }
        Ok(true)
    }

    /// Removes blobs that nothing marked.
    async fn blobs(&self) -> io::Result<u64> {
        let unused = Condition::UnmodifiedSince(self.before);
        let (store, name) = (self.store, self.name);
        let mut removed = 0;
        let mut pages = store.pages(name, Collection::Blobs);
        while let Some(page) = pages.next().await? {
            for digest in page {
                let digest: Digest = digest.parse().map_err(invalid)?;
                if !self.marked.contains(&digest) {
                    removed += u64::from(store.backend().unlink(name, &digest, &unused).await?);
                }
            }
        }
        Ok(removed)
    }
}
