//! Messages by AVX2 and BMI2.
//!
//! Several have each a lane of the vectors. One alone cannot, as each round depends on the one before it.

mod lanes;
mod single;

use super::side_by_side::side_by_side;
use super::stream::Stream;

/// With fewer streams than this, one after the other is faster than all side by side.
const FEWEST: usize = 3;

#[target_feature(enable = "avx2,bmi1,bmi2")]
pub(super) fn compress(streams: &mut [Stream<'_>]) {
    side_by_side(streams, FEWEST, |states, blocks| lanes::compress(states, blocks));
    for Stream { state, blocks, .. } in streams {
        single::compress(state, blocks);
    }
}
