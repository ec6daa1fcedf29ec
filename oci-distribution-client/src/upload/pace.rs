use std::time::Duration;

use futures_util::stream::unfold;

use crate::call::FailedAttempt;
use crate::retry::Failure;
use crate::transport::{Body, TransportErrorKind};

/// How long the head of a request is alone before its body follows.
const HESITATION: Duration = Duration::from_millis(500);

/// When the body of a request is sent.
#[derive(Clone, Copy, Debug, Default)]
pub(super) enum Pace {
    #[default]
    AtOnce,
    /// A while after the head. A server that refuses a body by its length, and closes the connection without reading
    /// it, has its answer lost in a broken pipe; while no byte is on its way, the answer is received.
    Hesitating,
}

impl Pace {
    /// How to send it again after this.
    pub(super) fn after(failed: &FailedAttempt) -> Self {
        match failed.failure {
            Some(Failure::Transport(TransportErrorKind::Exchange)) => Self::Hesitating,
            _ => Self::AtOnce,
        }
    }

    /// `body` at this pace.
    pub(super) fn of(self, body: Body) -> Body {
        if matches!(self, Self::AtOnce) {
            return body;
        }
        let length = body.length();
        let stream = unfold((body, HESITATION), |(mut body, wait)| async move {
            tokio::time::sleep(wait).await;
            let chunk = body.chunk().await.transpose()?;
            Some((chunk, (body, Duration::ZERO)))
        });
        Body::stream(stream, length)
    }
}
