use std::io::{self, Write};

use crate::{Algorithm, Digest, Hasher};

/// A writer that passes bytes on and knows their digest and number.
#[derive(Debug)]
pub struct HashWriter<W> {
    writer: W,
    hasher: Hasher,
    written: u64,
}

impl<W: Write> HashWriter<W> {
    /// Passes on to `writer`.
    pub fn new(writer: W, algorithm: Algorithm) -> Self {
        Self { writer, hasher: Hasher::new(algorithm), written: 0 }
    }

    /// The number of bytes passed on.
    pub fn written(&self) -> u64 {
        self.written
    }

    /// The writer below. What is written to it past this one is neither hashed nor counted.
    pub fn get_mut(&mut self) -> &mut W {
        &mut self.writer
    }

    /// The writer below, the digest of what was passed on, and its size in bytes.
    pub fn finish(self) -> (W, Digest, u64) {
        (self.writer, self.hasher.finish(), self.written)
    }
}

impl<W: Write> Write for HashWriter<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let length = self.writer.write(bytes)?;
        self.hasher.update(&bytes[..length]);
        self.written += length as u64;
        Ok(length)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.writer.flush()
    }
}
