use std::io::{self, Write};

use oci_digest::{Algorithm, Digest, HashWriter, Hasher};

use crate::Descriptor;
use crate::layer::{Codec, Compression, Encoder};

/// How much of the archive is hashed and compressed at once.
const BUFFER: usize = 256 << 10;

/// The archive on its way: hashed, compressed, hashed again, written.
pub(super) struct Stream<W: Write> {
    codec: Codec,
    buffer: Vec<u8>,
    hasher: Hasher,
    encoder: Encoder<HashWriter<W>>,
}

impl<W: Write> Stream<W> {
    pub(super) fn new(out: W, compression: &Compression) -> io::Result<Self> {
        Ok(Self {
            codec: compression.codec(),
            buffer: Vec::with_capacity(BUFFER),
            hasher: Hasher::new(Algorithm::Sha256),
            encoder: Encoder::new(HashWriter::new(out, Algorithm::Sha256), compression)?,
        })
    }

    pub(super) fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        if self.buffer.len() + bytes.len() > BUFFER {
            self.empty()?;
        }
        match bytes.len() < BUFFER {
            true => self.buffer.extend_from_slice(bytes),
            false => {
                self.hasher.update(bytes);
                self.encoder.write_all(bytes)?;
            }
        }
        Ok(())
    }

    pub(super) fn finish(mut self) -> io::Result<(W, Descriptor, Digest)> {
        self.empty()?;
        let (mut out, digest, size) = self.encoder.finish()?.finish();
        out.flush()?;
        Ok((out, Descriptor::new(self.codec.media_type(), digest, size), self.hasher.finish()))
    }

    fn empty(&mut self) -> io::Result<()> {
        self.hasher.update(&self.buffer);
        self.encoder.write_all(&self.buffer)?;
        self.buffer.clear();
        Ok(())
    }
}
