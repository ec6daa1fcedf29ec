//! The uncompressed layer, hashed, piece by piece.

use std::io::Read;

use oci_digest::Digest;

use super::diff_id::DiffId;
use super::piece::Piece;
use super::pipeline::Pipeline;
use super::{Decoder, ReadError};
use crate::archive::input::Input;

/// The stream, with the place reached in it.
pub(super) struct Uncompressed<R> {
    feed: Feed<R>,
    piece: Piece,
    position: usize,
    offset: u64,
}

/// Where pieces come from.
pub(super) enum Feed<R> {
    /// This thread.
    Here(Box<(Decoder<R>, DiffId)>),
    /// Two other threads.
    Elsewhere(Pipeline),
    /// Nowhere: the stream has ended.
    End(Digest),
}

impl<R: Read> Uncompressed<R> {
    pub(super) fn here(decoder: Decoder<R>) -> Self {
        let diff_id = decoder.diff_id();
        Self::new(Feed::Here(Box::new((decoder, diff_id))))
    }

    pub(super) fn elsewhere(pipeline: Pipeline) -> Self {
        Self::new(Feed::Elsewhere(pipeline))
    }

    fn new(feed: Feed<R>) -> Self {
        Self { feed, piece: Piece::new(), position: 0, offset: 0 }
    }

    /// Takes all that is left; the digest is that of the whole stream.
    pub(super) fn finish(&mut self) -> Result<Digest, ReadError> {
        while !self.take(u64::MAX)?.is_empty() {}
        match &self.feed {
            Feed::End(digest) => Ok(digest.clone()),
            _ => Err(ReadError::FailedBefore),
        }
    }

    fn refill(&mut self) -> Result<(), ReadError> {
        self.position = 0;
        self.piece.length = 0;
        let end = match &mut self.feed {
            Feed::Here(both) => {
                let (decoder, diff_id) = &mut **both;
                self.piece.length = decoder.fill(&mut self.piece.buffer)?;
                diff_id.update(self.piece.bytes());
                (self.piece.length == 0).then(|| diff_id.finish())
            }
            Feed::Elsewhere(pipeline) => pipeline.next(&mut self.piece)?,
            Feed::End(_) => None,
        };
        if let Some(digest) = end {
            self.feed = Feed::End(digest);
        }
        Ok(())
    }
}

impl<R: Read> Input for Uncompressed<R> {
    type Error = ReadError;

    fn offset(&self) -> u64 {
        self.offset
    }

    fn peek(&mut self) -> Result<&[u8], ReadError> {
        if self.position == self.piece.length {
            self.refill()?;
        }
        Ok(&self.piece.bytes()[self.position..])
    }

    fn advance(&mut self, length: usize) {
        self.position += length;
        self.offset += length as u64;
    }

    fn take(&mut self, limit: u64) -> Result<&[u8], ReadError> {
        let available = self.peek()?.len();
        let length = usize::try_from(limit).map_or(available, |limit| limit.min(available));
        self.advance(length);
        Ok(&self.piece.bytes()[self.position - length..self.position])
    }

    fn skip(&mut self, mut length: u64) -> Result<bool, ReadError> {
        while length > 0 {
            match self.take(length)?.len() {
                0 => return Ok(false),
                taken => length -= taken as u64,
            }
        }
        Ok(true)
    }
}
