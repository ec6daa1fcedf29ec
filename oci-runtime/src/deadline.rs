//! When a call gives up.

use std::time::{Duration, Instant};

use crate::{Error, ErrorKind};

/// The time that a call has in all. The default is as much as it takes.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Deadline(Option<(Instant, Duration)>);

impl Deadline {
    /// From now on. A limit beyond what the clock can hold is none.
    pub(crate) fn after(limit: Option<Duration>) -> Self {
        Self(limit.and_then(|limit| Some((Instant::now().checked_add(limit)?, limit))))
    }

    /// How much of `most` is left.
    pub(crate) fn left_of(self, most: Duration) -> Duration {
        let left = self.0.map(|(end, _)| end.saturating_duration_since(Instant::now()));
        left.map_or(most, |left| left.min(most))
    }

    /// The whole seconds that are left, at least one. None: as many as it takes.
    pub(crate) fn seconds_left(self) -> Option<u64> {
        self.0.map(|_| self.left_of(Duration::MAX).as_secs().max(1))
    }

    pub(crate) fn is_over(self) -> bool {
        self.left_of(Duration::MAX).is_zero()
    }

    /// Why the call fails when it is over.
    pub(crate) fn error(self, action: impl Into<String>) -> Error {
        let limit = self.0.map_or(Duration::ZERO, |(_, limit)| limit);
        let reason = format!("it has taken longer than the {limit:?} of `Runtime::timeout`");
        Error::new(ErrorKind::System, action, reason)
    }
}
