//! Where blobs come from and go to: the traits that stores and registries share.
//!
//! A source has one method and a sink two, one of them the writer's [`commit`](BlobWriter::commit). What
//! is provided may be replaced by a store that can do more: keep what was written of a blob for another
//! process, take parts of it from several threads, or begin one before its digest is known. The contracts are tested by `blob::conformance`
//! (feature `conformance`), which any store can run.

#[cfg(feature = "conformance")]
pub mod conformance;

mod durability;
mod extension;
mod memory;
mod ranges;

use std::io::{self, Read, Write};
use std::ops::Range;
use std::sync::Arc;

pub use durability::Durability;
pub use extension::{BlobSinkExt, BlobSourceExt};
pub use memory::Memory;
use oci_digest::Verified;
pub use ranges::Ranges;

use crate::Descriptor;

/// A place to read blobs from.
pub trait BlobSource {
    /// Opens the blob, or `None` if there is none of this digest.
    ///
    /// The reader ends without an error only if size and digest were right: a source whose bytes were not verified wraps
    /// them in a [`VerifyReader`](oci_digest::VerifyReader).
    ///
    /// # Errors
    /// If it cannot be said whether there is one, or if it cannot be read.
    fn open(&self, blob: &Descriptor) -> io::Result<Option<Box<dyn Read + Send + '_>>>;
}

/// A place to write blobs to.
///
/// A blob is visible when it was committed whole and verified, and not before: not to readers and not to
/// other writers. A store that verifies what it is given by a [`VerifyWriter`](oci_digest::VerifyWriter)
/// and has somewhere to put it is short:
///
/// ```
/// use std::fs::{self, File};
/// use std::io::{self, Write};
/// use std::path::PathBuf;
///
/// use oci_image::Descriptor;
/// use oci_image::blob::{BlobSink, BlobSinkExt, BlobWriter};
/// use oci_image::oci_digest::VerifyWriter;
///
/// struct Directory(PathBuf);
///
/// struct Upload(VerifyWriter<tempfile::NamedTempFile>, PathBuf);
///
/// impl BlobSink for Directory {
///     fn create(&self, blob: &Descriptor) -> io::Result<Option<Box<dyn BlobWriter + '_>>> {
///         let path = self.0.join(blob.digest.encoded());
///         if path.exists() {
///             return Ok(None);
///         }
///         let file = tempfile::NamedTempFile::new_in(&self.0)?;
///         Ok(Some(Box::new(Upload(VerifyWriter::new(file, &blob.digest, blob.size)?, path))))
///     }
/// }
///
/// impl Write for Upload {
///     fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
///         self.0.write(bytes)
///     }
///     fn flush(&mut self) -> io::Result<()> {
///         self.0.flush()
///     }
/// }
///
/// impl BlobWriter for Upload {
///     fn commit(self: Box<Self>) -> io::Result<()> {
///         self.0.finish()?.persist(&self.1)?;
///         Ok(())
///     }
/// }
///
/// let place = tempfile::tempdir()?;
/// let directory = Directory(place.path().into());
/// directory.put(&Descriptor::empty_json(), b"{}")?;
/// assert!(directory.put(&Descriptor::of("text/plain".into(), "a"), b"b").is_err());
/// # Ok::<(), io::Error>(())
/// ```
pub trait BlobSink {
    /// Begins to write the blob from its first byte, or `None` if there is one of this digest already.
    ///
    /// # Errors
    /// If it cannot be written. Of kind [`Unsupported`](io::ErrorKind::Unsupported) if the algorithm of
    /// its digest cannot be computed.
    fn create(&self, blob: &Descriptor) -> io::Result<Option<Box<dyn BlobWriter + '_>>>;

    /// As [`create`](Self::create), and continues where an earlier writer of the blob was
    /// [kept](BlobWriter::keep) or its process died: the first byte to be written is that at
    /// [`start`](BlobWriter::start).
    ///
    /// What is held was not verified yet: if the blob cannot be committed because of it, it is dropped, and
    /// the next writer begins anew. While one writer continues, another one of the same blob begins anew.
    ///
    /// A sink that keeps nothing creates.
    ///
    /// # Errors
    /// As [`create`](Self::create).
    fn resume(&self, blob: &Descriptor) -> io::Result<Option<Box<dyn BlobWriter + '_>>> {
        self.create(blob)
    }

    /// Begins to write a blob whose digest is known when all of it was written, such as a layer that is packed.
    /// `None`: this sink cannot, so that such a blob must be kept elsewhere until it has its descriptor.
    ///
    /// # Errors
    /// If it cannot be written.
    fn create_unnamed(&self) -> io::Result<Option<Box<dyn UnnamedWriter + '_>>> {
        Ok(None)
    }

    /// Writes a blob whose content is verified already: a sink of this process need not hash it again.
    /// Says whether it had to be written.
    ///
    /// # Errors
    /// If `content` is not what `blob` names, or cannot be stored.
    fn put_verified(&self, blob: &Descriptor, content: Verified<&[u8]>) -> io::Result<bool> {
        blob.check_names(&content)?;
        let Some(mut writer) = self.create(blob)? else { return Ok(false) };
        writer.write_all(&content)?;
        writer.commit()?;
        Ok(true)
    }
}

/// A blob that is being written. Dropped before [`commit`](Self::commit) it leaves no trace.
pub trait BlobWriter: Write + Send {
    /// Makes the blob visible, if what was written has the size and digest of its descriptor.
    ///
    /// # Errors
    /// If it does not have them, or if it cannot be stored; then nothing is left of it.
    fn commit(self: Box<Self>) -> io::Result<()>;

    /// The offset of the first byte that was to be written when this writer was made: how many bytes
    /// were held then, from the first one on. Only a writer from [`BlobSink::resume`] may hold any.
    fn start(&self) -> u64 {
        0
    }

    /// Ends without a commit, and leaves what was written to a later [`BlobSink::resume`], if the sink can
    /// and its limits allow it. Otherwise it is dropped.
    ///
    /// # Errors
    /// If it cannot be kept; then nothing is left of it.
    fn keep(self: Box<Self>) -> io::Result<()> {
        Ok(())
    }

    /// The blob in parts, to be written in any order and by several threads at once, if the sink can.
    /// Bytes that are written in order, by [`Write`], still continue after [`start`](Self::start).
    fn parts(&self) -> Option<&dyn BlobParts> {
        None
    }
}

/// A blob that is being written before its digest is known. Dropped before [`commit`](Self::commit) it leaves
/// no trace.
pub trait UnnamedWriter: Write + Send {
    /// Makes it visible as the blob that `blob` names, if what was written has its size and digest. If there is one of
    /// this digest already, that is kept.
    ///
    /// # Errors
    /// As [`BlobWriter::commit`], and as [`BlobSink::create`] if the digest cannot be computed.
    fn commit(self: Box<Self>, blob: &Descriptor) -> io::Result<()>;
}

/// The parts of a blob that is being written.
pub trait BlobParts: Sync {
    /// The ranges that nothing was written to, in order, in bytes.
    fn missing(&self) -> Vec<Range<u64>>;

    /// Writes all of `bytes` from `offset` on, in the place of what was written there before. They are
    /// verified with the whole, by the commit.
    ///
    /// # Errors
    /// If they do not lie within the blob, or before what was written in order, or if they cannot be
    /// stored: then they are missing as before.
    fn write_at(&self, offset: u64, bytes: &[u8]) -> io::Result<()>;
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

            fn resume(&self, blob: &Descriptor) -> io::Result<Option<Box<dyn BlobWriter + '_>>> {
                (**self).resume(blob)
            }

            fn create_unnamed(&self) -> io::Result<Option<Box<dyn UnnamedWriter + '_>>> {
                (**self).create_unnamed()
            }

            fn put_verified(
                &self,
                blob: &Descriptor,
                content: Verified<&[u8]>,
            ) -> io::Result<bool> {
                (**self).put_verified(blob, content)
            }
        }
    )*};
}

forward!(&S, Box<S>, Arc<S>);
