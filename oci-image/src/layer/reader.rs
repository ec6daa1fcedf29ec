//! The archive as changes.

mod entry;
mod extension;

use std::fmt;
use std::io::{self, BufRead, Read};
use std::thread::Scope;

use oci_digest::Digest;

use self::entry::Found;
use self::extension::Extensions;
use super::header::{BLOCK, Header};
use super::input::Input;
use super::pipeline::Pipeline;
use super::{Change, Decoder, Defect, LimitExceeded, Limits, ReadError};
use crate::MediaType;

/// Reads a layer's blob as the changes it makes, and trusts it in nothing.
///
/// [`next_change`](Self::next_change) gives one change after the other, in the order of the archive.
/// After a regular file, the reader itself is that file's content, by [`chunk`](Self::chunk),
/// [`Read`] or [`BufRead`]; what is not read of it is skipped. [`finish`](Self::finish) gives the
/// digest of the uncompressed layer, its *diff ID*.
///
/// An archive ends at two blocks of zeros, or where the stream ends between two entries. What follows
/// the two blocks is read by nobody; it counts for the diff ID and for the limits.
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
    input: Input<R>,
    limits: Limits,
    headers: u64,
    /// What is left of the current file's content, and of the padding after it.
    content: u64,
    padding: u64,
    state: State,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Entries,
    End,
    Failed,
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
        Self::over(Input::here(decoder), limits)
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
        Self::over(Input::elsewhere(Pipeline::start(scope, decoder)), limits)
    }

    fn over(input: Input<R>, limits: Limits) -> Self {
        Self { input, limits, headers: 0, content: 0, padding: 0, state: State::Entries }
    }

    /// The next change; `None` at the end of the archive.
    ///
    /// # Errors
    /// If the blob cannot be read or decompressed, goes beyond a limit, or is refused. The reader is
    /// of no use then.
    pub fn next_change(&mut self) -> Result<Option<Change>, ReadError> {
        self.guard(Self::advance)
    }

    /// The next bytes of the current file; `None` at its end, or if the last change was no file.
    ///
    /// # Errors
    /// As of [`next_change`](Self::next_change).
    pub fn chunk(&mut self) -> Result<Option<&[u8]>, ReadError> {
        let limit = self.content;
        if limit == 0 {
            return Ok(None);
        }
        self.guard(Self::check_content)?;
        let bytes = self.input.take(limit)?;
        self.content -= bytes.len() as u64;
        Ok(Some(bytes))
    }

    /// The number of the current file's bytes that were not read yet.
    pub fn remaining(&self) -> u64 {
        self.content
    }

    /// The number of bytes of the uncompressed layer that were read.
    pub fn offset(&self) -> u64 {
        self.input.offset()
    }

    /// Reads all that is left, checks it like [`next_change`](Self::next_change), and gives the
    /// layer's diff ID: the digest of the uncompressed stream to its very end, by SHA-256 unless
    /// [`Decoder::diff_id_by`] says otherwise.
    ///
    /// # Errors
    /// As of [`next_change`](Self::next_change).
    pub fn finish(mut self) -> Result<Digest, ReadError> {
        while self.next_change()?.is_some() {}
        self.input.finish()
    }

    /// Remembers that something failed.
    fn guard<T>(
        &mut self,
        work: impl FnOnce(&mut Self) -> Result<T, ReadError>,
    ) -> Result<T, ReadError> {
        if self.state == State::Failed {
            return Err(ReadError::FailedBefore);
        }
        work(self).inspect_err(|_| self.state = State::Failed)
    }

    fn advance(&mut self) -> Result<Option<Change>, ReadError> {
        if self.state == State::End {
            return Ok(None);
        }
        self.skip_content()?;
        let mut extensions = Extensions::default();
        let mut block = [0; BLOCK];
        loop {
            let offset = self.input.offset();
            if !self.next_block(&mut block)? {
                if let Some(first) = extensions.offset {
                    return Err(refused(first, Defect::ExtensionAlone));
                }
                self.state = State::End;
                return Ok(None);
            }
            let header = Header::parse(&block).map_err(|defect| refused(offset, defect))?;
            match header.entry_type() {
                kind @ (b'x' | b'g' | b'L' | b'K') => {
                    self.extend(&mut extensions, kind, header.size, offset)?;
                }
                _ => {
                    let first = extensions.offset.unwrap_or(offset);
                    return self.entry(&header, extensions, first).map(Some);
                }
            }
        }
    }

    fn skip_content(&mut self) -> Result<(), ReadError> {
        let offset = self.input.offset();
        if !self.input.skip(std::mem::take(&mut self.content))? {
            return Err(refused(offset, Defect::Truncated));
        }
        // If the stream ends here, there is no header after it.
        self.input.skip(std::mem::take(&mut self.padding))?;
        Ok(())
    }

    /// Reads the next header; `false` at the end of the archive.
    fn next_block(&mut self, block: &mut [u8; BLOCK]) -> Result<bool, ReadError> {
        let offset = self.input.offset();
        match self.input.fill(block)? {
            0 => return Ok(false),
            BLOCK => {}
            _ => return Err(refused(offset, Defect::Truncated)),
        }
        if *block != [0; BLOCK] {
            self.headers += 1;
            return match self.headers > self.limits.entries {
                true => Err(LimitExceeded::Entries(self.limits.entries).into()),
                false => Ok(true),
            };
        }
        match self.input.fill(block)? {
            0 => Ok(false),
            BLOCK if *block == [0; BLOCK] => Ok(false),
            BLOCK => Err(refused(offset, Defect::LoneZeroBlock)),
            _ => Err(refused(offset, Defect::Truncated)),
        }
    }

    fn extend(
        &mut self,
        extensions: &mut Extensions,
        kind: u8,
        size: u64,
        offset: u64,
    ) -> Result<(), ReadError> {
        let limit = Extensions::limit(kind, &self.limits);
        let Some(length) = usize::try_from(size).ok().filter(|length| *length <= limit.0) else {
            return Err(limit.1.into());
        };
        let mut blocks = vec![0; length.next_multiple_of(BLOCK)];
        if self.input.fill(&mut blocks)? < blocks.len() {
            return Err(refused(offset, Defect::Truncated));
        }
        let (body, padding) = blocks.split_at(length);
        extension::check_end(kind, body, padding).map_err(|defect| refused(offset, defect))?;
        extensions.add(kind, body, offset, &self.limits).map_err(|fault| fault.at(offset))
    }

    fn entry(
        &mut self,
        header: &Header<'_>,
        extensions: Extensions,
        offset: u64,
    ) -> Result<Change, ReadError> {
        let found = Found::parse(header, extensions, &self.limits);
        let Found { change, content } = found.map_err(|fault| fault.at(offset))?;
        (self.content, self.padding) = (content, padding(content));
        if !matches!(change, Change::Upsert(_)) {
            // A marker's content means nothing.
            let (content, offset) = (std::mem::take(&mut self.content), self.input.offset());
            if !self.input.skip(content)? {
                return Err(refused(offset, Defect::Truncated));
            }
        }
        Ok(change)
    }

    fn check_content(&mut self) -> Result<(), ReadError> {
        let offset = self.input.offset();
        match self.input.peek()?.is_empty() {
            true => Err(refused(offset, Defect::Truncated)),
            false => Ok(()),
        }
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
        if self.content == 0 {
            return Ok(&[]);
        }
        self.guard(Self::check_content)?;
        let bytes = self.input.peek()?;
        let length =
            usize::try_from(self.content).map_or(bytes.len(), |left| left.min(bytes.len()));
        Ok(&bytes[..length])
    }

    fn consume(&mut self, length: usize) {
        let length = self.content.min(length as u64);
        self.input.advance(length as usize);
        self.content -= length;
    }
}

impl<R> fmt::Debug for Reader<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reader")
            .field("state", &self.state)
            .field("headers", &self.headers)
            .field("remaining", &self.content)
            .finish_non_exhaustive()
    }
}

fn refused(offset: u64, defect: Defect) -> ReadError {
    ReadError::Archive { offset, defect }
}

/// The number of bytes from the end of a content of `size` bytes to the next header.
fn padding(size: u64) -> u64 {
    size.wrapping_neg() % BLOCK as u64
}
