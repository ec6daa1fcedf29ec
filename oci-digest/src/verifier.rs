use crate::{Digest, Hasher};

/// Checks that bytes given piece by piece have the expected size and digest.
#[derive(Clone, Debug)]
pub struct Verifier {
    hasher: Hasher,
    expected: Digest,
    size: u64,
    seen: u64,
}

impl Verifier {
    /// A verifier for content of `size` bytes named `expected`.
    ///
    /// # Errors
    /// If this build cannot compute the algorithm: such content is never verified.
    pub fn new(expected: &Digest, size: u64) -> Result<Self, Unverifiable> {
        let algorithm =
            expected.algorithm().ok_or_else(|| Unverifiable { digest: expected.clone() })?;
        Ok(Self { hasher: Hasher::new(algorithm), expected: expected.clone(), size, seen: 0 })
    }

    /// The expected digest.
    pub fn digest(&self) -> &Digest {
        &self.expected
    }

    /// The number of bytes taken in.
    pub fn seen(&self) -> u64 {
        self.seen
    }

    /// The number of bytes that are missing.
    pub fn remaining(&self) -> u64 {
        self.size - self.seen
    }

    /// Takes in the next bytes.
    ///
    /// # Errors
    /// [`VerifyError::TooLong`] on the first byte too many; nothing of `bytes` is taken in then.
    pub fn update(&mut self, bytes: &[u8]) -> Result<(), VerifyError> {
        self.admit(bytes)?.update(bytes);
        Ok(())
    }

    /// Counts the next bytes, and gives the hasher that is to take them in.
    pub(crate) fn admit(&mut self, bytes: &[u8]) -> Result<&mut Hasher, VerifyError> {
        self.check_room(bytes)?;
        self.seen += bytes.len() as u64;
        Ok(&mut self.hasher)
    }

    /// Whether `bytes` may follow.
    pub(crate) fn check_room(&self, bytes: &[u8]) -> Result<(), VerifyError> {
        if bytes.len() as u64 > self.remaining() {
            return Err(VerifyError::TooLong { digest: self.expected.clone(), size: self.size });
        }
        Ok(())
    }

    /// Says whether all that was taken in is the expected content.
    ///
    /// # Errors
    /// [`VerifyError::TooShort`] or [`VerifyError::Mismatch`].
    pub fn finish(self) -> Result<(), VerifyError> {
        if self.seen < self.size {
            return Err(VerifyError::TooShort {
                digest: self.expected,
                size: self.size,
                seen: self.seen,
            });
        }
        let actual = self.hasher.finish();
        if actual != self.expected {
            return Err(VerifyError::Mismatch { expected: self.expected, actual });
        }
        Ok(())
    }
}

/// This build cannot compute the digest's algorithm.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("cannot verify `{digest}`: {}", reason(.digest))]
#[non_exhaustive]
pub struct Unverifiable {
    /// The digest.
    pub digest: Digest,
}

fn reason(digest: &Digest) -> &'static str {
    match digest.algorithm_name() {
        "blake3" => "its algorithm needs the feature `blake3`",
        _ => "its algorithm is not supported",
    }
}

/// Why content is not what its digest and size say.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum VerifyError {
    /// There is at least one byte too many.
    #[error("cannot verify `{digest}`: the content is longer than {size} bytes")]
    TooLong {
        /// The expected digest.
        digest: Digest,
        /// The expected size in bytes.
        size: u64,
    },
    /// The content ended early.
    #[error("cannot verify `{digest}`: the content ended after {seen} of {size} bytes")]
    TooShort {
        /// The expected digest.
        digest: Digest,
        /// The expected size in bytes.
        size: u64,
        /// The number of bytes received.
        seen: u64,
    },
    /// The size is right and the digest is not.
    #[error("cannot verify `{expected}`: the content has digest `{actual}`")]
    Mismatch {
        /// The expected digest.
        expected: Digest,
        /// The digest of what was received.
        actual: Digest,
    },
    /// This build cannot compute the digest's algorithm.
    #[error(transparent)]
    Unverifiable(#[from] Unverifiable),
}
