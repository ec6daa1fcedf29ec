//! The archive as changes.

use std::fmt;
use std::io::{self, BufRead, Read};
use std::thread::Scope;

use oci_digest::Digest;

use super::pipeline::Pipeline;
use super::uncompressed::Uncompressed;
use super::{Change, Decoder, Limits, ReadError, whiteout};
use crate::MediaType;
use crate::archive::input::Input;
use crate::archive::members::Members;

/// Reads a layer's blob as the changes it makes, and trusts it in nothing.
///
/// The members of any archive are listed by [`archive::Reader`](crate::archive::Reader).
///
/// [`next_change`](Self::next_change) gives one change after the other, in the order of the archive.
/// After a regular file, the reader itself is that file's content, by [`chunk`](Self::chunk),
/// [`Read`] or [`BufRead`]; what is not read of it is skipped. [`finish`](Self::finish) gives the
/// digest of the uncompressed layer, its *diff ID*.
///
/// An archive ends at two blocks of zeros, or where the stream ends between two entries. What follows
/// the two blocks is not read as members; it counts for the diff ID and for the limits.
///
/// The stream may also end in the padding of the last file, as in layers that `umoci insert` makes:
/// its content is whole, and the diff ID says that nothing was to follow. Go's reader, and so every
/// tool that is written in Go, takes it so; GNU tar complains. A stream that ends within a header or a
/// content is refused.
///
/// The blob's own digest is not checked here: give a [`VerifyReader`](oci_digest::VerifyReader) as
/// the source. It is read to its end, so that once [`finish`](Self::finish) returns `Ok`, it was right.
///
/// ```
/// use oci_image::MediaType;
/// use oci_image::layer::{Change, Limits, Reader};
///
/// # let blob = [0; 1024];
/// let mut layer = Reader::new(&blob[..], &MediaType::LAYER_TAR, Limits::default())?;
/// while let Some(change) = layer.next_change()? {
///     println!("{change}");
///     if let Change::Upsert(entry) = change && entry.size() > 0 {
///         while let Some(bytes) = layer.chunk()? {
///             println!("{} bytes", bytes.len());
///         }
///     }
/// }
/// let diff_id = layer.finish()?;
/// # assert!(diff_id.as_str().starts_with("sha256:5f70bf18"));
/// # Ok::<(), oci_image::layer::ReadError>(())
/// ```
pub struct Reader<R> {
    members: Members<Uncompressed<R>>,
}

impl<R: Read> Reader<R> {
    /// Reads a blob of a media type, in this thread.
    ///
    /// The type and the first bytes must agree on the compression; see [`Decoder::new`].
    ///
    /// # Errors
    /// Those of [`Decoder::new`].
    pub fn new(source: R, media_type: &MediaType, limits: Limits) -> Result<Self, ReadError> {
        Ok(Self::from_decoder(Decoder::new(source, media_type, &limits)?, limits))
    }

    /// Reads a blob whose first bytes say the compression, in this thread.
    ///
    /// # Errors
    /// Those of [`Decoder::detect`].
    pub fn detect(source: R, limits: Limits) -> Result<Self, ReadError> {
        Ok(Self::from_decoder(Decoder::detect(source, &limits)?, limits))
    }

    /// Reads what `decoder` yields, in this thread.
    pub fn from_decoder(decoder: Decoder<R>, limits: Limits) -> Self {
        Self::over(Uncompressed::here(decoder), limits)
    }

    /// Reads what `decoder` yields on two threads of `scope`, one that reads and decompresses and
    /// one that hashes, so that both overlap with the use of the changes.
    ///
    /// A few megabytes are held between the threads. They stop when the reader is dropped, at the
    /// latest after the read of the source that is under way.
    pub fn spawn<'scope>(
        scope: &'scope Scope<'scope, '_>,
        decoder: Decoder<R>,
        limits: Limits,
    ) -> Self
    where
        R: Send + 'scope,
    {
        Self::over(Uncompressed::elsewhere(Pipeline::start(scope, decoder)), limits)
    }

    fn over(input: Uncompressed<R>, limits: Limits) -> Self {
        Self { members: Members::new(input, limits.archive) }
    }

    /// The next change; `None` at the end of the archive.
    ///
    /// # Errors
    /// If the blob cannot be read or decompressed, goes beyond a limit, or is refused. The reader is
    /// of no use then.
    pub fn next_change(&mut self) -> Result<Option<Change>, ReadError> {
        let change = loop {
            let Some(member) = self.members.next()? else { return Ok(None) };
            let change = whiteout::change(member.entry).map_err(|defect| {
                self.members.fail();
                ReadError::Marker { offset: member.offset, defect }
            })?;
            if let Some(change) = change {
                break change;
            }
        };
        if !matches!(change, Change::Upsert(_)) {
            // A marker's content means nothing.
            self.members.skip()?;
        }
        Ok(Some(change))
    }

    /// The next bytes of the current file; `None` at its end, or if the last change was not a file.
    ///
    /// # Errors
    /// As of [`next_change`](Self::next_change).
    pub fn chunk(&mut self) -> Result<Option<&[u8]>, ReadError> {
        self.members.chunk()
    }

    /// The number of the current file's bytes that were not read yet.
    pub fn remaining(&self) -> u64 {
        self.members.remaining()
    }

    /// The number of bytes of the uncompressed layer that were read.
    pub fn offset(&self) -> u64 {
        self.members.input().offset()
    }

    /// Reads all that is left, checks it like [`next_change`](Self::next_change), and gives the
    /// layer's diff ID: the digest of the uncompressed stream to its very end, by SHA-256 unless
    /// [`Decoder::diff_id_by`] says otherwise.
    ///
    /// # Errors
    /// As of [`next_change`](Self::next_change).
    pub fn finish(mut self) -> Result<Digest, ReadError> {
        while self.next_change()?.is_some() {}
        self.members.into_input().finish()
    }
}

/// The content of the current file.
impl<R: Read> Read for Reader<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut bytes = self.fill_buf()?;
        let length = bytes.read(buffer)?;
        self.consume(length);
        Ok(length)
    }
}

/// The content of the current file.
impl<R: Read> BufRead for Reader<R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        Ok(self.members.peek()?)
    }

    fn consume(&mut self, length: usize) {
        self.members.advance(length);
    }
}

impl<R: Read> fmt::Debug for Reader<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reader")
            .field("offset", &self.offset())
            .field("remaining", &self.remaining())
            .finish_non_exhaustive()
    }
}
