use crate::error::Error;

/// How the bytes of a blob are sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    Whole,
    /// In chunks of so many bytes, at most.
    Chunks(u64),
}

/// The ways in which one blob is sent, as some registries take no chunks, some no large ones, and some no large body.
pub(super) struct Ways {
    current: Way,
    tried: u32,
    refusal: Option<Error>,
}

/// The chunks of what is too large for the registry, in bytes: the least limit that is known, that of GHCR.
const CHUNK: u64 = 4 * 1024 * 1024;

/// In how many ways a blob is sent at most.
const MOST: u32 = 3;

impl Ways {
    /// Chunks of so many bytes first, or one piece.
    pub(super) fn new(chunk: Option<u64>) -> Self {
        Self { current: chunk.map_or(Way::Whole, Way::Chunks), tried: 1, refusal: None }
    }

    pub(super) fn current(&self) -> Way {
        self.current
    }

    /// Changes to another way to send a blob of `size` bytes, if there is one that this refusal leaves open. The client
    /// took the registry to have `sent` bytes, which says itself that it has `offset`.
    pub(super) fn change(&mut self, status: u16, sent: u64, offset: u64, size: u64) -> bool {
        let other = match (self.current, status) {
            (Way::Whole, 413) if size > CHUNK => Way::Chunks(CHUNK),
            // What was missing of it is a chunk.
            (Way::Whole, 400 | 405 | 415 | 501) if sent > 0 => Way::Whole,
            (Way::Chunks(chunk), 413) if chunk > CHUNK => Way::Chunks(CHUNK),
            // Otherwise the chunk was only in the wrong place.
            (Way::Chunks(chunk), 416) if offset == sent => match chunk > CHUNK {
                true => Way::Chunks(CHUNK),
                false => Way::Whole,
            },
            (Way::Chunks(_), 400 | 405 | 415 | 501) => Way::Whole,
            _ => return false,
        };
        if self.tried >= MOST {
            return false;
        }
        self.current = other;
        self.tried += 1;
        true
    }

    /// Keeps why the first way was refused.
    pub(super) fn refused(&mut self, error: Error) {
        self.refusal.get_or_insert(error);
    }

    /// What was refused first, which says more than how another way failed in the end.
    pub(super) fn first_refusal(self, last: Error) -> Error {
        self.refusal.filter(|_| !last.is_transient()).unwrap_or(last)
    }
}
