use std::io::{self, Read, Write};

use crate::{Algorithm, Digest, Hasher, Unverifiable, Verifier, VerifyError};

/// A reader that yields the bytes of another one and ends well only if they are the expected ones.
///
/// `Ok(0)` means that size and digest were right. A wrong byte is an error of kind
/// [`InvalidData`](io::ErrorKind::InvalidData) around a [`VerifyError`], at the latest where the
/// content ends: use what was read only after the end was reached. The reader asks for one byte
/// beyond the expected size, so content that is too long is refused, and no more than that is read.
#[derive(Debug)]
pub struct VerifyReader<R> {
    reader: R,
    state: State,
}

#[derive(Debug)]
enum State {
    Reading(Box<Verifier>),
    Verified,
    Failed(VerifyError),
}

impl<R: Read> VerifyReader<R> {
    /// Reads content of `size` bytes named `expected` from `reader`.
    ///
    /// # Errors
    /// If this build cannot compute the algorithm.
    pub fn new(reader: R, expected: &Digest, size: u64) -> Result<Self, Unverifiable> {
        Ok(Self { reader, state: State::Reading(Box::new(Verifier::new(expected, size)?)) })
    }

    /// Whether the end was reached and size and digest were right.
    pub fn is_verified(&self) -> bool {
        matches!(self.state, State::Verified)
    }

    /// The reader below.
    pub fn into_inner(self) -> R {
        self.reader
    }

    fn fail(&mut self, error: VerifyError) -> io::Error {
        self.state = State::Failed(error.clone());
        io::Error::new(io::ErrorKind::InvalidData, error)
    }
}

impl<R: Read> Read for VerifyReader<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let verifier = match &mut self.state {
            State::Reading(verifier) => verifier,
            State::Verified => return Ok(0),
            State::Failed(error) => {
                return Err(io::Error::new(io::ErrorKind::InvalidData, error.clone()));
            }
        };
        if buffer.is_empty() {
            return Ok(0);
        }
        let mut probe = [0];
        let target = match verifier.remaining() {
            0 => &mut probe[..],
            remaining => {
                let length =
                    usize::try_from(remaining).map_or(buffer.len(), |left| left.min(buffer.len()));
                &mut buffer[..length]
            }
        };
        let length = self.reader.read(target)?;
        let outcome = match length {
            0 => (**verifier).clone().finish(),
            _ => verifier.update(&target[..length]),
        };
        match outcome {
            Err(error) => Err(self.fail(error)),
            Ok(()) if length == 0 => {
                self.state = State::Verified;
                Ok(0)
            }
            Ok(()) => Ok(length),
        }
    }
}

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
