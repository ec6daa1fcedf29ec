use std::io::{self, Write};
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use oci_image::Descriptor;
use oci_image::blob::{BlobParts, BlobWriter, Ranges};
use oci_image::oci_digest::{Verifier, VerifyError};

use super::content::Content;
use super::{BUFFER, Blobs};
use crate::partial::{self, Partial};
use crate::session::{Session, Temporary};

/// How much is written in parts before the map of a partial is saved again, in bytes: at most this much is lost when the
/// process dies.
const CHECKPOINT: u64 = 64 << 20;

/// A blob that is being written.
pub(crate) struct Writing<'a> {
    blobs: &'a Blobs,
    session: Arc<Session>,
    blob: Descriptor,
    start: u64,
    /// What is written in order, hashed as it is.
    content: Content,
    parts: Mutex<Parts>,
}

/// What is written behind that.
struct Parts {
    held: Ranges,
    /// How much was written since the map was saved, in bytes.
    unsaved: u64,
    has_map: bool,
}

impl<'a> Writing<'a> {
    pub(super) fn new(
        blobs: &'a Blobs,
        session: Arc<Session>,
        blob: &Descriptor,
        content: Content,
    ) -> Self {
        let parts = Mutex::new(Parts { held: Ranges::new(), unsaved: 0, has_map: false });
        Self { blobs, session, blob: blob.clone(), start: content.written(), content, parts }
    }

    /// Continues a partial. What it holds is hashed first: it was not verified when it was stored.
    pub(super) fn resume(
        blobs: &'a Blobs,
        session: Arc<Session>,
        blob: &Descriptor,
        partial: Partial,
    ) -> io::Result<Self> {
        let Partial { mut temporary, held, has_map } = partial;
        let mut verifier = blob.verifier()?;
        hash(&temporary, &mut verifier, held.prefix())?;
        temporary.continue_at(held.prefix());
        let content = Content::new(temporary, verifier);
        let mut writing = Self::new(blobs, session, blob, content);
        writing.parts = Mutex::new(Parts { held, unsaved: 0, has_map });
        Ok(writing)
    }

    /// No change of the parts is left half done by a panic.
    fn parts(&self) -> MutexGuard<'_, Parts> {
        self.parts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn save(&self, parts: &mut Parts) -> io::Result<()> {
        parts.held.insert(0..self.content.written());
        let durability = self.blobs.durability;
        partial::save(self.content.temporary(), &parts.held, &self.session, durability)?;
        parts.has_map = true;
        parts.unsaved = 0;
        Ok(())
    }
}

/// Hashes what is in the file up to `end`.
pub(super) fn hash(temporary: &Temporary, verifier: &mut Verifier, end: u64) -> io::Result<()> {
    let mut buffer = vec![0; BUFFER];
    while verifier.seen() < end {
        let left = usize::try_from(end - verifier.seen()).unwrap_or(usize::MAX);
        let piece = buffer.get_mut(..left.min(BUFFER)).unwrap_or_default();
        match temporary.file().read_at(piece, verifier.seen()) {
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(length) => verifier.update(piece.get(..length).unwrap_or_default())?,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

fn too_long(blob: &Descriptor) -> io::Error {
    VerifyError::TooLong { digest: blob.digest.clone(), size: blob.size }.into()
}

impl Write for Writing<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        // Refused before it is written.
        match bytes.len() as u64 > self.blob.size - self.content.written() {
            true => Err(too_long(&self.blob)),
            false => self.content.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl BlobWriter for Writing<'_> {
    fn commit(self: Box<Self>) -> io::Result<()> {
        let Self { blobs, blob, content, parts, .. } = *self;
        let Parts { mut held, .. } = parts.into_inner().unwrap_or_else(PoisonError::into_inner);
        held.insert(0..content.written());
        let (temporary, mut verifier) = content.into_parts()?;
        hash(&temporary, &mut verifier, held.prefix())?;
        verifier.finish()?;
        blobs.commit(temporary, &blob.digest)
    }

    fn start(&self) -> u64 {
        self.start
    }

    fn keep(self: Box<Self>) -> io::Result<()> {
        let has_map = {
            let mut parts = self.parts();
            let is_empty = self.content.written() == 0 && parts.held.iter().next().is_none();
            if is_empty || !self.content.temporary().is_partial() {
                return Ok(());
            }
            if parts.has_map {
                self.save(&mut parts)?;
            }
            parts.has_map
        };
        let Self { blobs, content, .. } = *self;
        let temporary = content.into_temporary();
        if !has_map {
            temporary.sync(blobs.durability)?;
        }
        temporary.leave(blobs.durability)?;
        // What cannot be removed now is removed the next time, or by the collector.
        let _ = partial::prune(blobs.files(), &blobs.partials);
        Ok(())
    }

    fn parts(&self) -> Option<&dyn BlobParts> {
        Some(self)
    }
}

impl BlobParts for Writing<'_> {
    fn missing(&self) -> Vec<Range<u64>> {
        let mut held = self.parts().held.clone();
        held.insert(0..self.content.written());
        held.missing(self.blob.size)
    }

    fn write_at(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        let end = offset.checked_add(bytes.len() as u64).filter(|end| *end <= self.blob.size);
        let Some(end) = end else { return Err(too_long(&self.blob)) };
        // What is hashed must not change any more.
        if offset < self.content.written() {
            let text = format!("cannot write a part at {offset}: it was written in order already");
            return Err(io::Error::new(io::ErrorKind::InvalidInput, text));
        }
        let temporary = self.content.temporary();
        if temporary.is_partial() {
            let mut parts = self.parts();
            if !parts.has_map {
                // Before the write makes a gap: without a map the length of the file says what is held, so a crash here would
                // leave a gap that counts as content.
                self.save(&mut parts)?;
            }
        }
        temporary.write_at(offset, bytes)?;
        let mut parts = self.parts();
        parts.held.insert(offset..end);
        parts.unsaved += bytes.len() as u64;
        if temporary.is_partial() && parts.unsaved >= CHECKPOINT {
            self.save(&mut parts)?;
        }
        Ok(())
    }
}
