//! The layout as a store of blobs.

use std::io::{self, Read};

use oci_image::Descriptor;
use oci_image::blob::{BlobSink, BlobSource, BlobWriter, UnnamedWriter};
use oci_image::oci_digest::Verified;

use super::Layout;

impl BlobSource for Layout {
    fn open(&self, blob: &Descriptor) -> io::Result<Option<Box<dyn Read + Send + '_>>> {
        let reader = self.blobs().open(blob)?;
        Ok(reader.map(|reader| Box::new(reader) as Box<dyn Read + Send>))
    }
}

/// What a handle writes, and what it finds there already, is safe from the collector until the handle
/// is dropped.
impl BlobSink for Layout {
    fn create(&self, blob: &Descriptor) -> io::Result<Option<Box<dyn BlobWriter + '_>>> {
        let writing = self.blobs().create(blob)?;
        Ok(writing.map(|writing| Box::new(writing) as Box<dyn BlobWriter>))
    }

    /// What is kept is found by every handle and process, and outlives them, within
    /// [`PartialLimits`](crate::PartialLimits) and until the garbage is collected.
    fn resume(&self, blob: &Descriptor) -> io::Result<Option<Box<dyn BlobWriter + '_>>> {
        let writing = self.blobs().resume(blob)?;
        Ok(writing.map(|writing| Box::new(writing) as Box<dyn BlobWriter>))
    }

    /// It is written to the directory of blobs, where it takes the room that it needs there anyway.
    fn create_unnamed(&self) -> io::Result<Option<Box<dyn UnnamedWriter + '_>>> {
        Ok(Some(Box::new(self.blobs().create_unnamed()?)))
    }

    fn put_verified(&self, blob: &Descriptor, content: Verified<&[u8]>) -> io::Result<bool> {
        self.blobs().put_verified(blob, content)
    }
}
