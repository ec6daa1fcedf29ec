use std::io::{self, Write};
use std::sync::Arc;

use oci_image::Descriptor;
use oci_image::blob::UnnamedWriter;

use super::Blobs;
use super::writing::hash;
use crate::session::{Session, Temporary};

/// A blob that is being written before its digest is known.
pub(crate) struct Unnamed<'a> {
    blobs: &'a Blobs,
    /// Keeps the collector from the file.
    _session: Arc<Session>,
    temporary: Temporary,
    written: u64,
}

impl<'a> Unnamed<'a> {
    pub(super) fn new(blobs: &'a Blobs, session: Arc<Session>) -> io::Result<Self> {
        let temporary = session.temporary()?;
        Ok(Self { blobs, _session: session, temporary, written: 0 })
    }
}

impl Write for Unnamed<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let length = self.temporary.write(bytes)?;
        self.written += length as u64;
        Ok(length)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl UnnamedWriter for Unnamed<'_> {
    /// The digest may be of any algorithm, so what was written is read again.
    fn commit(self: Box<Self>, blob: &Descriptor) -> io::Result<()> {
        let Self { blobs, temporary, written, .. } = *self;
        let mut verifier = blob.verifier()?;
        hash(&temporary, &mut verifier, written)?;
        verifier.finish()?;
        match blobs.begin(blob)? {
            Some(_) => blobs.commit(temporary, &blob.digest),
            None => Ok(()),
        }
    }
}
