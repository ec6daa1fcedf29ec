use std::collections::BTreeMap;
use std::io::{self, Read, Write};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use oci_digest::Verifier;

use super::{BlobSink, BlobSource, BlobWriter};
use crate::{Descriptor, Digest};

/// Blobs held in memory.
#[derive(Debug, Default)]
pub struct Memory {
    blobs: Mutex<BTreeMap<Digest, Arc<[u8]>>>,
}

impl Memory {
    /// No blobs.
    pub fn new() -> Self {
        Self::default()
    }

    /// The digests of the blobs, in order.
    pub fn digests(&self) -> Vec<Digest> {
        self.blobs().keys().cloned().collect()
    }

    /// The map is only ever changed by one insertion, so it is whole even after a panic elsewhere.
    fn blobs(&self) -> MutexGuard<'_, BTreeMap<Digest, Arc<[u8]>>> {
        self.blobs.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl BlobSource for Memory {
    fn open(&self, blob: &Descriptor) -> io::Result<Option<Box<dyn Read + Send + '_>>> {
        let Some(bytes) = self.blobs().get(&blob.digest).cloned() else { return Ok(None) };
        blob.verify(&bytes).map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))?;
        Ok(Some(Box::new(io::Cursor::new(bytes))))
    }
}

impl BlobSink for Memory {
    fn create(&self, blob: &Descriptor) -> io::Result<Option<Box<dyn BlobWriter + '_>>> {
        if self.blobs().contains_key(&blob.digest) {
            return Ok(None);
        }
        let verifier =
            blob.verifier().map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))?;
        let digest = blob.digest.clone();
        Ok(Some(Box::new(MemoryWriter { store: self, digest, verifier, bytes: Vec::new() })))
    }
}

struct MemoryWriter<'a> {
    store: &'a Memory,
    digest: Digest,
    verifier: Verifier,
    bytes: Vec<u8>,
}

impl Write for MemoryWriter<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.verifier
            .update(bytes)
            .map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))?;
        self.bytes.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl BlobWriter for MemoryWriter<'_> {
    fn commit(self: Box<Self>) -> io::Result<()> {
        self.verifier
            .finish()
            .map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))?;
        self.store.blobs().insert(self.digest, self.bytes.into());
        Ok(())
    }
}
