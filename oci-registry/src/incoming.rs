//! The body of a request.

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Buf as _, Bytes, BytesMut};
use http::StatusCode;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt as _, Empty};
use oci_image::distribution::ErrorCode;
use tokio::time::Instant;

use crate::Limits;
use crate::exchange::Record;
use crate::refusal::Refusal;
use crate::sessions::Session;

/// A request's body, read within limits of size and time.
pub(crate) struct Incoming {
    body: UnsyncBoxBody<Bytes, Box<dyn Error + Send + Sync>>,
    idle: Duration,
    progress: u64,
    /// How long was waited for how many bytes, since the last time that they were enough.
    waited: (Duration, u64),
    contended_idle: Duration,
    /// Where the body goes, if others may wait for that.
    session: Option<Arc<Session>>,
    /// What went wrong behind bytes that are already handed out.
    failure: Option<Refusal>,
    record: Option<Record>,
}

impl Incoming {
    pub(crate) fn new<B>(body: B, limits: &Limits) -> Self
    where
        B: http_body::Body + Send + 'static,
        B::Error: Into<Box<dyn Error + Send + Sync>>,
    {
        let body = body
            .map_frame(|frame| frame.map_data(|mut data| data.copy_to_bytes(data.remaining())))
            .map_err(Into::into);
        Self {
            body: body.boxed_unsync(),
            idle: limits.idle,
            progress: limits.progress,
            waited: (Duration::ZERO, 0),
            contended_idle: limits.contended_idle,
            session: None,
            failure: None,
            record: None,
        }
    }

    /// No body.
    pub(crate) fn empty(limits: &Limits) -> Self {
        Self::new(Empty::<Bytes>::new(), limits)
    }

    /// Tells what of it is received.
    pub(crate) fn recorded(mut self, record: Option<Record>) -> Self {
        self.record = record;
        self
    }

    /// Pauses only for a short time while another request waits for this session.
    pub(crate) fn yield_to(&mut self, session: Arc<Session>) {
        self.session = Some(session);
    }

    /// The next bytes, or `None` at the end.
    pub(crate) async fn next(&mut self) -> Result<Option<Bytes>, Refusal> {
        if let Some(failure) = self.failure.take() {
            return Err(failure);
        }
        loop {
            let (session, contended_idle) = (self.session.as_deref(), self.contended_idle);
            let contended = async move {
                match session {
                    Some(session) => session.contended(contended_idle).await,
                    None => std::future::pending().await,
                }
            };
            let start = Instant::now();
            let (waited, received) = self.waited;
            let frame = tokio::select! {
                biased;
                frame = self.body.frame() => frame,
                () = tokio::time::sleep(self.idle.saturating_sub(waited)) => {
                    return Err(too_slow("the body was not received in time"));
                }
                () = contended => {
                    return Err(too_slow("the body paused while another request waited for the upload"));
                }
            };
            match frame.transpose() {
                Ok(None) => return Ok(None),
                Ok(Some(frame)) => match frame.into_data() {
                    Ok(data) if data.is_empty() => self.waited.0 = waited + start.elapsed(),
                    Ok(data) => {
                        self.record.iter().for_each(|record| record.received(data.len()));
                        let received = received + data.len() as u64;
                        let is_enough = received >= self.progress;
                        let waited = (waited + start.elapsed(), received);
                        self.waited = if is_enough { (Duration::ZERO, 0) } else { waited };
                        return Ok(Some(data));
                    }
                    Err(_trailers) => {}
                },
                Err(_) => {
                    return Err(Refusal::new(ErrorCode::SizeInvalid, "the body ended early"));
                }
            }
        }
    }

    /// Up to about `size` bytes, fewer only at the end.
    pub(crate) async fn piece(&mut self, size: usize) -> Result<Option<Bytes>, Refusal> {
        let Some(first) = self.next().await? else { return Ok(None) };
        if first.len() >= size {
            return Ok(Some(first));
        }
        let mut piece = BytesMut::from(first);
        while piece.len() < size {
            match self.next().await {
                Ok(Some(next)) => piece.extend_from_slice(&next),
                Ok(None) => break,
                // What was received before counts: a client resumes there.
                Err(failure) => {
                    self.failure = Some(failure);
                    break;
                }
            }
        }
        Ok(Some(piece.freeze()))
    }

    /// All of it, if it has at most `limit` bytes.
    pub(crate) async fn all(&mut self, limit: usize) -> Result<Bytes, Refusal> {
        let mut bytes = BytesMut::new();
        while let Some(next) = self.next().await? {
            if bytes.len() + next.len() > limit {
                return Err(too_large(limit as u64));
            }
            bytes.extend_from_slice(&next);
        }
        Ok(bytes.freeze())
    }

    /// Reads on to the end, but not more than `limit` bytes, nor for longer than a body may pause.
    pub(crate) async fn drain(mut self, limit: u64) {
        let idle = self.idle;
        let drain = async move {
            let mut seen = 0;
            while let Ok(Some(next)) = self.next().await {
                seen += next.len() as u64;
                if seen > limit {
                    break;
                }
            }
        };
        // Whether it reached the end or not, the answer goes out.
        let _ = tokio::time::timeout(idle, drain).await;
    }
}

fn too_slow(message: &str) -> Refusal {
    Refusal::new(ErrorCode::SizeInvalid, message).status(StatusCode::REQUEST_TIMEOUT)
}

pub(crate) fn too_large(limit: u64) -> Refusal {
    Refusal::new(ErrorCode::SizeInvalid, format!("the content has more than {limit} bytes"))
        .status(StatusCode::PAYLOAD_TOO_LARGE)
}
