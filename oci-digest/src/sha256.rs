//! SHA-256 as [FIPS 180-4] defines it, by one of several implementations of its compression.
//!
//! [FIPS 180-4]: https://doi.org/10.6028/NIST.FIPS.180-4

#[cfg(all(target_arch = "x86_64", target_pointer_width = "64"))]
mod avx2;
#[cfg(all(target_arch = "x86_64", target_pointer_width = "64"))]
mod constants;
mod implementation;
#[cfg(all(target_arch = "x86_64", target_pointer_width = "64"))]
mod sha_ni;
#[cfg(all(target_arch = "x86_64", target_pointer_width = "64"))]
mod side_by_side;
mod stream;

use alloc::vec::Vec;

pub use implementation::Implementation;

use stream::Stream;

/// A block of a message, section 5.2.1.
type Block = [u8; 64];

/// The eight words of a hash value, section 6.2.
type State = [u32; 8];

/// The initial hash value, section 5.3.3: the first 32 bits of the fractional parts of the square
/// roots of the first eight prime numbers.
const INITIAL: State = [
    0x6a09_e667,
    0xbb67_ae85,
    0x3c6e_f372,
    0xa54f_f53a,
    0x510e_527f,
    0x9b05_688c,
    0x1f83_d9ab,
    0x5be0_cd19,
];

/// A message on its way to its hash value.
#[derive(Clone)]
pub(crate) struct Sha256 {
    implementation: Implementation,
    state: State,
    /// The beginning of a block that is not whole yet.
    tail: Block,
    /// How much was taken in, in bytes.
    length: u64,
}

impl Sha256 {
    pub(crate) fn new(implementation: Implementation) -> Self {
        Self { implementation, state: INITIAL, tail: [0; 64], length: 0 }
    }

    pub(crate) fn update(&mut self, bytes: &[u8]) {
        let stream = self.begin(bytes);
        stream.implementation.compress(&mut [stream]);
    }

    /// Takes in the next bytes of each message, side by side where that is faster.
    pub(crate) fn update_many<'a>(pieces: impl Iterator<Item = (&'a mut Self, &'a [u8])>) {
        let mut streams: Vec<_> = pieces.map(|(message, bytes)| message.begin(bytes)).collect();
        let same = |a: &Stream<'_>, b: &Stream<'_>| a.implementation == b.implementation;
        for streams in streams.chunk_by_mut(same) {
            if let Some(Stream { implementation, .. }) = streams.first() {
                implementation.compress(streams);
            }
        }
    }

    /// Takes in `bytes`, but for the blocks that are still to be compressed.
    fn begin<'a>(&'a mut self, bytes: &'a [u8]) -> Stream<'a> {
        let bytes = self.complete(bytes);
        let (blocks, rest) = bytes.as_chunks();
        self.length += blocks.as_flattened().len() as u64;
        self.hold(rest);
        Stream { implementation: self.implementation, state: &mut self.state, blocks }
    }

    /// Pads the message as section 5.1.1 says, and gives its hash value.
    pub(crate) fn finish(mut self) -> [u8; 32] {
        // FIPS 180-4 hashes less than 2^64 bits.
        let bits = self.length.wrapping_mul(8).to_be_bytes();
        self.update(&[0x80]);
        let zeros = (64 + 56 - self.held()) % 64;
        self.update(&[0; 64][..zeros]);
        self.update(&bits);
        let mut hash = [0; 32];
        for (bytes, word) in hash.as_chunks_mut().0.iter_mut().zip(self.state) {
            *bytes = word.to_be_bytes();
        }
        hash
    }

    /// How much of the tail is filled, in bytes.
    fn held(&self) -> usize {
        (self.length % 64) as usize
    }

    /// Completes the block that was begun, as far as `bytes` go, and gives what is left of them.
    fn complete<'a>(&mut self, bytes: &'a [u8]) -> &'a [u8] {
        let held = self.held();
        if held == 0 {
            return bytes;
        }
        let (first, rest) = bytes.split_at(bytes.len().min(64 - held));
        self.hold(first);
        if self.held() == 0 {
            let Self { implementation, state, tail, .. } = self;
            let implementation = *implementation;
            implementation.compress(&mut [Stream { implementation, state, blocks: &[*tail] }]);
        }
        rest
    }

    /// Holds bytes that go no further than the block's end.
    fn hold(&mut self, bytes: &[u8]) {
        let held = self.held();
        self.tail[held..][..bytes.len()].copy_from_slice(bytes);
        self.length += bytes.len() as u64;
    }
}
