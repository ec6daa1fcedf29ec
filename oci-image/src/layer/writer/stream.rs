use std::io::{self, Write};

use oci_digest::{Algorithm, Digest, HashWriter, Hasher};

use crate::layer::{Codec, Compression, Encoder};
use crate::{Descriptor, MediaType};

/// How much of the archive is hashed and compressed at once.
const BUFFER: usize = 256 << 10;

/// The archive on its way: hashed, compressed, hashed again, written.
pub(super) struct Stream<W: Write> {
    media_type: MediaType,
    buffer: Vec<u8>,
    /// Hashes the archive where that is not the blob itself.
    hasher: Option<Hasher>,
    encoder: Encoder<HashWriter<W>>,
}

impl<W: Write> Stream<W> {
    pub(super) fn new(out: W, compression: &Compression) -> io::Result<Self> {
        Ok(Self {
            media_type: compression.media_type(),
            buffer: Vec::with_capacity(BUFFER),
            hasher: (compression.codec() != Codec::None).then(|| Hasher::new(Algorithm::Sha256)),
            encoder: Encoder::new(HashWriter::new(out, Algorithm::Sha256), compression)?,
        })
    }

    pub(super) fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        if self.buffer.len() + bytes.len() > BUFFER {
            self.empty()?;
        }
        match bytes.len() < BUFFER {
            true => self.buffer.extend_from_slice(bytes),
            false => self.encode(bytes)?,
        }
        Ok(())
    }

    pub(super) fn finish(mut self) -> io::Result<(W, Descriptor, Digest)> {
        self.empty()?;
        let (mut out, digest, size) = self.encoder.finish()?.finish();
        out.flush()?;
        let diff_id = self.hasher.map_or_else(|| digest.clone(), Hasher::finish);
        Ok((out, Descriptor::new(self.media_type, digest, size), diff_id))
    }

    fn empty(&mut self) -> io::Result<()> {
        let mut buffer = std::mem::take(&mut self.buffer);
        self.encode(&buffer)?;
        buffer.clear();
        self.buffer = buffer;
        Ok(())
    }

    fn encode(&mut self, bytes: &[u8]) -> io::Result<()> {
        if let Some(hasher) = &mut self.hasher {
            hasher.update(bytes);
        }
        self.encoder.write_all(bytes)
    }
}
