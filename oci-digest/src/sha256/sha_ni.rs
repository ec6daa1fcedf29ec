//! Two messages in turn by SHA-NI: an instruction of one is under way while the other's begins.

use core::arch::x86_64::*;

use super::constants::K;
use super::{Block, State};

/// The words a, b, e, f and c, d, g, h of a state, as the instructions take them.
#[derive(Clone, Copy)]
struct Halves {
    abef: __m128i,
    cdgh: __m128i,
}

/// Compresses as many blocks of both messages as the shorter one has.
#[target_feature(enable = "sha,sse2,ssse3,sse4.1")]
pub(super) fn compress_pair(states: [&mut State; 2], blocks: [&[Block]; 2]) {
    let mut halves = states.each_ref().map(|state| split(state));
    for (first, second) in blocks[0].iter().zip(blocks[1]) {
        let mut words = [load(first), load(second)];
        let before = halves;
        ...
    }
}
