//! Messages by AVX2 and BMI2.
//!
//! Several have each a lane of the vectors. One alone cannot: each round depends on the one before it, so
//! rounds are computed word by word, with the rotations of BMI2. The message schedule does not depend on
//! them: vectors compute it, for two blocks at once, in between the rounds of the first.

mod lanes;

use core::arch::x86_64::*;

use super::constants::K;
use super::side_by_side::side_by_side;
use super::stream::Stream;
use super::{Block, State};

/// Four words of a block, and the same four of the block behind it.
type Words = __m256i;

/// What the message and the constants add in four rounds, `W + K`, of each of the two blocks.
type Addends = [[u32; 4]; 2];

/// With fewer streams than this, one after the other is faster than all side by side.
const FEWEST: usize = 3;

#[target_feature(enable = "avx2,bmi1,bmi2")]
pub(super) fn compress(streams: &mut [Stream<'_>]) {
    side_by_side(streams, FEWEST, |states, blocks| lanes::compress(states, blocks));
    for Stream { state, blocks, .. } in streams {
        compress_one(state, blocks);
    }
}

#[target_feature(enable = "avx2,bmi1,bmi2")]
fn compress_one(state: &mut State, blocks: &[Block]) {
    let mut addends = [[[[0; 4]; 2]; 4]; 4];
    for pair in blocks.chunks(2) {
        let [first, second] = [&pair[0], &pair[pair.len() - 1]];
        compress_first(state, first, second, &mut addends);
        if pair.len() == 2 {
            compress_second(state, &addends);
        }
    }
}

/// Compresses the first of two blocks, and leaves the addends of both.
#[inline]
#[target_feature(enable = "avx2,bmi1,bmi2")]
fn compress_first(
    state: &mut State,
    first: &Block,
    second: &Block,
    addends: &mut [[Addends; 4]; 4],
) {
    let mut words = [
        load::<0>(first, second),
        load::<4>(first, second),
        load::<8>(first, second),
        load::<12>(first, second),
    ];
    addends[0] = [
        add_constants::<0>(words[0], 0),
        add_constants::<4>(words[1], 0),
        add_constants::<8>(words[2], 0),
        add_constants::<12>(words[3], 0),
    ];
    let mut working = Working::new(*state);
    for t in 1..4 {
        let [a, b, c, d] = words;
        working = four_rounds(working, &addends[t - 1][0][0]);
        let a = schedule([a, b, c, d]);
        addends[t][0] = add_constants::<0>(a, t);
        working = four_rounds(working, &addends[t - 1][1][0]);
        let b = schedule([b, c, d, a]);
        addends[t][1] = add_constants::<4>(b, t);
        working = four_rounds(working, &addends[t - 1][2][0]);
        let c = schedule([c, d, a, b]);
        addends[t][2] = add_constants::<8>(c, t);
        working = four_rounds(working, &addends[t - 1][3][0]);
        let d = schedule([d, a, b, c]);
        addends[t][3] = add_constants::<12>(d, t);
        words = [a, b, c, d];
    }
    let [a, b, c, d] = &addends[3];
    working = four_rounds(working, &a[0]);
    working = four_rounds(working, &b[0]);
    working = four_rounds(working, &c[0]);
    working = four_rounds(working, &d[0]);
    working.add_to(state);
}

/// Compresses the second of two blocks.
#[inline]
#[target_feature(enable = "avx2,bmi1,bmi2")]
fn compress_second(state: &mut State, addends: &[[Addends; 4]; 4]) {
    let mut working = Working::new(*state);
    for [a, b, c, d] in addends {
        working = four_rounds(working, &a[1]);
        working = four_rounds(working, &b[1]);
        working = four_rounds(working, &c[1]);
        working = four_rounds(working, &d[1]);
    }
    working.add_to(state);
}

/// The working variables of section 6.2.2.
#[derive(Clone, Copy)]
struct Working {
    /// `a` to `h`.
    words: State,
    /// `b ^ c`, which was `a ^ b` in the last round.
    b_xor_c: u32,
}

impl Working {
    #[inline(always)]
    fn new(words: State) -> Self {
        Self { words, b_xor_c: words[1] ^ words[2] }
    }

    /// Section 6.2.2, step 4.
    #[inline(always)]
    fn add_to(self, state: &mut State) {
        for (word, working) in state.iter_mut().zip(self.words) {
            *word = word.wrapping_add(working);
        }
    }
}

#[inline(always)]
fn four_rounds(mut working: Working, addends: &[u32; 4]) -> Working {
    for addend in addends {
        working = round(working, *addend);
    }
    working
}

/// Section 6.2.2, step 3. The next `e` comes first, as the next round waits for it longest. Of several
/// hundred ways to write these lines, this one was the fastest on Zen 3, by up to a fifth: measure what you
/// change.
#[inline(always)]
fn round(working: Working, addend: u32) -> Working {
    let Working { words: [a, b, c, d, e, f, g, h], b_xor_c } = working;
    let choice = ((f ^ g) & e) ^ g;
    let sigma_1 = e.rotate_right(25) ^ e.rotate_right(11) ^ e.rotate_right(6);
    let sum = h.wrapping_add(addend).wrapping_add(choice);
    let t1 = sum.wrapping_add(sigma_1);
    let a_xor_b = a ^ b;
    let next_e = d.wrapping_add(sum).wrapping_add(sigma_1);
    let majority = (a_xor_b & b_xor_c) ^ b;
    let sigma_0 = a.rotate_right(22) ^ a.rotate_right(13) ^ a.rotate_right(2);
    let next_a = t1.wrapping_add(majority).wrapping_add(sigma_0);
    Working { words: [next_a, a, b, c, next_e, e, f, g], b_xor_c: a_xor_b }
}

/// The words `AT..AT + 4` of both blocks.
#[inline]
#[target_feature(enable = "avx2")]
fn load<const AT: usize>(first: &Block, second: &Block) -> Words {
    let half = |block: &Block, half: usize| {
        let (halves, _) = block.as_chunks();
        i64::from_le_bytes(halves[AT / 2 + half])
    };
    let words =
        _mm256_setr_epi64x(half(first, 0), half(first, 1), half(second, 0), half(second, 1));
    let big_endian = _mm_setr_epi8(3, 2, 1, 0, 7, 6, 5, 4, 11, 10, 9, 8, 15, 14, 13, 12);
    _mm256_shuffle_epi8(words, _mm256_broadcastsi128_si256(big_endian))
}

/// Adds the constants of the rounds `16 * t + AT` and the next three.
#[inline]
#[target_feature(enable = "avx2")]
fn add_constants<const AT: usize>(words: Words, t: usize) -> Addends {
    let (k, _) = K.as_chunks::<16>();
    let k = |at: usize| k[t][AT + at].cast_signed();
    let k = _mm256_broadcastsi128_si256(_mm_setr_epi32(k(0), k(1), k(2), k(3)));
    let sums = _mm256_add_epi32(words, k);
    macro_rules! words {
        ($($at:literal)*) => { [$(_mm256_extract_epi32::<$at>(sums).cast_unsigned()),*] };
    }
    [words!(0 1 2 3), words!(4 5 6 7)]
}

/// The next four words of both blocks from the sixteen before them, section 6.2.2, step 1.
#[inline]
#[target_feature(enable = "avx2")]
fn schedule([w16, w12, w8, w4]: [Words; 4]) -> Words {
    let w15 = _mm256_alignr_epi8::<4>(w12, w16);
    let w7 = _mm256_alignr_epi8::<4>(w4, w8);
    let sums = _mm256_add_epi32(_mm256_add_epi32(w16, w7), sigma_0(w15));
    // The last two words need the first two.
    let lower = _mm_set_epi64x(-1, 0x0b0a_0908_0302_0100);
    let first = sigma_1(_mm256_shuffle_epi32::<0b11_11_10_10>(w4), lower);
    let sums = _mm256_add_epi32(sums, first);
    let upper = _mm_set_epi64x(0x0b0a_0908_0302_0100, -1);
    let last = sigma_1(_mm256_shuffle_epi32::<0b01_01_00_00>(sums), upper);
    _mm256_add_epi32(sums, last)
}

#[inline]
#[target_feature(enable = "avx2")]
fn sigma_0(words: Words) -> Words {
    let by_7 = _mm256_or_si256(_mm256_srli_epi32::<7>(words), _mm256_slli_epi32::<25>(words));
    let by_18 = _mm256_or_si256(_mm256_srli_epi32::<18>(words), _mm256_slli_epi32::<14>(words));
    let shifted = _mm256_srli_epi32::<3>(words);
    _mm256_xor_si256(_mm256_xor_si256(by_7, by_18), shifted)
}

/// The σ1 of words that stand twice beside each other, so that a shift of both is a rotation of one, in the
/// `order` of [`_mm256_shuffle_epi8`].
#[inline]
#[target_feature(enable = "avx2")]
fn sigma_1(words: Words, order: __m128i) -> Words {
    let by_17 = _mm256_srli_epi64::<17>(words);
    let by_19 = _mm256_srli_epi64::<19>(words);
    let shifted = _mm256_srli_epi32::<10>(words);
    let sigma_1 = _mm256_xor_si256(_mm256_xor_si256(by_17, by_19), shifted);
    _mm256_shuffle_epi8(sigma_1, _mm256_broadcastsi128_si256(order))
}
