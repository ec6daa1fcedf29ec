use std::io::{self, BufRead, Read};

use zstd::stream::raw::{DParameter, Decoder, InBuffer, Operation, OutBuffer};

/// Reads the content of zstd frames, one after the other, up to the end of the source.
///
/// The library reads a frame that it has before it as a whole in another way than one that comes in
/// pieces, and is stricter then. Here each frame comes in pieces, so that what a stream means does not
/// depend on how it arrives.
pub(super) struct Frames<R> {
    source: R,
    decoder: Decoder<'static>,
    between_frames: bool,
}

impl<R: BufRead> Frames<R> {
    /// Reads frames whose window is at most two to the power of `window_log` bytes.
    pub(super) fn new(source: R, window_log: u32) -> io::Result<Self> {
        let mut decoder = Decoder::new()?;
        decoder.set_parameter(DParameter::WindowLogMax(window_log))?;
        Ok(Self { source, decoder, between_frames: true })
    }

    pub(super) fn get_ref(&self) -> &R {
        &self.source
    }
}

impl<R: BufRead> Read for Frames<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        let mut output = OutBuffer::around(buffer);
        loop {
            let input = self.source.fill_buf()?;
            let is_end = input.is_empty();
            if is_end && self.between_frames {
                return Ok(0);
            }
            let first = if self.between_frames { 1 } else { input.len() };
            let mut input = InBuffer::around(input.get(..first).unwrap_or(input));
            let missing = self.decoder.run(&mut input, &mut output)?;
            let read = input.pos();
            self.source.consume(read);
            self.between_frames = missing == 0;
            if output.pos() > 0 {
                return Ok(output.pos());
            }
            if is_end {
                return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "incomplete frame"));
            }
        }
    }
}
