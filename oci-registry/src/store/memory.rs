use std::collections::BTreeMap;
use std::fmt;
use std::io::{self, Cursor, Read, Write};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use oci_digest::Digest;
use oci_image::RepositoryName;

use super::{Backend, Blob, Collection, Content, Record, Stage};

/// Everything in maps. Equal blobs that were mounted share their bytes.
#[derive(Default)]
pub(super) struct Memory(Arc<Mutex<Repositories>>);

type Repositories = BTreeMap<RepositoryName, Repository>;

#[derive(Default)]
struct Repository {
    blobs: BTreeMap<Digest, Bytes>,
    records: BTreeMap<Record, Bytes>,
}

/// Each change of the maps is one call, so there is nothing half done after a panic.
fn lock(repositories: &Mutex<Repositories>) -> MutexGuard<'_, Repositories> {
    repositories.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Backend for Memory {
    fn stage(&self) -> io::Result<Box<dyn Stage>> {
        Ok(Box::new(Staged { bytes: Vec::new(), repositories: self.0.clone() }))
    }

    fn open(&self, name: &RepositoryName, digest: &Digest) -> io::Result<Option<Blob>> {
        let bytes = lock(&self.0).get(name).and_then(|it| it.blobs.get(digest)).cloned();
        Ok(bytes.map(|bytes| Blob::new(bytes.len() as u64, InMemory(bytes))))
    }

    fn link(&self, from: &RepositoryName, to: &RepositoryName, blob: &Digest) -> io::Result<bool> {
        let mut repositories = lock(&self.0);
        let bytes = repositories.get(from).and_then(|it| it.blobs.get(blob)).cloned();
        let Some(bytes) = bytes else { return Ok(false) };
        repositories.entry(to.clone()).or_default().blobs.insert(blob.clone(), bytes);
        Ok(true)
    }

    fn unlink(&self, name: &RepositoryName, blob: &Digest) -> io::Result<bool> {
        let removed = lock(&self.0).get_mut(name).and_then(|it| it.blobs.remove(blob));
        Ok(removed.is_some())
    }

    fn read(&self, name: &RepositoryName, record: &Record) -> io::Result<Option<Bytes>> {
        Ok(lock(&self.0).get(name).and_then(|it| it.records.get(record)).cloned())
    }

    fn write(&self, name: &RepositoryName, records: &[(Record, Vec<u8>)]) -> io::Result<()> {
        let mut repositories = lock(&self.0);
        let repository = repositories.entry(name.clone()).or_default();
        let records = records.iter().cloned();
        repository.records.extend(records.map(|(record, value)| (record, value.into())));
        Ok(())
    }

    fn remove(&self, name: &RepositoryName, record: &Record) -> io::Result<bool> {
        let removed = lock(&self.0).get_mut(name).and_then(|it| it.records.remove(record));
        Ok(removed.is_some())
    }

    fn list(
        &self,
        name: &RepositoryName,
        collection: &Collection,
        visit: &mut dyn FnMut(&str),
    ) -> io::Result<()> {
        let repositories = lock(&self.0);
        let records = repositories.get(name).map(|it| it.records.keys()).into_iter().flatten();
        records.filter_map(|record| listed(record, collection)).for_each(visit);
        Ok(())
    }

    fn knows(&self, name: &RepositoryName) -> io::Result<bool> {
        Ok(lock(&self.0).contains_key(name))
    }

    fn repositories(&self, visit: &mut dyn FnMut(&RepositoryName)) -> io::Result<()> {
        lock(&self.0).keys().for_each(visit);
        Ok(())
    }
}

fn listed<'a>(record: &'a Record, collection: &Collection) -> Option<&'a str> {
    match (record, collection) {
        (Record::Tag(tag), Collection::Tags) => Some(tag.as_str()),
        (Record::Referrer { subject, referrer }, Collection::Referrers(of)) if subject == of => {
            Some(referrer.as_str())
        }
        _ => None,
    }
}

impl fmt::Debug for Memory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Memory").field("repositories", &lock(&self.0).len()).finish()
    }
}

struct InMemory(Bytes);

impl Content for InMemory {
    fn read_at(&self, first: u64, length: usize) -> io::Result<Bytes> {
        let first = usize::try_from(first).map_err(super::invalid)?;
        let end = first.checked_add(length).filter(|end| *end <= self.0.len());
        let end = end.ok_or(io::ErrorKind::UnexpectedEof)?;
        Ok(self.0.slice(first..end))
    }
}

struct Staged {
    bytes: Vec<u8>,
    repositories: Arc<Mutex<Repositories>>,
}

impl Write for Staged {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.bytes.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Stage for Staged {
    fn reread(&mut self) -> io::Result<Box<dyn Read + '_>> {
        Ok(Box::new(Cursor::new(&self.bytes)))
    }

    fn commit(self: Box<Self>, name: &RepositoryName, digest: &Digest) -> io::Result<()> {
        let mut repositories = lock(&self.repositories);
        let repository = repositories.entry(name.clone()).or_default();
        repository.blobs.insert(digest.clone(), self.bytes.into());
        Ok(())
    }
}
