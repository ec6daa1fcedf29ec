//! What a layer itself has put into the tree.

use std::collections::HashSet;
use std::hash::{BuildHasher, RandomState};

use crate::root::{Id, Kept, MARKER};

/// The names that the current layer has put into directories. Whiteouts leave them alone.
///
/// Of each only a hash is held, of 128 bits with random keys, so that a million names take
/// no more than a few dozen megabytes.
pub(super) struct Upper {
    names: HashSet<u128>,
    keys: [RandomState; 2],
    root: Id,
}

impl Upper {
    pub(super) fn new(root: Id) -> Self {
        Self { names: HashSet::new(), keys: [RandomState::new(), RandomState::new()], root }
    }

    pub(super) fn insert(&mut self, directory: Id, name: &[u8]) {
        self.names.insert(self.hash(directory, name));
    }

    fn hash(&self, directory: Id, name: &[u8]) -> u128 {
        let [high, low] = self.keys.each_ref().map(|key| key.hash_one((directory, name)));
        u128::from(high) << 64 | u128::from(low)
    }
}

impl Kept for Upper {
    fn keeps(&self, directory: Id, name: &[u8]) -> bool {
        (directory == self.root && name == MARKER)
            || self.names.contains(&self.hash(directory, name))
    }
}
