use std::io::{self, BufRead, Read};

use lzma_rust2::{Action, Status, XzStream};

/// Reads the content of xz streams, one after the other, up to the end of the source.
pub(super) struct Streams<R> {
    source: R,
    decoder: XzStream,
    ended: bool,
}

impl<R: BufRead> Streams<R> {
    /// Reads blocks of which each may ask for so many bytes of memory.
    pub(super) fn new(source: R, memory: u64) -> Self {
        // The library counts in KiB, and takes the largest number for no limit.
        let kib = u32::try_from(memory >> 10).unwrap_or(u32::MAX).min(u32::MAX - 1);
        Self { source, decoder: XzStream::new_mem_limit(true, kib), ended: false }
    }

    pub(super) fn get_ref(&self) -> &R {
        &self.source
    }
}

impl<R: BufRead> Read for Streams<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while !self.ended && !buffer.is_empty() {
            let input = self.source.fill_buf()?;
            let is_end = input.is_empty();
            let action = if is_end { Action::Finish } else { Action::Run };
            let step = self.decoder.process(input, buffer, action)?;
            self.source.consume(step.bytes_consumed);
            self.ended = step.status == Status::StreamEnd;
            if step.bytes_produced > 0 {
                return Ok(step.bytes_produced);
            }
            if is_end && !self.ended {
                return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "incomplete stream"));
            }
        }
        Ok(0)
    }
}
