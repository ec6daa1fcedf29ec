use std::io::{self, Write};

use crate::{Digest, Unverifiable, Verifier, VerifyError};

/// A writer that passes bytes on and says at the end whether they were the expected ones.
///
/// The first byte too many is refused with an error of kind
/// [`InvalidData`](io::ErrorKind::InvalidData) around a [`VerifyError`], before any byte of that call
/// is passed on. What was passed on may be used only after [`finish`](Self::finish).
///
/// ```
/// use std::io::Write;
/// use oci_digest::{Digest, VerifyWriter};
///
/// let mut writer = VerifyWriter::new(Vec::new(), &Digest::sha256("hello"), 5)?;
/// writer.write_all(b"hel")?;
/// let (held, verifier) = writer.into_parts(); // and later:
/// let mut writer = VerifyWriter::resume(held, verifier);
/// writer.write_all(b"lo")?;
/// assert_eq!(writer.finish()?, b"hello");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct VerifyWriter<W> {
    writer: W,
    verifier: Verifier,
}

impl<W> VerifyWriter<W> {
    /// Passes content of `size` bytes named `expected` on to `writer`.
    ///
    /// # Errors
    /// If this build cannot compute the algorithm.
    pub fn new(writer: W, expected: &Digest, size: u64) -> Result<Self, Unverifiable> {
        Ok(Self::resume(writer, Verifier::new(expected, size)?))
    }

    /// Continues: `verifier` has seen what `writer` was given before.
    pub fn resume(writer: W, verifier: Verifier) -> Self {
        Self { writer, verifier }
    }

    /// The number of bytes passed on, with those that the verifier had seen at the beginning.
    pub fn written(&self) -> u64 {
        self.verifier.seen()
    }

    /// The number of bytes that are missing.
    pub fn remaining(&self) -> u64 {
        self.verifier.remaining()
    }

    /// The writer below. What is written to it past this one is not verified.
    pub fn get_ref(&self) -> &W {
        &self.writer
    }

    /// The writer below, if it was passed the expected content.
    ///
    /// # Errors
    /// [`VerifyError::TooShort`] or [`VerifyError::Mismatch`].
    pub fn finish(self) -> Result<W, VerifyError> {
        self.verifier.finish()?;
        Ok(self.writer)
    }

    /// The writer below, which was passed what the verifier has seen.
    pub fn into_parts(self) -> (W, Verifier) {
        (self.writer, self.verifier)
    }
}

impl<W: Write> Write for VerifyWriter<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.verifier.check_room(bytes)?;
        let length = self.writer.write(bytes)?;
        self.verifier.update(bytes.get(..length).unwrap_or(bytes))?;
        Ok(length)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.writer.flush()
    }
}
