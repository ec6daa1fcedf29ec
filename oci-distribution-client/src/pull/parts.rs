//! The bytes of one blob, over one connection or over several at once.

use std::iter;
use std::ops::Range;

use super::Pull;
use super::assembly::Assembly;
use super::connections::Connections;
use crate::blob::{Download, Received};
use crate::bridge::Writing;
use crate::error::{Error, ErrorKind};
use crate::progress::Step;

/// How a blob is received.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Manner {
    /// How many connections there are at once.
    pub(super) connections: usize,
    /// How many bytes one is asked for, if not for all.
    pub(super) part: Option<u64>,
}

impl Manner {
    pub(super) const WHOLE: Self = Self { connections: 1, part: None };

    /// With parts that fit into `window` bytes together.
    fn within(self, window: u64) -> Self {
        let fitting = (window / self.connections as u64).max(1);
        Self { part: self.part.map(|part| part.min(fitting)), ..self }
    }
}

/// How what was written ended.
pub(super) enum Reception {
    /// All is written, or the writer has stopped and tells why at the commit.
    Ended,
    /// The registry gives no parts that fit together.
    NoParts,
}

impl<S> Pull<'_, S> {
    /// Writes what is missing.
    pub(super) async fn receive(
        &self,
        download: &Download,
        writing: &Writing,
        manner: Manner,
    ) -> Result<(), Error> {
        let blob = download.blob();
        let limits = &self.repository.shared.wire.limits;
        let mut assembly = Assembly::new(writing, blob.size, limits.window);
        let manner = if writing.takes_parts { manner } else { manner.within(limits.window) };
        if let Reception::NoParts = self.receive_parts(download, &mut assembly, manner).await? {
            self.receive_parts(download, &mut assembly, Manner::WHOLE).await?;
        }
        Ok(())
    }

    async fn receive_parts(
        &self,
        download: &Download,
        assembly: &mut Assembly<'_>,
        manner: Manner,
    ) -> Result<Reception, Error> {
        // A blob without bytes misses none, and yet the registry says whether it is there.
        let empty = (download.blob().size == 0).then_some(0..0);
        let parts = parts(assembly.missing(), manner.part).chain(empty);
        let mut connections = Connections::new(download, parts, manner.connections);
        while let Some((part, received)) = connections.next(assembly).await {
            match received {
                Ok(Received::Chunk(offset, bytes)) => {
                    connections.note(&part);
                    if connections.during(assembly.add(offset, bytes)).await.is_err() {
                        break;
                    }
                    self.progress.tell(download.blob(), Step::Moved(assembly.received()));
                    connections.go_on(part);
                }
                Ok(Received::Failed(retrying)) => {
                    self.progress.tell(download.blob(), retrying.into());
                    connections.go_on(part);
                }
                Ok(Received::End) => {}
                Err(error)
                    if manner.part.is_some() && (is_of_parts(&error) || assembly.is_whole()) =>
                {
                    return Ok(Reception::NoParts);
                }
                Err(error) if error.is_transient() && connections.leave(&part) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(Reception::Ended)
    }
}

/// Whether the whole may be received where a part is not.
fn is_of_parts(error: &Error) -> bool {
    matches!(error.kind(), ErrorKind::Protocol | ErrorKind::Verification)
}

/// What is missing, in parts of at most `size` bytes that begin at multiples of it. They are as many as the size of the blob
/// says, which is not known to be true: so they are never all there at once.
fn parts(missing: Vec<Range<u64>>, size: Option<u64>) -> impl Iterator<Item = Range<u64>> {
    let next = move |start: u64| match size {
        Some(size) => (start / size).saturating_add(1).saturating_mul(size),
        None => u64::MAX,
    };
    missing.into_iter().flat_map(move |Range { mut start, end }| {
        iter::from_fn(move || {
            let part = start..next(start).min(end);
            start = part.end;
            (!part.is_empty()).then_some(part)
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_what_is_missing_cut_at_multiples() {
        let missing = vec![5..25, 30..31, 40..60];
        let cut = |size| parts(missing.clone(), size).collect::<Vec<_>>();
        assert_eq!(cut(Some(10)), [5..10, 10..20, 20..25, 30..31, 40..50, 50..60]);
        assert_eq!(cut(None), missing);
    }

    #[test]
    fn parts_of_a_size_that_is_a_lie_take_no_memory() {
        let all = iter::once(0..u64::MAX).collect();
        assert_eq!(parts(all, Some(1)).take(2).collect::<Vec<_>>(), [0..1, 1..2]);
    }
}
