use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;

use crate::Limits;

/// What goes on on one connection, to tell when it is not worth its place any more.
#[derive(Debug)]
pub(crate) struct Activity {
    state: watch::Sender<State>,
    /// Bytes that were written since the last time that they were enough to count.
    written: AtomicU64,
    /// How many are enough.
    progress: u64,
}

#[derive(Clone, Copy, Debug)]
struct State {
    /// Requests whose answers have not begun. Their time is bounded elsewhere.
    handling: usize,
    /// Answers that are on their way.
    sending: usize,
    /// The last time that something came or went.
    since: Instant,
    is_given_up: bool,
}

/// Why a connection is to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// Another one needs its place.
    GivenUp,
    /// It waits for its client for too long.
    TooSlow,
}

/// A request whose answer has not begun.
pub(crate) struct Handling(Arc<Activity>);

/// An answer that is on its way.
pub(crate) struct Sending(Arc<Activity>);

impl Activity {
    pub(crate) fn new(limits: &Limits) -> Self {
        let since = Instant::now();
        let state = State { handling: 0, sending: 0, since, is_given_up: false };
        let state = watch::Sender::new(state);
        Self { state, written: AtomicU64::new(0), progress: limits.progress }
    }

    pub(crate) fn begin(self: &Arc<Self>) -> Handling {
        self.change(|state| state.handling += 1);
        Handling(self.clone())
    }

    pub(crate) fn is_idle(&self) -> bool {
        let state = *self.state.borrow();
        state.handling == 0 && state.sending == 0
    }

    pub(crate) fn give_up(&self) {
        self.state.send_modify(|state| state.is_given_up = true);
    }

    pub(super) fn wrote(&self, bytes: usize) {
        let bytes = bytes as u64;
        if self.written.fetch_add(bytes, Ordering::Relaxed) + bytes >= self.progress {
            self.written.store(0, Ordering::Relaxed);
            self.change(|_| {});
        }
    }

    /// Waits until the connection is given up, or has been silent.
    pub(crate) async fn ends(&self, between: Duration, within: Duration) -> End {
        let mut states = self.state.subscribe();
        tokio::select! {
            // The sender is this one's own, so it does not end before.
            _ = states.wait_for(|state| state.is_given_up) => End::GivenUp,
            () = self.is_silent(between, within) => End::TooSlow,
        }
    }

    /// Waits until the client has been silent for so long `between` requests, or `within` an answer.
    pub(crate) async fn is_silent(&self, between: Duration, within: Duration) {
        let mut states = self.state.subscribe();
        loop {
            let state = *states.borrow_and_update();
            let silence = match state {
                State { handling: 0, sending: 0, .. } => Some(between),
                State { handling: 0, .. } => Some(within),
                _ => None,
            };
            let end = silence.and_then(|silence| state.since.checked_add(silence));
            let is_over = async {
                match end {
                    Some(end) => tokio::time::sleep_until(end).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = is_over => return,
                _ = states.changed() => {}
            }
        }
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        self.state.send_modify(|state| {
            change(state);
            state.since = Instant::now();
        });
    }
}

impl Handling {
    /// The answer begins.
    pub(crate) fn answered(self) -> Sending {
        self.0.change(|state| state.sending += 1);
        Sending(self.0.clone())
    }
}

impl Drop for Handling {
    fn drop(&mut self) {
        self.0.change(|state| state.handling -= 1);
    }
}

impl Drop for Sending {
    fn drop(&mut self) {
        self.0.change(|state| state.sending -= 1);
    }
}
