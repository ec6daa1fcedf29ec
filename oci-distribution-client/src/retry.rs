mod after;

use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

use http::{Method, StatusCode};

pub(crate) use after::retry_after;

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
    Status {
        status: StatusCode,
        retry_after: Option<Duration>,
    },
}

impl Retry {
    /// How long to wait before the attempt after number `attempt` (from 1); `None`: give up.
    pub(crate) fn wait(&self, attempt: u32, method: &Method, failure: Failure) -> Option<Duration> {
        if attempt >= self.attempts || !is_worth_another(method, failure) {
            return None;
        }
        if let Failure::Status { retry_after: Some(wait), .. } = failure {
            let wait = (wait <= self.longest_retry_after).then_some(wait)?;
            trace::retried(method, attempt, &failure, wait);
            return Some(wait);
        }
        let wait = jittered(self.backoff(attempt));
        trace::retried(method, attempt, &failure, wait);
        Some(wait)
    }

    /// The wait before the attempt after number `attempt`, at most.
    fn backoff(&self, attempt: u32) -> Duration {
        let factor = 1_u32.checked_shl(attempt.saturating_sub(1)).unwrap_or(u32::MAX);
        self.first_wait.saturating_mul(factor).min(self.longest_wait)
    }
}

/// A time between half of `whole` and all of it, drawn at random, so that clients do not act in step.
pub(crate) fn jittered(whole: Duration) -> Duration {
    let share = (RandomState::new().hash_one(0) >> 32) as f64 / f64::from(u32::MAX);
    whole / 2 + (whole / 2).mul_f64(share)
}

fn is_worth_another(method: &Method, failure: Failure) -> bool {
    let is_repeatable = method != Method::POST;
    match failure {
        Failure::Transport(TransportErrorKind::Connect | TransportErrorKind::Unprocessed) => true,
        Failure::Transport(TransportErrorKind::Exchange | TransportErrorKind::NotHttp)
        | Failure::Timeout => is_repeatable,
        Failure::Transport(_) => false,
        Failure::Status { status, .. } => match status {
            StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE => true,
            StatusCode::REQUEST_TIMEOUT
            | StatusCode::INTERNAL_SERVER_ERROR
            | StatusCode::BAD_GATEWAY
            | StatusCode::GATEWAY_TIMEOUT => is_repeatable,
            _ => false,
        },
    }
}
