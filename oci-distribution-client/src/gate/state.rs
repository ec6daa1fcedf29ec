use std::collections::BTreeSet;
use std::time::Duration;

use tokio::time::Instant;

use super::{Entry, Refusal, Ticket};
use crate::retry::{Retry, instant_after};

/// After this time without a refusal, one more request may be at a host that refused.
const GROWTH: Duration = Duration::from_secs(1);

/// A host that may have so many requests at once is not slowed any more.
const PLENTY: usize = 64;

/// What is known of a host.
#[derive(Debug, Default)]
pub(super) struct State {
    waiting: BTreeSet<Ticket>,
    /// How many counted requests are there.
    present: usize,
    paused_until: Option<Instant>,
    /// How often it was paused.
    pauses: u64,
    /// Whether it has answered since the last pause.
    has_served: bool,
    /// Which of the growing waits was the last.
    level: u32,
    /// How many requests could be there at once when a pause ended; `None`: any number.
    room: Option<(usize, Instant)>,
}

/// Whether a request may go.
pub(super) enum Door {
    Open { pauses: u64 },
    Paused { until: Instant },
    Full { until: Instant },
}

impl State {
    pub(super) fn line_up(&mut self, ticket: Ticket) {
        self.waiting.insert(ticket);
    }

    pub(super) fn leave_line(&mut self, ticket: Ticket) {
        self.waiting.remove(&ticket);
    }

    pub(super) fn leave(&mut self) {
        self.present = self.present.saturating_sub(1);
    }

    /// Whether it may be asked less than any host.
    pub(super) fn is_slowed(&self, now: Instant) -> bool {
        self.paused_until.is_some_and(|until| now < until) || self.room(now) < PLENTY
    }

    /// Whether the request with `ticket` may go; if so, it is there now.
    pub(super) fn door(&mut self, ticket: Ticket, entry: Entry, now: Instant) -> Door {
        if let Some(until) = self.paused_until.filter(|until| now < *until) {
            return Door::Paused { until };
        }
        if entry != Entry::Uncounted {
            let room = self.room(now);
            let is_next = self.waiting.first() == Some(&ticket);
            if room < PLENTY && (!is_next || self.present >= room) {
                return Door::Full { until: self.next_growth(now) };
            }
            self.present += 1;
        }
        Door::Open { pauses: self.pauses }
    }

    /// How many requests may be there.
    fn room(&self, now: Instant) -> usize {
        let Some((room, since)) = self.room else { return PLENTY };
        let more = now.saturating_duration_since(since).as_secs() / GROWTH.as_secs();
        room.saturating_add(usize::try_from(more).unwrap_or(PLENTY)).min(PLENTY)
    }

    /// When there is room for one more.
    fn next_growth(&self, now: Instant) -> Instant {
        let since = self.room.map_or(now, |(_, since)| since);
        let grown = now.saturating_duration_since(since).as_secs() / GROWTH.as_secs();
        since + GROWTH.saturating_mul(u32::try_from(grown + 1).unwrap_or(u32::MAX))
    }

    pub(super) fn served(&mut self, pauses: u64) {
        if pauses == self.pauses && !self.has_served {
            self.has_served = true;
            // Not from the first: the last was long enough, and what is refused soon would be refused again.
            self.level /= 2;
        }
    }

    pub(super) fn refused(
        &mut self,
        pauses: u64,
        retry_after: Option<Duration>,
        retry: &Retry,
    ) -> Refusal {
        let is_first = pauses == self.pauses;
        let now = Instant::now();
        if retry_after.is_some_and(|wait| wait > retry.longest_retry_after) {
            // Nobody waits for that: each request fails by itself.
            return Refusal { wait: retry_after.unwrap_or_default(), is_first };
        }
        if is_first {
            let room = (self.present / 2).min(self.room(now) / 2).max(1);
            self.level = self.level.saturating_add(1);
            let wait = retry_after.unwrap_or_else(|| retry.backoff(self.level));
            self.pauses += 1;
            self.has_served = false;
            let until = instant_after(now, wait);
            self.room = Some((room, until));
            self.paused_until = Some(until);
        } else if let Some(wait) = retry_after {
            self.paused_until = self.paused_until.max(Some(instant_after(now, wait)));
        }
        let wait = self.paused_until.unwrap_or(now).saturating_duration_since(now);
        Refusal { wait, is_first }
    }
}
