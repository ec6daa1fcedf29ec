use crate::{Descriptor, Digest, History};

/// A layer to build with: the blob, the digest of the uncompressed archive, and how it was made.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Layer {
    /// The blob.
    pub descriptor: Descriptor,
    /// The digest of the uncompressed archive.
    pub diff_id: Digest,
    /// How it was made.
    pub history: History,
}

impl Layer {
    /// A layer of which is not said how it was made.
    pub fn new(descriptor: Descriptor, diff_id: Digest) -> Self {
        Self { descriptor, diff_id, history: History::new() }
    }

    /// The same layer, made so.
    ///
    /// Times are optional, and none is made up: an image of the same parts has the same digest. Some
    /// tools want one at each step (`umoci stat` 0.4.7 fails without): give [`History::created`] then.
    #[must_use]
    pub fn history(mut self, history: History) -> Self {
        self.history = history;
        self
    }

    /// The same layer, made by this command.
    #[must_use]
    pub fn created_by(mut self, command: impl Into<String>) -> Self {
        self.history.created_by = Some(command.into());
        self
    }
}

impl From<(Descriptor, Digest)> for Layer {
    fn from((descriptor, diff_id): (Descriptor, Digest)) -> Self {
        Self::new(descriptor, diff_id)
    }
}
