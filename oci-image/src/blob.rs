//! Where blobs come from and go to: the pair of traits that stores and registries share.

mod memory;

use std::io::{self, BufWriter, Read, Write};
use std::sync::Arc;

pub use memory::Memory;

use crate::graph::{Nodes, Walk};
use crate::{AnyDocument, Descriptor, Document, DocumentError, Model, json};

/// A place to read blobs from.
pub trait BlobSource {
    /// Opens the blob, or `None` if there is none of this digest.
    ///
    /// The reader ends well only if size and digest were right: a source that cannot vouch for its
    /// bytes wraps them in a [`VerifyReader`](oci_digest::VerifyReader).
    ///
    /// # Errors
    /// If it cannot be said whether there is one, or if it cannot be read.
    fn open(&self, blob: &Descriptor) -> io::Result<Option<Box<dyn Read + Send + '_>>>;
}

/// A place to write blobs to.
pub trait BlobSink {
    /// Begins to write the blob, or `None` if there is one of this digest already.
    ///
    /// # Errors
    /// If it cannot be written.
    fn create(&self, blob: &Descriptor) -> io::Result<Option<Box<dyn BlobWriter + '_>>>;
}

/// A blob that is being written. Dropped before [`commit`](Self::commit) it leaves no trace.
pub trait BlobWriter: Write + Send {
    /// Makes the blob visible, if what was written has the size and digest of its descriptor.
    ///
    /// # Errors
    /// If it has not, or if it cannot be stored; then there is no trace of it.
    fn commit(self: Box<Self>) -> io::Result<()>;
}

/// What follows from reading blobs.
pub trait BlobSourceExt: BlobSource {
    /// All bytes of a blob of at most `limit` bytes.
    ///
    /// # Errors
    /// Of kind `NotFound` if there is none, `InvalidData` if it is too large or not what its
    /// descriptor says.
    fn read(&self, blob: &Descriptor, limit: usize) -> io::Result<Vec<u8>> {
        if blob.size > limit as u64 {
            let error = json::Error::TooLarge { size: blob.size, limit: limit as u64 };
            return Err(io::Error::new(io::ErrorKind::InvalidData, error));
        }
        let mut reader = self.open(blob)?.ok_or_else(|| {
            io::Error::new(io::ErrorKind::NotFound, format!("there is no blob `{}`", blob.digest))
        })?;
        let mut bytes = Vec::with_capacity(usize::try_from(blob.size).unwrap_or_default());
        reader.read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    /// The document that `descriptor` names.
    ///
    /// # Errors
    /// Those of [`read`](Self::read) and of [`Document::parse`].
    fn document<T: Model>(&self, descriptor: &Descriptor) -> io::Result<Document<T>> {
        let bytes = self.read(descriptor, json::DOCUMENT_LIMIT)?;
        Document::parse(bytes, descriptor).map_err(invalid)
    }

    /// The manifest or index that `descriptor` names.
    ///
    /// # Errors
    /// Those of [`read`](Self::read) and of [`AnyDocument::parse`].
    fn any_document(&self, descriptor: &Descriptor) -> io::Result<AnyDocument> {
        let bytes = self.read(descriptor, json::DOCUMENT_LIMIT)?;
        AnyDocument::parse(bytes, descriptor).map_err(invalid)
    }

    /// Walks the graph below `root`: parents first, subjects too, within the default limits.
    fn walk(&self, root: &Descriptor) -> Nodes<'_, Self> {
        Walk::new([root.clone()]).over(self)
    }
}

impl<S: BlobSource + ?Sized> BlobSourceExt for S {}

/// How much is written at once, in bytes.
const PIECE: usize = 256 << 10;

/// What follows from writing blobs.
pub trait BlobSinkExt: BlobSink {
    /// Writes a blob whole.
    ///
    /// # Errors
    /// If `bytes` are not what `blob` names, or cannot be stored.
    fn put(&self, blob: &Descriptor, bytes: &[u8]) -> io::Result<()> {
        let Some(mut writer) = self.create(blob)? else { return Ok(()) };
        writer.write_all(bytes)?;
        writer.commit()
    }

    /// Writes a blob of what `content` yields, in large pieces. If the blob is there already, nothing
    /// is read.
    ///
    /// # Errors
    /// If `content` fails, is not what `blob` names, or cannot be stored.
    fn put_from(&self, blob: &Descriptor, mut content: impl Read) -> io::Result<()> {
        let Some(mut writer) = self.create(blob)? else { return Ok(()) };
        let mut pieces = BufWriter::with_capacity(PIECE, &mut writer);
        io::copy(&mut content, &mut pieces)?;
        pieces.flush()?;
        drop(pieces);
        writer.commit()
    }
}

impl<S: BlobSink + ?Sized> BlobSinkExt for S {}

fn invalid(error: DocumentError) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, error)
}

macro_rules! forward {
    ($($pointer:ty),*) => {$(
        impl<S: BlobSource + ?Sized> BlobSource for $pointer {
            fn open(&self, blob: &Descriptor) -> io::Result<Option<Box<dyn Read + Send + '_>>> {
                (**self).open(blob)
            }
        }

        impl<S: BlobSink + ?Sized> BlobSink for $pointer {
            fn create(&self, blob: &Descriptor) -> io::Result<Option<Box<dyn BlobWriter + '_>>> {
                (**self).create(blob)
            }
        }
    )*};
}

forward!(&S, Box<S>, Arc<S>);
