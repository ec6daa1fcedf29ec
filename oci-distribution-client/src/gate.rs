//! When a host may be asked: one gate for each host, which all requests of a client pass.
//!
//! A host that is asked too much says so by `429` or `503`. Then nobody asks it for a while, and fewer ask it at once
//! (half as many; one more with each second), the oldest request first: so as many jobs as there are get through where one
//! alone does.

mod state;

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::{Instant, timeout_at};
use url::Url;

use crate::origin::Origin;
use crate::retry::Retry;
use state::{Door, State};

/// How many hosts have a gate before those that nobody needs are dropped: redirects name as many as they like.
const HOSTS: usize = 256;

/// The gates of a client.
#[derive(Debug, Default)]
pub(crate) struct Gates {
    hosts: Mutex<HashMap<Origin, Arc<Gate>>>,
    tickets: AtomicU64,
}

/// What is at one host.
#[derive(Debug, Default)]
pub(crate) struct Gate {
    state: Mutex<State>,
    changed: Notify,
}

/// The place of a request among others: it keeps it from attempt to attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Ticket(u64);

/// How a request goes through a gate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Entry {
    /// It waits for its turn.
    Counted,
    /// It waits for the end of a pause alone, as it may need another request to the same host to go on.
    Uncounted,
    /// It does not wait for the end of a pause: there is another host to ask.
    Impatient,
}

/// A request that is at a host. Dropped, it is there no more.
#[derive(Debug)]
pub(crate) struct Pass {
    gate: Arc<Gate>,
    entry: Entry,
    /// How often the host had been paused when it entered.
    pauses: u64,
}

/// What follows from a refusal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Refusal {
    /// How long the host is not asked.
    pub(crate) wait: Duration,
    /// Whether it was the first since the last pause: those that were under way with it tell nothing more.
    pub(crate) is_first: bool,
}

impl Gates {
    pub(crate) fn ticket(&self) -> Ticket {
        Ticket(self.tickets.fetch_add(1, Ordering::Relaxed))
    }

    /// The gate of the host of `url`.
    pub(crate) fn at(&self, url: &Url) -> Arc<Gate> {
        let Some(origin) = Origin::of(url) else { return Arc::default() };
        let mut hosts = lock(&self.hosts);
        if hosts.len() >= HOSTS && !hosts.contains_key(&origin) {
            let now = Instant::now();
            hosts.retain(|_, gate| Arc::strong_count(gate) > 1 || lock(&gate.state).is_slowed(now));
        }
        Arc::clone(hosts.entry(origin).or_default())
    }
}

impl Gate {
    /// Waits for the turn of `ticket`; `Err`: the host is paused for so long, and the request does not wait.
    pub(crate) async fn enter(
        self: Arc<Self>,
        ticket: Ticket,
        entry: Entry,
    ) -> Result<Pass, Duration> {
        let place = Place { gate: &self, ticket };
        lock(&self.state).line_up(ticket);
        loop {
            let changed = self.changed.notified();
            tokio::pin!(changed);
            // From here on no change is missed.
            changed.as_mut().enable();
            let now = Instant::now();
            let door = lock(&self.state).door(ticket, entry, now);
            match door {
                Door::Open { pauses } => {
                    drop(place);
                    return Ok(Pass { gate: Arc::clone(&self), entry, pauses });
                }
                Door::Paused { until } if entry == Entry::Impatient => {
                    return Err(until.saturating_duration_since(now));
                }
                Door::Paused { until } | Door::Full { until } => {
                    let _ = timeout_at(until, changed).await;
                }
            }
        }
    }
}

/// A place in the line, given up when it is dropped.
struct Place<'a> {
    gate: &'a Gate,
    ticket: Ticket,
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        lock(&self.gate.state).leave_line(self.ticket);
        self.gate.changed.notify_waiters();
    }
}

impl Pass {
    /// The host answered, and did not refuse to.
    pub(crate) fn served(&self) {
        lock(&self.gate.state).served(self.pauses);
    }

    /// The host answered that it is asked too much, and to ask again after `retry_after` if it says that.
    pub(crate) fn refused(&self, retry_after: Option<Duration>, retry: &Retry) -> Refusal {
        let refusal = lock(&self.gate.state).refused(self.pauses, retry_after, retry);
        self.gate.changed.notify_waiters();
        refusal
    }
}

impl Drop for Pass {
    fn drop(&mut self) {
        if self.entry != Entry::Uncounted {
            lock(&self.gate.state).leave();
            self.gate.changed.notify_waiters();
        }
    }
}

/// Each change of what is locked is one call that does not panic, so there is nothing half done.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
