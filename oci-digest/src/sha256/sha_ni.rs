//! Messages by SHA-NI. A round of one waits for its last round, so two take turns.

use core::arch::x86_64::*;

use sha2::block_api::compress256;

use super::constants::K;
use super::side_by_side::side_by_side;
use super::stream::Stream;
use super::{Block, State};

/// The same of each of two messages.
type Pair = [__m128i; 2];

#[target_feature(enable = "sha,sse2,ssse3,sse4.1")]
pub(super) fn compress(streams: &mut [Stream<'_>]) {
    side_by_side(streams, 2, |states, blocks| compress_pair(states, blocks));
    for Stream { state, blocks, .. } in streams {
        compress256(state, blocks);
    }
}

/// Compresses as many blocks of both messages as the shorter has, section 6.2.2.
#[target_feature(enable = "sha,sse2,ssse3,sse4.1")]
fn compress_pair(states: &mut [State; 2], [first, second]: [&[Block]; 2]) {
    let [a, b] = *states;
    let mut state = Working { abef: [abef(a), abef(b)], cdgh: [cdgh(a), cdgh(b)] };
    for (first, second) in first.iter().zip(second) {
        let mut working = state;
        let mut words = [
            load(first, second, 0),
            load(first, second, 1),
            load(first, second, 2),
            load(first, second, 3),
        ];
        four_rounds(&mut working, words[0], 0);
        four_rounds(&mut working, words[1], 4);
        four_rounds(&mut working, words[2], 8);
        four_rounds(&mut working, words[3], 12);
        sixteen_rounds(&mut working, &mut words, 16);
        sixteen_rounds(&mut working, &mut words, 32);
        sixteen_rounds(&mut working, &mut words, 48);
        for i in 0..2 {
            state.abef[i] = _mm_add_epi32(state.abef[i], working.abef[i]);
            state.cdgh[i] = _mm_add_epi32(state.cdgh[i], working.cdgh[i]);
        }
    }
    *states = [join(state.abef[0], state.cdgh[0]), join(state.abef[1], state.cdgh[1])];
}

/// The working variables of each message, as the instructions take them.
#[derive(Clone, Copy)]
struct Working {
    abef: Pair,
    cdgh: Pair,
}

/// Computes the next sixteen words, and the rounds from `t`.
#[inline]
#[target_feature(enable = "sha,sse2,ssse3,sse4.1")]
fn sixteen_rounds(working: &mut Working, words: &mut [Pair; 4], t: usize) {
    for i in 0..4 {
        let [w16, w12, w8, w4] =
            [words[i], words[(i + 1) % 4], words[(i + 2) % 4], words[(i + 3) % 4]];
        for n in 0..2 {
            let sums = _mm_sha256msg1_epu32(w16[n], w12[n]);
            let sums = _mm_add_epi32(sums, _mm_alignr_epi8::<4>(w4[n], w8[n]));
            words[i][n] = _mm_sha256msg2_epu32(sums, w4[n]);
        }
        four_rounds(working, words[i], t + 4 * i);
    }
}

/// The rounds from `t`.
#[inline]
#[target_feature(enable = "sha,sse2,ssse3,sse4.1")]
fn four_rounds(Working { abef, cdgh }: &mut Working, words: Pair, t: usize) {
    let k = |at: usize| K[t + at].cast_signed();
    let k = _mm_setr_epi32(k(0), k(1), k(2), k(3));
    for n in 0..2 {
        let addends = _mm_add_epi32(words[n], k);
        cdgh[n] = _mm_sha256rnds2_epu32(cdgh[n], abef[n], addends);
        let addends = _mm_shuffle_epi32::<0b11_10>(addends);
        abef[n] = _mm_sha256rnds2_epu32(abef[n], cdgh[n], addends);
    }
}

/// The words `4 * quarter..` of both blocks.
#[inline]
#[target_feature(enable = "sha,sse2,ssse3,sse4.1")]
fn load(first: &Block, second: &Block, quarter: usize) -> Pair {
    let big_endian = _mm_setr_epi8(3, 2, 1, 0, 7, 6, 5, 4, 11, 10, 9, 8, 15, 14, 13, 12);
    let half =
        |block: &Block, half: usize| i64::from_le_bytes(block.as_chunks().0[2 * quarter + half]);
    let first = _mm_set_epi64x(half(first, 1), half(first, 0));
    let second = _mm_set_epi64x(half(second, 1), half(second, 0));
    [_mm_shuffle_epi8(first, big_endian), _mm_shuffle_epi8(second, big_endian)]
}

#[inline]
#[target_feature(enable = "sse2")]
fn abef([a, b, _, _, e, f, _, _]: State) -> __m128i {
    _mm_set_epi32(a.cast_signed(), b.cast_signed(), e.cast_signed(), f.cast_signed())
}

#[inline]
#[target_feature(enable = "sse2")]
fn cdgh([_, _, c, d, _, _, g, h]: State) -> __m128i {
    _mm_set_epi32(c.cast_signed(), d.cast_signed(), g.cast_signed(), h.cast_signed())
}

#[inline]
#[target_feature(enable = "sse4.1")]
fn join(abef: __m128i, cdgh: __m128i) -> State {
    macro_rules! words {
        ($($half:ident $at:literal)*) => { [$(_mm_extract_epi32::<$at>($half).cast_unsigned()),*] };
    }
    words!(abef 3 abef 2 cdgh 3 cdgh 2 abef 1 abef 0 cdgh 1 cdgh 0)
}
