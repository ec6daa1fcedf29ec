use std::collections::BTreeMap;
use std::ops::Range;

use bytes::Bytes;
use oci_image::blob::Ranges;

use crate::bridge::{Stopped, Writing};

/// Puts a blob together whose bytes are received in any order.
///
/// Where the sink takes parts, each is written at once. Otherwise what is behind a gap is held in memory: within
/// [`window`](Self::window).
pub(super) struct Assembly<'w> {
    writing: &'w Writing,
    size: u64,
    held: Ranges,
    /// What is held in memory, by offset.
    waiting: BTreeMap<u64, Bytes>,
    window: u64,
}

impl<'w> Assembly<'w> {
    /// The assembly of a blob of `size` bytes that is written by `writing`, with at most `window` bytes in memory.
    pub(super) fn new(writing: &'w Writing, size: u64, window: u64) -> Self {
        let mut held = Ranges::new();
        let mut next = 0;
        for Range { start, end } in &writing.missing {
            held.insert(next..*start);
            next = *end;
        }
        held.insert(next..size);
        Self { writing, size, held, waiting: BTreeMap::new(), window }
    }

    /// How many bytes there are.
    pub(super) fn received(&self) -> u64 {
        self.held.iter().map(|range| range.end - range.start).sum()
    }

    pub(super) fn missing(&self) -> Vec<Range<u64>> {
        self.held.missing(self.size)
    }

    pub(super) fn is_whole(&self) -> bool {
        self.held.prefix() == self.size
    }

    /// Whether what ends at `end` may be received now.
    pub(super) fn has_room(&self, end: u64) -> bool {
        self.writing.takes_parts || end <= self.held.prefix().saturating_add(self.window)
    }

    /// Adds bytes that begin at `offset`, but for those that are held already.
    pub(super) async fn add(&mut self, offset: u64, bytes: Bytes) -> Result<(), Stopped> {
        let end = offset + bytes.len() as u64;
        for Range { start, end } in self.held.missing(end) {
            let start = start.max(offset);
            if start < end {
                self.add_missing(start, bytes.slice(index(start - offset)..index(end - offset)))
                    .await?;
            }
        }
        Ok(())
    }

    async fn add_missing(&mut self, offset: u64, bytes: Bytes) -> Result<(), Stopped> {
        let written = self.held.prefix();
        self.held.insert(offset..offset + bytes.len() as u64);
        if self.writing.takes_parts {
            return self.writing.write(offset, bytes).await;
        }
        if offset > written {
            self.waiting.insert(offset, bytes);
            return Ok(());
        }
        self.writing.write(offset, bytes).await?;
        let next = self.held.prefix();
        while let Some(entry) = self.waiting.first_entry().filter(|entry| *entry.key() < next) {
            let (offset, bytes) = entry.remove_entry();
            self.writing.write(offset, bytes).await?;
        }
        Ok(())
    }
}

/// Of an offset within bytes in memory.
fn index(offset: u64) -> usize {
    usize::try_from(offset).unwrap_or(usize::MAX)
}
