use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use futures_util::stream::unfold;

use super::Open;
use crate::transport::{Body, TransportError};

/// Cuts the bytes of a blob into chunks. Each goes on where the one before it ended, so that the
/// source is read once and not once for each chunk.
#[derive(Clone, Default)]
pub(super) struct Chunks(Arc<Mutex<Option<Rest>>>);

/// What no chunk had yet.
struct Rest {
    /// Where it begins in the blob.
    offset: u64,
    /// What was read of it.
    held: Bytes,
    body: Body,
}

impl Chunks {
    /// The `length` bytes from `start` on.
    pub(super) fn next(&self, open: Open<'_>, start: u64, length: u64) -> Body {
        let kept = self.rest().take().filter(|rest| rest.offset == start);
        let rest =
            kept.unwrap_or_else(|| Rest { offset: start, held: Bytes::new(), body: open(start) });
        let state = (length > 0).then(|| (self.clone(), rest, length));
        let stream = unfold(state, |state| async move {
            let (chunks, mut rest, left) = state?;
            let piece = match rest.next(left).await.transpose()? {
                Ok(piece) => piece,
                Err(error) => return Some((Err(error), None)),
            };
            let left = left - piece.len() as u64;
            if left > 0 {
                return Some((Ok(piece), Some((chunks, rest, left))));
            }
            // A transport that knows the length does not ask for the end.
            *chunks.rest() = Some(rest);
            Some((Ok(piece), None))
        });
        Body::stream(stream, Some(length))
    }

    /// Each change is one assignment, so there is nothing half done after a panic.
    fn rest(&self) -> MutexGuard<'_, Option<Rest>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Rest {
    /// At most `limit` bytes, none at the end.
    async fn next(&mut self, limit: u64) -> Result<Option<Bytes>, TransportError> {
        if self.held.is_empty() {
            let Some(read) = self.body.chunk().await? else { return Ok(None) };
            self.held = read;
        }
        let length = usize::try_from(limit).unwrap_or(usize::MAX).min(self.held.len());
        self.offset += length as u64;
        Ok(Some(self.held.split_to(length)))
    }
}
