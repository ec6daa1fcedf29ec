mod after;
mod retries;

use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

use http::{Method, StatusCode};
use tokio::time::Instant;

pub(crate) use after::retry_after;
pub(crate) use retries::{Retries, Retrying};

use crate::gate::{Refusal, Ticket};
use crate::trace;
use crate::transport::TransportErrorKind;

/// When a failed request is sent again, and after how long.
///
/// A request is sent again when that can do no harm: after a failed connection, where the server says that it did
/// not process it, and after `429` and `503` always, after a broken exchange and other transient failures (`408`, `500`, `502`, `504`) unless it
/// is a `POST` other than those that begin an upload or get a token. The wait doubles with each attempt and is
/// drawn at random from its upper half; a `Retry-After` of the server is obeyed instead.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Retry {
    /// How often one request is sent at most, the first time included. Default: 5; 1 is never again.
    pub attempts: u32,
    /// The wait before the second attempt. Default: 250 ms.
    pub first_wait: Duration,
    /// The longest wait that is chosen by the client. Default: 15 s.
    pub longest_wait: Duration,
    /// The longest `Retry-After` that is waited for; a longer one is an error. Default: 120 s.
    pub longest_retry_after: Duration,
}

impl Default for Retry {
    fn default() -> Self {
        Self {
            attempts: 5,
            first_wait: Duration::from_millis(250),
            longest_wait: Duration::from_secs(15),
            longest_retry_after: Duration::from_secs(120),
        }
    }
}

/// How one attempt failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Failure {
    Transport(TransportErrorKind),
    /// No answer in time.
    Timeout,
    Status(StatusCode),
    /// The host is asked too much.
    Refused {
        status: StatusCode,
        refusal: Refusal,
    },
}

impl Retry {
    /// The wait after failure number `failures` in a row (from 1), drawn at random.
    pub(crate) fn backoff(&self, failures: u32) -> Duration {
        let factor = 1_u32.checked_shl(failures.saturating_sub(1)).unwrap_or(u32::MAX);
        jittered(self.first_wait.saturating_mul(factor).min(self.longest_wait))
    }
}

/// The attempts at one request.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Attempts {
    number: u32,
    /// The place of the request among those to the same host.
    pub(crate) ticket: Ticket,
}

/// The wait before another attempt.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pause {
    pub(crate) length: Duration,
    /// Whether the gate of the host lets nobody through meanwhile.
    is_of_host: bool,
}

impl Pause {
    pub(crate) async fn sleep(self) {
        if !self.is_of_host {
            tokio::time::sleep(self.length).await;
        }
    }
}

impl Attempts {
    pub(crate) fn new(ticket: Ticket) -> Self {
        Self { number: 1, ticket }
    }

    /// How often it was attempted.
    pub(crate) fn number(&self) -> u32 {
        self.number
    }

    /// Forgets those that failed.
    pub(crate) fn forgive(&mut self) {
        self.number = 1;
    }

    /// Notes that the last one failed. The pause before the next; `None`: give up.
    pub(crate) fn pause(
        &mut self,
        retry: &Retry,
        method: &Method,
        failure: Failure,
    ) -> Option<Pause> {
        let number = self.number;
        let pause = match failure {
            Failure::Refused { refusal, .. } => {
                // One that was under way when another was refused is as good as not sent.
                let is_counted = refusal.is_first || retry.attempts <= 1;
                let may_go_on = !is_counted || self.number < retry.attempts;
                if !may_go_on || refusal.wait > retry.longest_retry_after {
                    return None;
                }
                self.number += u32::from(is_counted);
                Pause { length: refusal.wait, is_of_host: true }
            }
            _ if self.number >= retry.attempts || !is_worth_another(method, failure) => {
                return None;
            }
            _ => {
                let length = retry.backoff(self.number);
                self.number += 1;
                Pause { length, is_of_host: false }
            }
        };
        trace::retried(method, number, &failure, pause.length);
        Some(pause)
    }
}

/// A time between half of `whole` and all of it, drawn at random, so that clients do not act in step.
pub(crate) fn jittered(whole: Duration) -> Duration {
    let share = (RandomState::new().hash_one(0) >> 32) as f64 / f64::from(u32::MAX);
    whole / 2 + (whole / 2).mul_f64(share)
}

/// What is not on the clock is as far away as this.
const FOREVER: Duration = Duration::from_secs(30 * 365 * 24 * 3600);

/// When `wait` from `now` on is over.
pub(crate) fn instant_after(now: Instant, wait: Duration) -> Instant {
    now.checked_add(wait).unwrap_or_else(|| now + FOREVER)
}

fn is_worth_another(method: &Method, failure: Failure) -> bool {
    let is_repeatable = method != Method::POST;
    match failure {
        Failure::Transport(TransportErrorKind::Connect | TransportErrorKind::Unprocessed) => true,
        Failure::Transport(TransportErrorKind::Exchange | TransportErrorKind::NotHttp)
        | Failure::Timeout => is_repeatable,
        Failure::Transport(_) => false,
        Failure::Refused { .. } => true,
        Failure::Status(status) => match status {
            StatusCode::REQUEST_TIMEOUT
            | StatusCode::INTERNAL_SERVER_ERROR
            | StatusCode::BAD_GATEWAY
            | StatusCode::GATEWAY_TIMEOUT => is_repeatable,
            _ => false,
        },
    }
}
