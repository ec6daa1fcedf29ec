use std::io::{self, Read};

use crate::{Digest, Unverifiable, Verifier, VerifyError};

/// A reader that yields the bytes of another one and ends without an error only if they are the expected ones.
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

    /// The reader below, and what is still to be verified of it, or how that ended.
    pub(super) fn into_parts(self) -> (R, Result<Box<Verifier>, io::Result<()>>) {
        let verifier = match self.state {
            State::Reading(verifier) => Ok(verifier),
            State::Verified => Err(Ok(())),
            State::Failed(error) => Err(Err(error.into())),
        };
        (self.reader, verifier)
    }

    fn fail(&mut self, error: VerifyError) -> io::Error {
        self.state = State::Failed(error.clone());
        error.into()
    }
}

impl<R: Read> Read for VerifyReader<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let verifier = match &mut self.state {
            State::Reading(verifier) => verifier,
            State::Verified => return Ok(0),
            State::Failed(error) => return Err(error.clone().into()),
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
