use core::fmt;

use sha2::Digest as _;

use crate::sha256::{Implementation, Sha256};
use crate::{Algorithm, Digest};

/// Computes the digest of bytes given piece by piece.
#[derive(Clone)]
pub struct Hasher(State);

#[derive(Clone)]
enum State {
    Sha256(Sha256),
    Sha384(sha2::Sha384),
    Sha512(sha2::Sha512),
    #[cfg(feature = "blake3")]
    Blake3(alloc::boxed::Box<blake3::Hasher>),
}

impl Hasher {
    /// A hasher that has seen no byte.
    pub fn new(algorithm: Algorithm) -> Self {
        Self(match algorithm {
            Algorithm::Sha256 => State::Sha256(Sha256::new(Implementation::default())),
            Algorithm::Sha384 => State::Sha384(Default::default()),
            Algorithm::Sha512 => State::Sha512(Default::default()),
            #[cfg(feature = "blake3")]
            Algorithm::Blake3 => State::Blake3(Default::default()),
        })
    }

    /// A hasher of SHA-256 that has seen no byte, by this implementation instead of the fastest.
    pub fn sha256_by(implementation: Implementation) -> Self {
        Self(State::Sha256(Sha256::new(implementation)))
    }

    /// The algorithm.
    pub fn algorithm(&self) -> Algorithm {
        match self.0 {
            State::Sha256(_) => Algorithm::Sha256,
            State::Sha384(_) => Algorithm::Sha384,
            State::Sha512(_) => Algorithm::Sha512,
            #[cfg(feature = "blake3")]
            State::Blake3(_) => Algorithm::Blake3,
        }
    }

    /// Takes in the next bytes.
    pub fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    /// Takes in the next bytes of each hasher.
    ///
    /// The same as [`update`](Self::update) for each, but faster: processors compute SHA-256 of several messages side
    /// by side in less time than of one after the other, if their pieces have about the same length.
    pub fn update_many<'a>(pieces: impl IntoIterator<Item = (&'a mut Self, &'a [u8])>) {
        Sha256::update_many(pieces.into_iter().filter_map(|(hasher, bytes)| match &mut hasher.0 {
            State::Sha256(state) => Some((state, bytes)),
            state => {
                state.update(bytes);
                None
            }
        }));
    }

    /// The digest of all bytes taken in.
    pub fn finish(self) -> Digest {
        let algorithm = self.algorithm();
        match self.0 {
            State::Sha256(state) => Digest::from_hash(algorithm, &state.finish()),
            State::Sha384(state) => Digest::from_hash(algorithm, &state.finalize()),
            State::Sha512(state) => Digest::from_hash(algorithm, &state.finalize()),
            #[cfg(feature = "blake3")]
            State::Blake3(state) => Digest::from_hash(algorithm, state.finalize().as_bytes()),
        }
    }
}

impl State {
    fn update(&mut self, bytes: &[u8]) {
        match self {
            Self::Sha256(state) => state.update(bytes),
            Self::Sha384(state) => state.update(bytes),
            Self::Sha512(state) => state.update(bytes),
            #[cfg(feature = "blake3")]
            Self::Blake3(state) => {
                state.update(bytes);
            }
        }
    }
}

impl fmt::Debug for Hasher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Hasher").field(&self.algorithm()).finish()
    }
}
