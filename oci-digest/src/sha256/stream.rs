use super::{Block, Implementation, State};

/// Blocks to compress into a state.
pub(super) struct Stream<'a> {
    pub(super) implementation: Implementation,
    pub(super) state: &'a mut State,
    pub(super) blocks: &'a [Block],
}
