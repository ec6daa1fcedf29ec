use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use bytes::{Bytes, BytesMut};
use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use http::{Method, Request, Response, StatusCode};
use serde::Deserialize;
use tokio::time::{Instant, timeout};
use url::Url;

use crate::auth::TokenRequest;
use crate::error::{Error, ErrorKind, RegistryError};
use crate::header::retry_after;
use crate::limits::Limits;
use crate::retry::{Failure, Retry};
use crate::text::printable;
use crate::transport::{Body, Transport, TransportError, TransportErrorKind};

/// Exchanges single requests and responses, within the limits.
#[derive(Debug)]
pub(crate) struct Wire {
    transport: Arc<dyn Transport>,
    user_agent: HeaderValue,
    pub(crate) limits: Limits,
    pub(crate) retry: Retry,
}

/// Why one exchange gave no response, or a body no end.
#[derive(Debug)]
pub(crate) enum Broken {
    Transport(TransportError),
    /// There was no answer in this time.
    NoAnswer(Duration),
    /// The body brought less than the least rate.
    Stalled(Duration),
    /// The body is longer than this.
    TooLong(u64),
}

impl Wire {
    pub(crate) fn new(
        transport: Arc<dyn Transport>,
        user_agent: HeaderValue,
        limits: Limits,
        retry: Retry,
    ) -> Self {
        Self { transport, user_agent, limits, retry }
    }

    /// Sends one request, and waits for the head of the response for `patience` after the last byte
    /// of the request was taken by the transport.
    pub(crate) async fn send(
        &self,
        method: Method,
        url: &Url,
        mut headers: HeaderMap,
        body: Body,
        patience: Duration,
    ) -> Result<Response<Body>, Broken> {
        headers.insert(header::USER_AGENT, self.user_agent.clone());
        if body.length() == Some(0) && method != Method::GET && method != Method::HEAD {
            headers.insert(header::CONTENT_LENGTH, HeaderValue::from_static("0"));
        }
        let (body, watch) = watched(body);
        let mut request = Request::new(body);
        *request.method_mut() = method;
        *request.uri_mut() = url.as_str().parse().map_err(|error: http::uri::InvalidUri| {
            Broken::Transport(TransportError::new(TransportErrorKind::Body, error))
        })?;
        *request.headers_mut() = headers;
        let mut answer = self.transport.send(request);
        loop {
            // The server's time runs from when it has the whole body; till then the body must move.
            let (before, was_done) = (watch.sent(), watch.is_done());
            let wait = if was_done { patience } else { self.limits.stall };
            match timeout(wait, &mut answer).await {
                Ok(answer) => return answer.map_err(Broken::Transport),
                Err(_) if watch.sent() != before => {}
                Err(_) => return Err(Broken::NoAnswer(wait)),
            }
        }
    }

    /// Reads a body of at most `limit` bytes.
    pub(crate) async fn read(&self, mut body: Body, limit: u64) -> Result<Bytes, Broken> {
        if body.length().is_some_and(|length| length > limit) {
            return Err(Broken::TooLong(limit));
        }
        let mut pace = self.pace();
        let mut bytes = BytesMut::new();
        while let Some(chunk) = pace.chunk(&mut body).await? {
            if (bytes.len() + chunk.len()) as u64 > limit {
                return Err(Broken::TooLong(limit));
            }
            bytes.extend_from_slice(&chunk);
        }
        Ok(bytes.freeze())
    }

    /// A watch over how fast a body comes.
    pub(crate) fn pace(&self) -> Pace {
        Pace {
            window: self.limits.stall,
            least: ((self.limits.min_rate as f64 * self.limits.stall.as_secs_f64()) as u64).max(1),
            waited: Duration::ZERO,
            came: 0,
        }
    }

    /// Sends a request to a token server, as often as needed, and gives the body of a good answer.
    pub(crate) async fn token(&self, request: TokenRequest, action: &str) -> Result<Bytes, Error> {
        let TokenRequest { method, url, authorization, form } = request;
        let mut headers = HeaderMap::new();
        headers.extend(authorization.map(|value| (header::AUTHORIZATION, value)));
        if form.is_some() {
            let form = HeaderValue::from_static("application/x-www-form-urlencoded");
            headers.insert(header::CONTENT_TYPE, form);
        }
        let mut attempt = 1;
        loop {
            let body = form.as_ref().map(|form| Bytes::copy_from_slice(form.as_bytes()));
            let body = body.unwrap_or_default().into();
            let sent = self.send(method.clone(), &url, headers.clone(), body, self.limits.response);
            let (failure, error) = match sent.await {
                Ok(answer) if answer.status() == StatusCode::OK => {
                    match self.read(answer.into_body(), self.limits.token).await {
                        Ok(body) => return Ok(body),
                        Err(broken) => (broken.failure(), broken.into_error(action)),
                    }
                }
                // The server's own words are not repeated: they may quote what it was sent.
                Ok(answer) => (failure_of(&answer), status_error(answer.status(), action)),
                Err(broken) => (broken.failure(), broken.into_error(action)),
            };
            match failure.and_then(|failure| self.retry.wait(attempt, &method, failure)) {
                Some(wait) => tokio::time::sleep(wait).await,
                None => return Err(error),
            }
            attempt += 1;
        }
    }

    /// The error that an answer other than success is. `secret` is what must not be repeated.
    pub(crate) async fn refusal(
        &self,
        answer: Response<Body>,
        action: &str,
        secret: Option<&HeaderValue>,
    ) -> Error {
        let (parts, body) = answer.into_parts();
        let codes = match self.read(body, self.limits.error).await {
            Ok(body) => registry_errors(&body, secret),
            // The status says enough.
            Err(_) => Vec::new(),
        };
        let is_unsupported = codes.iter().any(|error| error.code == "UNSUPPORTED");
        let mut error = status_error(parts.status, action).with_codes(codes);
        if is_unsupported && error.kind() == ErrorKind::Refused {
            error = error.of_kind(ErrorKind::Unsupported);
        }
        error
    }
}

/// Watches that a body brings the least rate while it is waited for.
#[derive(Debug)]
pub(crate) struct Pace {
    window: Duration,
    least: u64,
    waited: Duration,
    came: u64,
}

impl Pace {
    /// The next piece of `body`. The time between two calls does not count.
    pub(crate) async fn chunk(&mut self, body: &mut Body) -> Result<Option<Bytes>, Broken> {
        let mut start = Instant::now();
        loop {
            let left = self.window.saturating_sub(self.waited);
            if let Ok(chunk) = timeout(left, body.chunk()).await {
                let chunk = chunk.map_err(Broken::Transport)?;
                self.waited += start.elapsed();
                self.came += chunk.as_ref().map_or(0, |chunk| chunk.len() as u64);
                return Ok(chunk);
            }
            if self.came < self.least {
                return Err(Broken::Stalled(self.window));
            }
            (self.waited, self.came, start) = (Duration::ZERO, 0, Instant::now());
        }
    }
}

impl Broken {
    pub(crate) fn failure(&self) -> Option<Failure> {
        match self {
            Self::Transport(error) => Some(Failure::Transport(error.kind())),
            Self::NoAnswer(_) | Self::Stalled(_) => Some(Failure::Timeout),
            Self::TooLong(_) => None,
        }
    }

    pub(crate) fn into_error(self, action: &str) -> Error {
        match self {
            Self::Transport(error) => Error::transport(action, error),
            Self::NoAnswer(time) => Error::new(ErrorKind::Timeout, action)
                .because(format!("there was no answer for {} s", time.as_secs_f32())),
            Self::Stalled(time) => Error::new(ErrorKind::Timeout, action)
                .because(format!("too little came for {} s", time.as_secs_f32())),
            Self::TooLong(limit) => Error::new(ErrorKind::Limit, action)
                .because(format!("the answer is longer than {limit} bytes")),
        }
    }
}

/// How an answer failed, if one like it may be better.
pub(crate) fn failure_of<T>(answer: &Response<T>) -> Option<Failure> {
    let status = answer.status();
    if status.is_success() {
        return None;
    }
    let retry_after = text(answer.headers(), &header::RETRY_AFTER)
        .and_then(|value| retry_after(value, SystemTime::now()));
    Some(Failure::Status { status, retry_after })
}

/// The header as text, if it is there and is text.
pub(crate) fn text<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

pub(crate) fn status_error(status: StatusCode, action: &str) -> Error {
    let kind = match status {
        StatusCode::UNAUTHORIZED => ErrorKind::Unauthorized,
        StatusCode::FORBIDDEN => ErrorKind::Denied,
        StatusCode::NOT_FOUND => ErrorKind::NotFound,
        StatusCode::METHOD_NOT_ALLOWED => ErrorKind::Unsupported,
        StatusCode::TOO_MANY_REQUESTS => ErrorKind::RateLimited,
        status if status.is_client_error() => ErrorKind::Refused,
        status if status.is_server_error() => ErrorKind::Server,
        _ => ErrorKind::Protocol,
    };
    Error::new(kind, action).with_status(status)
}

/// The errors in a body, if it is one of the distribution spec.
fn registry_errors(body: &[u8], secret: Option<&HeaderValue>) -> Vec<RegistryError> {
    #[derive(Deserialize)]
    struct Errors {
        errors: Vec<One>,
    }
    #[derive(Deserialize)]
    struct One {
        #[serde(default)]
        code: serde_json::Value,
        #[serde(default)]
        message: serde_json::Value,
    }
    const SHOWN: usize = 5;
    const MESSAGE: usize = 512;
    let Ok(Errors { errors }) = serde_json::from_slice(body) else { return Vec::new() };
    let shown = errors.iter().take(SHOWN).map(|error| RegistryError {
        code: printable(&without(error.code.as_str().unwrap_or("UNKNOWN"), secret), 64),
        message: printable(&without(error.message.as_str().unwrap_or_default(), secret), MESSAGE),
    });
    shown.collect()
}

/// `text` without the credential of the header `secret`, which a server may quote.
fn without(text: &str, secret: Option<&HeaderValue>) -> String {
    let secret = secret.and_then(|value| value.to_str().ok());
    match secret.and_then(|value| value.split_once(' ')) {
        Some((_, credential)) if credential.len() > 3 => text.replace(credential, "<secret>"),
        _ => text.to_owned(),
    }
}

/// `body`, and a look at how it moves.
fn watched(body: Body) -> (Body, Watch) {
    let length = body.length();
    let watch = Watch::default();
    if length == Some(0) {
        watch.is_done.store(true, Ordering::Relaxed);
        return (body, watch);
    }
    let stream = futures_util::stream::unfold((body, watch.clone()), move |(mut body, watch)| {
        async move {
            let chunk = body.chunk().await.transpose();
            let came = chunk.as_ref().and_then(|chunk| Some(chunk.as_ref().ok()?.len() as u64));
            let sent = came.unwrap_or(0);
            let sent = sent + watch.sent.fetch_add(sent, Ordering::Relaxed);
            // A transport that knows the length need not ask for the end.
            if chunk.is_none() || Some(sent) == length {
                watch.is_done.store(true, Ordering::Relaxed);
            }
            Some((chunk?, (body, watch)))
        }
    });
    (Body::stream(stream, length), watch)
}

/// How far the body of a request is.
#[derive(Clone, Default)]
struct Watch {
    sent: Arc<AtomicU64>,
    is_done: Arc<AtomicBool>,
}

impl Watch {
    fn sent(&self) -> u64 {
        self.sent.load(Ordering::Relaxed)
    }

    fn is_done(&self) -> bool {
        self.is_done.load(Ordering::Relaxed)
    }
}
