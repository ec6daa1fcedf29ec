//! Where the bytes of an archive come from.

use std::io::{self, Read, Seek, SeekFrom};

use super::Error;

/// How much is read ahead of a header, in bytes: what stands between two headers is skipped, so that
/// more would be read in vain.
const AHEAD: usize = 4 << 10;

/// The bytes of an archive, front to back.
pub(crate) trait Input {
    /// Why they cannot be read, or the archive is refused.
    type Error: From<Error>;

    /// The number of bytes taken.
    fn offset(&self) -> u64;

    /// The bytes that are there, at least one unless the stream is at its end.
    fn peek(&mut self) -> Result<&[u8], Self::Error>;

    /// Takes `length` of the bytes that were peeked at.
    fn advance(&mut self, length: usize);

    /// Takes what is there, at most `limit` bytes; nothing only at the end of the stream.
    fn take(&mut self, limit: u64) -> Result<&[u8], Self::Error>;

    /// Takes `length` bytes and drops them; says whether there were as many.
    fn skip(&mut self, length: u64) -> Result<bool, Self::Error>;

    /// Fills `target` as far as the stream goes, and says how far.
    fn fill(&mut self, target: &mut [u8]) -> Result<usize, Self::Error> {
        let mut filled = 0;
        while filled < target.len() {
            let bytes = self.take((target.len() - filled) as u64)?;
            if bytes.is_empty() {
                break;
            }
            target[filled..filled + bytes.len()].copy_from_slice(bytes);
            filled += bytes.len();
        }
        Ok(filled)
    }
}

/// A source that can skip without reading.
pub(super) struct Seekable<R> {
    source: R,
    end: u64,
    offset: u64,
    /// What was read ahead: the bytes from `position` to `length`.
    buffer: Box<[u8]>,
    position: usize,
    length: usize,
}

impl<R: Read + Seek> Seekable<R> {
    pub(super) fn new(mut source: R) -> io::Result<Self> {
        let end = source.seek(SeekFrom::End(0))?;
        source.rewind()?;
        let buffer = vec![0; AHEAD].into_boxed_slice();
        Ok(Self { source, end, offset: 0, buffer, position: 0, length: 0 })
    }

    pub(super) fn into_inner(self) -> R {
        self.source
    }

    fn failed(&self, source: io::Error) -> Error {
        Error::Read { offset: self.offset, source }
    }
}

impl<R: Read + Seek> Input for Seekable<R> {
    type Error = Error;

    fn offset(&self) -> u64 {
        self.offset
    }

    fn peek(&mut self) -> Result<&[u8], Error> {
        while self.position == self.length {
            match self.source.read(&mut self.buffer) {
                Ok(0) => break,
                Ok(length) => (self.position, self.length) = (0, length),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(self.failed(error)),
            }
        }
        Ok(&self.buffer[self.position..self.length])
    }

    fn advance(&mut self, length: usize) {
        self.position += length;
        self.offset += length as u64;
    }

    fn take(&mut self, limit: u64) -> Result<&[u8], Error> {
        let available = self.peek()?.len();
        let length = usize::try_from(limit).map_or(available, |limit| limit.min(available));
        self.advance(length);
        Ok(&self.buffer[self.position - length..self.position])
    }

    fn skip(&mut self, length: u64) -> Result<bool, Error> {
        let ahead = self.length - self.position;
        match usize::try_from(length) {
            Ok(length) if length <= ahead => self.advance(length),
            _ => {
                // To seek beyond the end is not an error: a file that is too short would look whole.
                let target = self.offset.saturating_add(length);
                self.offset = target.min(self.end);
                (self.position, self.length) = (0, 0);
                self.source
                    .seek(SeekFrom::Start(self.offset))
                    .map_err(|error| self.failed(error))?;
                return Ok(target <= self.end);
            }
        }
        Ok(true)
    }
}
