use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::io::{self, Read, Write};
use std::iter;
use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use oci_digest::{Verified, VerifyError};

use super::{BlobParts, BlobSink, BlobSource, BlobWriter, Ranges, UnnamedWriter};
use crate::{Descriptor, Digest};

/// Blobs held in memory, and those that are kept to be resumed.
#[derive(Debug, Default)]
pub struct Memory {
    blobs: Mutex<BTreeMap<Digest, Arc<[u8]>>>,
    kept: Mutex<BTreeMap<Digest, Partial>>,
}

impl Memory {
    /// No blobs.
    pub fn new() -> Self {
        Self::default()
    }

    /// The digests of the blobs, in order.
    pub fn digests(&self) -> Vec<Digest> {
        lock(&self.blobs).keys().cloned().collect()
    }

    fn writer(&self, blob: &Descriptor, partial: Partial) -> Option<Box<dyn BlobWriter + '_>> {
        let start = partial.prefix.len() as u64;
        let partial = Mutex::new(partial);
        Some(Box::new(MemoryWriter { store: self, blob: blob.clone(), start, partial }))
    }
}

/// Each change of what is locked is one call that does not panic, so there is nothing half done.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl BlobSource for Memory {
    fn open(&self, blob: &Descriptor) -> io::Result<Option<Box<dyn Read + Send + '_>>> {
        let Some(bytes) = lock(&self.blobs).get(&blob.digest).cloned() else { return Ok(None) };
        Ok(Some(Box::new(io::Cursor::new(blob.verify(bytes)?.into_inner()))))
    }
}

impl BlobSink for Memory {
    fn create(&self, blob: &Descriptor) -> io::Result<Option<Box<dyn BlobWriter + '_>>> {
        blob.verifier()?;
        if lock(&self.blobs).contains_key(&blob.digest) {
            return Ok(None);
        }
        Ok(self.writer(blob, Partial::default()))
    }

    fn resume(&self, blob: &Descriptor) -> io::Result<Option<Box<dyn BlobWriter + '_>>> {
        blob.verifier()?;
        if lock(&self.blobs).contains_key(&blob.digest) {
            return Ok(None);
        }
        // Taken out, so that another writer does not continue it too.
        let kept = lock(&self.kept).remove(&blob.digest);
        let kept = kept.filter(|partial| partial.end() <= blob.size);
        Ok(self.writer(blob, kept.unwrap_or_default()))
    }

    fn create_unnamed(&self) -> io::Result<Option<Box<dyn UnnamedWriter + '_>>> {
        Ok(Some(Box::new(Unnamed { store: self, content: Vec::new() })))
    }

    fn put_verified(&self, blob: &Descriptor, content: Verified<&[u8]>) -> io::Result<bool> {
        blob.check_names(&content)?;
        match lock(&self.blobs).entry(blob.digest.clone()) {
            Entry::Occupied(_) => Ok(false),
            Entry::Vacant(place) => {
                place.insert(content[..].into());
                Ok(true)
            }
        }
    }
}

struct Unnamed<'a> {
    store: &'a Memory,
    content: Vec<u8>,
}

impl Write for Unnamed<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.content.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl UnnamedWriter for Unnamed<'_> {
    fn commit(self: Box<Self>, blob: &Descriptor) -> io::Result<()> {
        self.store.put_verified(blob, blob.verify(&*self.content)?)?;
        Ok(())
    }
}

/// What there is of a blob: bytes without a gap from the first one on, and parts behind them by offset.
#[derive(Debug, Default)]
struct Partial {
    prefix: Vec<u8>,
    parts: BTreeMap<u64, Vec<u8>>,
}

impl Partial {
    fn held(&self) -> Ranges {
        let parts = self.parts.iter().map(|(start, bytes)| *start..start + bytes.len() as u64);
        parts.chain(iter::once(0..self.prefix.len() as u64)).collect()
    }

    /// The offset behind the last byte.
    fn end(&self) -> u64 {
        self.held().iter().last().map_or(0, |range| range.end)
    }

    /// Adds a part, in the place of what was written there before.
    fn insert(&mut self, offset: u64, bytes: &[u8]) {
        let end = offset + bytes.len() as u64;
        self.split(offset);
        self.split(end);
        while let Some((start, _)) = self.parts.range(offset..end).next() {
            let start = *start;
            self.parts.remove(&start);
        }
        self.parts.insert(offset, bytes.to_vec());
    }

    /// Makes two of a part that begins before `offset` and ends behind it.
    fn split(&mut self, offset: u64) {
        let Some((start, part)) = self.parts.range_mut(..offset).next_back() else { return };
        match usize::try_from(offset - start) {
            Ok(length) if length < part.len() => {
                let rest = part.split_off(length);
                self.parts.insert(offset, rest);
            }
            _ => {}
        }
    }

    /// Lengthens the prefix by the parts that touch it.
    fn join(&mut self) {
        while let Some(entry) = self.parts.first_entry() {
            let next = self.prefix.len() as u64;
            if *entry.key() > next {
                return;
            }
            let (start, bytes) = entry.remove_entry();
            let known = usize::try_from(next - start).unwrap_or(usize::MAX);
            self.prefix.extend_from_slice(bytes.get(known..).unwrap_or_default());
        }
    }
}

struct MemoryWriter<'a> {
    store: &'a Memory,
    blob: Descriptor,
    start: u64,
    partial: Mutex<Partial>,
}

impl MemoryWriter<'_> {
    /// Whether `bytes` lie within the blob at `offset`.
    fn check_room(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        match offset.checked_add(bytes.len() as u64) {
            Some(end) if end <= self.blob.size => Ok(()),
            _ => {
                let (digest, size) = (self.blob.digest.clone(), self.blob.size);
                Err(VerifyError::TooLong { digest, size }.into())
            }
        }
    }
}

impl Write for MemoryWriter<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = lock(&self.partial).prefix.len() as u64;
        self.check_room(written, bytes)?;
        lock(&self.partial).prefix.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl BlobWriter for MemoryWriter<'_> {
    fn commit(self: Box<Self>) -> io::Result<()> {
        let mut partial = self.partial.into_inner().unwrap_or_else(PoisonError::into_inner);
        partial.join();
        let bytes = self.blob.verify(partial.prefix)?.into_inner();
        lock(&self.store.blobs).insert(self.blob.digest, bytes.into());
        Ok(())
    }

    fn start(&self) -> u64 {
        self.start
    }

    fn keep(self: Box<Self>) -> io::Result<()> {
        let mut partial = self.partial.into_inner().unwrap_or_else(PoisonError::into_inner);
        partial.join();
        lock(&self.store.kept).insert(self.blob.digest, partial);
        Ok(())
    }

    fn parts(&self) -> Option<&dyn BlobParts> {
        Some(self)
    }
}

impl BlobParts for MemoryWriter<'_> {
    fn missing(&self) -> Vec<Range<u64>> {
        lock(&self.partial).held().missing(self.blob.size)
    }

    fn write_at(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        self.check_room(offset, bytes)?;
        let mut partial = lock(&self.partial);
        if offset < partial.prefix.len() as u64 {
            return Err(written_before(offset));
        }
        if !bytes.is_empty() {
            partial.insert(offset, bytes);
        }
        Ok(())
    }
}

fn written_before(offset: u64) -> io::Error {
    let text = format!("cannot write a part at {offset}: it was written in order already");
    io::Error::new(io::ErrorKind::InvalidInput, text)
}
