use std::collections::BTreeMap;
use std::fmt;
use std::future::ready;
use std::io;
use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use bytes::Bytes;
use oci_digest::Digest;
use oci_image::{RepositoryName, Tag};

use super::{
    Backend, Blob, BoxFuture, Collection, Condition, Content, Entries, Filter, PIECE, Record,
    Resumed, Session, Stage, Value, Write,
};

/// Everything in maps. Equal blobs that were mounted share their bytes.
#[derive(Default)]
pub(super) struct Memory(Arc<Mutex<Repositories>>);

type Repositories = BTreeMap<RepositoryName, Repository>;

#[derive(Default)]
struct Repository {
    blobs: BTreeMap<Digest, Value>,
    records: BTreeMap<Record, Value>,
}

/// Each change of the maps is one call, so there is nothing half done after a panic.
fn lock(repositories: &Mutex<Repositories>) -> MutexGuard<'_, Repositories> {
    repositories.lock().unwrap_or_else(PoisonError::into_inner)
}

fn done<'a, T: Send + 'a>(value: T) -> BoxFuture<'a, io::Result<T>> {
    Box::pin(ready(Ok(value)))
}

fn holds(condition: &Condition, current: Option<&Value>) -> bool {
    condition.holds(current.map(|value| (&*value.bytes, value.modified)))
}

impl Backend for Memory {
    fn stage<'a>(&'a self, _: Option<&'a Session>) -> BoxFuture<'a, io::Result<Box<dyn Stage>>> {
        done(Box::new(Staged { bytes: Vec::new(), repositories: self.0.clone() }))
    }

    fn resume<'a>(&'a self, _: &'a Session) -> BoxFuture<'a, io::Result<Option<Resumed>>> {
        done(None)
    }

    fn expire(&self, _: SystemTime) -> BoxFuture<'_, io::Result<()>> {
        done(())
    }

    fn open<'a>(
        &'a self,
        name: &'a RepositoryName,
        digest: &'a Digest,
    ) -> BoxFuture<'a, io::Result<Option<Blob>>> {
        let blob = lock(&self.0).get(name).and_then(|it| it.blobs.get(digest)).cloned();
        done(blob.map(|Value { bytes, modified }| {
            Blob::new(bytes.len() as u64, modified, InMemory(bytes))
        }))
    }

    fn link<'a>(
        &'a self,
        from: &'a RepositoryName,
        to: &'a RepositoryName,
        blob: &'a Digest,
    ) -> BoxFuture<'a, io::Result<bool>> {
        let mut repositories = lock(&self.0);
        let value = repositories.get(from).and_then(|it| it.blobs.get(blob));
        let Some(bytes) = value.map(|value| value.bytes.clone()) else { return done(false) };
        let value = Value::new(bytes, SystemTime::now());
        repositories.entry(to.clone()).or_default().blobs.insert(blob.clone(), value);
        done(true)
    }

    fn unlink<'a>(
        &'a self,
        name: &'a RepositoryName,
        blob: &'a Digest,
        condition: &'a Condition,
    ) -> BoxFuture<'a, io::Result<bool>> {
        let mut repositories = lock(&self.0);
        let Some(repository) = repositories.get_mut(name) else { return done(false) };
        let may = holds(condition, repository.blobs.get(blob));
        done(may && repository.blobs.remove(blob).is_some())
    }

    fn read<'a>(
        &'a self,
        name: &'a RepositoryName,
        record: &'a Record,
    ) -> BoxFuture<'a, io::Result<Option<Value>>> {
        done(lock(&self.0).get(name).and_then(|it| it.records.get(record)).cloned())
    }

    fn write<'a>(
        &'a self,
        name: &'a RepositoryName,
        records: &'a [Write],
    ) -> BoxFuture<'a, io::Result<bool>> {
        let mut repositories = lock(&self.0);
        let there = repositories.get(name);
        let current = |record| there.and_then(|it| it.records.get(record));
        if !records.iter().all(|it| holds(&it.condition, current(&it.record))) {
            return done(false);
        }
        let now = SystemTime::now();
        let repository = repositories.entry(name.clone()).or_default();
        let records = records.iter().cloned();
        let values = records.map(|it| (it.record, Value::new(it.value, now)));
        repository.records.extend(values);
        done(true)
    }

    fn remove<'a>(
        &'a self,
        name: &'a RepositoryName,
        record: &'a Record,
        condition: &'a Condition,
    ) -> BoxFuture<'a, io::Result<bool>> {
        let mut repositories = lock(&self.0);
        let Some(repository) = repositories.get_mut(name) else { return done(false) };
        let may = holds(condition, repository.records.get(record));
        done(may && repository.records.remove(record).is_some())
    }

    fn renew<'a>(
        &'a self,
        name: &'a RepositoryName,
        digest: &'a Digest,
    ) -> BoxFuture<'a, io::Result<bool>> {
        let mut repositories = lock(&self.0);
        let Some(repository) = repositories.get_mut(name) else { return done(false) };
        let now = SystemTime::now();
        let blob = repository.blobs.get_mut(digest);
        let manifest = repository.records.get_mut(&Record::Manifest(digest.clone()));
        let values = blob.into_iter().chain(manifest);
        done(values.map(|value| value.modified = now).count() > 0)
    }

    fn list<'a>(
        &'a self,
        name: &'a RepositoryName,
        collection: &'a Collection,
        after: Option<&'a str>,
        most: usize,
    ) -> BoxFuture<'a, io::Result<Vec<String>>> {
        let mut entries = Entries::new(after, most);
        if let Some(repository) = lock(&self.0).get(name) {
            repository.visit(collection, |name| entries.add(name));
        }
        done(entries.in_order())
    }

    fn knows<'a>(&'a self, name: &'a RepositoryName) -> BoxFuture<'a, io::Result<bool>> {
        done(lock(&self.0).contains_key(name))
    }

    fn repositories<'a>(
        &'a self,
        filter: Filter,
        after: Option<&'a str>,
        most: usize,
    ) -> BoxFuture<'a, io::Result<Vec<String>>> {
        let mut entries = Entries::new(after, most);
        let repositories = lock(&self.0);
        let names = repositories.keys().filter(|name| filter(name));
        names.for_each(|name| entries.add(name.as_str()));
        done(entries.in_order())
    }

    fn read_tagged<'a>(
        &'a self,
        name: &'a RepositoryName,
        tag: &'a Tag,
    ) -> BoxFuture<'a, io::Result<Option<(Digest, Value)>>> {
        let repositories = lock(&self.0);
        let records = repositories.get(name).map(|it| &it.records);
        let tagged = records.and_then(|it| it.get(&Record::Tag(tag.clone())));
        let digest = match tagged.map(|value| super::parse_digest(&value.bytes)).transpose() {
            Ok(Some(digest)) => digest,
            Ok(None) => return done(None),
            Err(error) => return Box::pin(ready(Err(error))),
        };
        let value = records.and_then(|it| it.get(&Record::Manifest(digest.clone()))).cloned();
        done(value.map(|value| (digest, value)))
    }
}

impl Repository {
    fn visit(&self, collection: &Collection, mut visit: impl FnMut(&str)) {
        if *collection == Collection::Blobs {
            return self.blobs.keys().for_each(|digest| visit(digest.as_str()));
        }
        for record in self.records.keys() {
            match (record, collection) {
                (Record::Manifest(digest), Collection::Manifests) => visit(digest.as_str()),
                (Record::Tag(tag), Collection::Tags) => visit(tag.as_str()),
                (Record::Referrer { subject, referrer }, Collection::Referrers(of))
                    if subject == of =>
                {
                    visit(referrer.as_str());
                }
                _ => {}
            }
        }
    }
}

impl fmt::Debug for Memory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Memory").field("repositories", &lock(&self.0).len()).finish()
    }
}

struct InMemory(Bytes);

impl Content for InMemory {
    fn read(&mut self, range: Range<u64>) -> BoxFuture<'_, io::Result<Bytes>> {
        let [first, end] = [range.start, range.end].map(|at| usize::try_from(at).ok());
        let range = first.zip(end).filter(|(first, end)| first < end && *end <= self.0.len());
        let slice = range.map(|(first, end)| self.0.slice(first..end.min(first + PIECE)));
        Box::pin(ready(slice.ok_or_else(|| io::ErrorKind::UnexpectedEof.into())))
    }
}

struct Staged {
    bytes: Vec<u8>,
    repositories: Arc<Mutex<Repositories>>,
}

impl Stage for Staged {
    fn size(&mut self) -> BoxFuture<'_, io::Result<u64>> {
        done(self.bytes.len() as u64)
    }

    fn write(&mut self, bytes: Bytes) -> BoxFuture<'_, io::Result<()>> {
        self.bytes.extend_from_slice(&bytes);
        done(())
    }

    fn settle(&mut self) -> BoxFuture<'_, io::Result<()>> {
        done(())
    }

    fn content(&mut self) -> BoxFuture<'_, io::Result<Blob>> {
        let bytes = Bytes::copy_from_slice(&self.bytes);
        done(Blob::new(bytes.len() as u64, SystemTime::now(), InMemory(bytes)))
    }

    fn commit<'a>(
        self: Box<Self>,
        name: &'a RepositoryName,
        digest: &'a Digest,
    ) -> BoxFuture<'a, io::Result<()>> {
        let mut repositories = lock(&self.repositories);
        let repository = repositories.entry(name.clone()).or_default();
        let value = Value::new(self.bytes.into(), SystemTime::now());
        repository.blobs.insert(digest.clone(), value);
        done(())
    }

    fn discard(self: Box<Self>) -> BoxFuture<'static, io::Result<()>> {
        done(())
    }
}
