//! Eight messages side by side: each has a lane of the vectors.

use core::arch::x86_64::*;

use super::super::constants::K;
use super::super::{Block, State};

/// A word of each message.
type Lanes = __m256i;

/// Compresses as many blocks of each message as the shortest has.
#[target_feature(enable = "avx2")]
pub(super) fn compress(states: &mut [State; 8], blocks: [&[Block]; 8]) {
    let shortest = blocks.iter().fold(usize::MAX, |shortest, blocks| shortest.min(blocks.len()));
    let mut state = [_mm256_setzero_si256(); 8];
    for (lanes, [a, b, c, d, e, f, g, h]) in state.iter_mut().zip(&*states) {
        let words = [a, b, c, d, e, f, g, h].map(|word| word.cast_signed());
        let [a, b, c, d, e, f, g, h] = words;
        *lanes = _mm256_setr_epi32(a, b, c, d, e, f, g, h);
    }
    state = transpose(state);
    for at in 0..shortest {
        let [a, b, c, d, e, f, g, h] = &blocks;
        state =
            compress_block(state, [&a[at], &b[at], &c[at], &d[at], &e[at], &f[at], &g[at], &h[at]]);
    }
    state = transpose(state);
    for (state, lanes) in states.iter_mut().zip(state) {
        macro_rules! words {
            ($($at:literal)*) => { [$(_mm256_extract_epi32::<$at>(lanes).cast_unsigned()),*] };
        }
        *state = words!(0 1 2 3 4 5 6 7);
    }
}

/// Section 6.2.2.
#[inline]
#[target_feature(enable = "avx2")]
fn compress_block(state: [Lanes; 8], blocks: [&Block; 8]) -> [Lanes; 8] {
    let mut words = load(blocks);
    let mut working = state;
    for (word, k) in words.iter().zip(&K) {
        working = round(working, *word, *k);
    }
    for t in 1..4 {
        for i in 0..16 {
            let [w16, w15, w7, w2] = [i, i + 1, i + 9, i + 14].map(|at| words[at % 16]);
            words[i] = schedule(w16, w15, w7, w2);
            working = round(working, words[i], K[16 * t + i]);
        }
    }
    for (working, state) in working.iter_mut().zip(state) {
        *working = _mm256_add_epi32(*working, state);
    }
    working
}

#[inline]
#[target_feature(enable = "avx2")]
fn round([a, b, c, d, e, f, g, h]: [Lanes; 8], word: Lanes, k: u32) -> [Lanes; 8] {
    let addend = _mm256_add_epi32(word, _mm256_set1_epi32(k.cast_signed()));
    let choice = _mm256_xor_si256(_mm256_and_si256(e, f), _mm256_andnot_si256(e, g));
    let sigma_1 = xor(rotate::<6, 26>(e), rotate::<11, 21>(e), rotate::<25, 7>(e));
    let t1 = _mm256_add_epi32(_mm256_add_epi32(h, addend), _mm256_add_epi32(choice, sigma_1));
    // `a ^ b` is `b ^ c` in the next round, and computed once.
    let differ = _mm256_and_si256(_mm256_xor_si256(a, b), _mm256_xor_si256(b, c));
    let majority = _mm256_xor_si256(differ, b);
    let sigma_0 = xor(rotate::<2, 30>(a), rotate::<13, 19>(a), rotate::<22, 10>(a));
    let t2 = _mm256_add_epi32(sigma_0, majority);
    [_mm256_add_epi32(t1, t2), a, b, c, _mm256_add_epi32(d, t1), e, f, g]
}

#[inline]
#[target_feature(enable = "avx2")]
fn schedule(w16: Lanes, w15: Lanes, w7: Lanes, w2: Lanes) -> Lanes {
    let shifted = _mm256_srli_epi32::<3>(w15);
    let sigma_0 = xor(rotate::<7, 25>(w15), rotate::<18, 14>(w15), shifted);
    let shifted = _mm256_srli_epi32::<10>(w2);
    let sigma_1 = xor(rotate::<17, 15>(w2), rotate::<19, 13>(w2), shifted);
    _mm256_add_epi32(_mm256_add_epi32(w16, sigma_0), _mm256_add_epi32(w7, sigma_1))
}

#[inline]
#[target_feature(enable = "avx2")]
fn xor(a: Lanes, b: Lanes, c: Lanes) -> Lanes {
    _mm256_xor_si256(_mm256_xor_si256(a, b), c)
}

/// Rotates each word right by `RIGHT`, which is left by `LEFT`.
#[inline]
#[target_feature(enable = "avx2")]
fn rotate<const RIGHT: i32, const LEFT: i32>(words: Lanes) -> Lanes {
    const { assert!(RIGHT + LEFT == 32) };
    _mm256_or_si256(_mm256_srli_epi32::<RIGHT>(words), _mm256_slli_epi32::<LEFT>(words))
}

/// The sixteen words of each block.
#[inline]
#[target_feature(enable = "avx2")]
fn load(blocks: [&Block; 8]) -> [Lanes; 16] {
    let mut lower = [_mm256_setzero_si256(); 8];
    let mut upper = lower;
    for ((block, lower), upper) in blocks.iter().zip(&mut lower).zip(&mut upper) {
        let (words, _) = block.as_chunks();
        *lower = load_half(words[0], words[1], words[2], words[3]);
        *upper = load_half(words[4], words[5], words[6], words[7]);
    }
    let [a, b, c, d, e, f, g, h] = transpose(lower);
    let [i, j, k, l, m, n, o, p] = transpose(upper);
    [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p]
}

/// Eight words of a block.
#[inline]
#[target_feature(enable = "avx2")]
fn load_half(a: [u8; 8], b: [u8; 8], c: [u8; 8], d: [u8; 8]) -> Lanes {
    let word = i64::from_le_bytes;
    let words = _mm256_setr_epi64x(word(a), word(b), word(c), word(d));
    let big_endian = _mm_setr_epi8(3, 2, 1, 0, 7, 6, 5, 4, 11, 10, 9, 8, 15, 14, 13, 12);
    _mm256_shuffle_epi8(words, _mm256_broadcastsi128_si256(big_endian))
}

/// Word `i` of vector `j` becomes word `j` of vector `i`.
#[inline]
#[target_feature(enable = "avx2")]
fn transpose([a, b, c, d, e, f, g, h]: [Lanes; 8]) -> [Lanes; 8] {
    let [a, b, c, d] = transpose_quarters(a, b, c, d);
    let [e, f, g, h] = transpose_quarters(e, f, g, h);
    [
        _mm256_permute2x128_si256::<0x20>(a, e),
        _mm256_permute2x128_si256::<0x20>(b, f),
        _mm256_permute2x128_si256::<0x20>(c, g),
        _mm256_permute2x128_si256::<0x20>(d, h),
        _mm256_permute2x128_si256::<0x31>(a, e),
        _mm256_permute2x128_si256::<0x31>(b, f),
        _mm256_permute2x128_si256::<0x31>(c, g),
        _mm256_permute2x128_si256::<0x31>(d, h),
    ]
}

/// The same of four words, in the lower and in the upper half of the vectors.
#[inline]
#[target_feature(enable = "avx2")]
fn transpose_quarters(a: Lanes, b: Lanes, c: Lanes, d: Lanes) -> [Lanes; 4] {
    let (ab, cd) = (_mm256_unpacklo_epi32(a, b), _mm256_unpacklo_epi32(c, d));
    let (ab_upper, cd_upper) = (_mm256_unpackhi_epi32(a, b), _mm256_unpackhi_epi32(c, d));
    [
        _mm256_unpacklo_epi64(ab, cd),
        _mm256_unpackhi_epi64(ab, cd),
        _mm256_unpacklo_epi64(ab_upper, cd_upper),
        _mm256_unpackhi_epi64(ab_upper, cd_upper),
    ]
}
