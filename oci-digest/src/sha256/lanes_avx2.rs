//! Eight messages side by side by AVX2: one in each lane of the vectors.

use core::arch::x86_64::*;

use super::constants::K;
use super::{Block, State};

/// The same word of eight messages.
type Lanes = __m256i;

/// Compresses as many blocks of each message as the shortest has.
#[target_feature(enable = "avx2")]
pub(super) fn compress(states: [&mut State; 8], blocks: [&[Block]; 8]) {
    let shortest = blocks.iter().map(|blocks| blocks.len()).min().unwrap_or(0);
    let mut state = transpose(states.each_ref().map(|state| **state));
    for at in 0..shortest {
        state = compress_block(state, blocks.map(|blocks| &blocks[at]));
    }
    for (to, from) in states.into_iter().zip(untranspose(state)) {
        *to = from;
    }
}

#[inline]
#[target_feature(enable = "avx2")]
fn compress_block(state: [Lanes; 8], blocks: [&Block; 8]) -> [Lanes; 8] {
    let mut words = load(blocks);
    let mut working = state;
    for i in 0..16 { working = round(working, add(words[i], constant(i))); }
    for t in [16, 32, 48] {
        for i in 0..16 {
            words[i] = schedule(words[i], words[(i + 1) % 16], words[(i + 9) % 16], words[(i + 14) % 16]);
            working = round(working, add(words[i], constant(t + i)));
        }
    }
    array::from_fn(|i| add(state[i], working[i]))
}
