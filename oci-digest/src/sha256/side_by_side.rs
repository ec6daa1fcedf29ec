use core::cmp::Reverse;

use super::stream::Stream;
use super::{Block, State};

/// Compresses the longest streams by `compress`, which takes `N` of the same length at once, until fewer than
/// `fewest` are left: of those it compresses nothing.
pub(super) fn side_by_side<const N: usize>(
    streams: &mut [Stream<'_>],
    fewest: usize,
    compress: impl Fn(&mut [State; N], [&[Block]; N]),
) {
    loop {
        streams.sort_unstable_by_key(|stream| Reverse(stream.blocks.len()));
        let count = streams.iter().take(N).take_while(|stream| !stream.blocks.is_empty()).count();
        let active = &mut streams[..count];
        let [first, .., last] = &*active else { return };
        if count < fewest {
            return;
        }
        let shortest = last.blocks.len();
        // A place that no stream takes does again what the first does.
        let mut states = [*first.state; N];
        let mut blocks = [&first.blocks[..shortest]; N];
        for ((stream, state), blocks) in active.iter_mut().zip(&mut states).zip(&mut blocks) {
            *state = *stream.state;
            (*blocks, stream.blocks) = stream.blocks.split_at(shortest);
        }
        compress(&mut states, blocks);
        for (stream, state) in active.iter_mut().zip(states) {
            *stream.state = state;
        }
    }
}
