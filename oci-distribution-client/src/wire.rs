use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use bytes::{Bytes, BytesMut};
use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use http::{Method, Request, Response, StatusCode};
use oci_image::distribution::{ErrorCode, ErrorResponse, RegistryError};
use tokio::time::{Instant, timeout};
use url::Url;

use crate::auth::Secrets;
use crate::error::{Error, ErrorKind};
use crate::gate::{Entry, Gates, Pass, Refusal};
use crate::limits::Limits;
use crate::retry::{Attempts, Failure, Retry, retry_after};
use crate::text::printable;
use crate::trace;
use crate::transport::{Body, BoxFuture, Transport, TransportError, TransportErrorKind};

/// Exchanges single requests and responses, within the limits.
#[derive(Debug)]
pub(crate) struct Wire {
    transport: Arc<dyn Transport>,
    user_agent: HeaderValue,
    pub(crate) limits: Limits,
    pub(crate) retry: Retry,
    gates: Arc<Gates>,
}

/// One request, to be sent once.
pub(crate) struct Exchange<'a> {
    pub(crate) method: Method,
    pub(crate) url: &'a Url,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Body,
    /// How long the server may take to begin its answer.
    pub(crate) timeout: Duration,
    pub(crate) attempts: Attempts,
    pub(crate) entry: Entry,
}

/// Why one exchange gave no response, or a body broke off.
#[derive(Debug)]
pub(crate) enum ExchangeError {
    Transport(TransportError),
    /// There was no answer in this time.
    NoAnswer(Duration),
    /// The body was slower than the least rate.
    Stalled(Duration),
    /// The body is longer than this.
    TooLong(u64),
    /// It was not sent, as the host refused others and is asked again after this time.
    Paused(Duration),
}

impl Wire {
    pub(crate) fn new(
        transport: Arc<dyn Transport>,
        user_agent: HeaderValue,
        limits: Limits,
        retry: Retry,
    ) -> Self {
        Self { transport, user_agent, limits, retry, gates: Arc::default() }
    }

    /// The same over another transport.
    pub(crate) fn over(&self, transport: Arc<dyn Transport>) -> Self {
        Self {
            transport,
            user_agent: self.user_agent.clone(),
            limits: self.limits.clone(),
            retry: self.retry.clone(),
            gates: Arc::clone(&self.gates),
        }
    }

    /// The attempts at a new request.
    pub(crate) fn attempts(&self) -> Attempts {
        Attempts::new(self.gates.ticket())
    }

    /// Sends one request when its host may be asked, and waits for the head of the response for the timeout after the
    /// last byte of the request was taken by the transport. The pass says that the request is at the host.
    pub(crate) async fn send(
        &self,
        exchange: Exchange<'_>,
    ) -> Result<(Response<Body>, Pass), ExchangeError> {
        let Exchange { method, url, mut headers, body, timeout, attempts, entry } = exchange;
        headers.insert(header::USER_AGENT, self.user_agent.clone());
        if body.length() == Some(0) && method != Method::GET && method != Method::HEAD {
            headers.insert(header::CONTENT_LENGTH, HeaderValue::from_static("0"));
        }
        let (body, progress) = observed(body);
        let mut request = Request::new(body);
        *request.method_mut() = method.clone();
        *request.uri_mut() = url.as_str().parse().map_err(|error: http::uri::InvalidUri| {
            ExchangeError::Transport(TransportError::new(TransportErrorKind::Body, error))
        })?;
        *request.headers_mut() = headers;
        let gate = self.gates.at(url);
        let pass = gate.enter(attempts.ticket, entry).await.map_err(ExchangeError::Paused)?;
        let start = Instant::now();
        let answer = self.answer(self.transport.send(request), &progress, timeout).await;
        match &answer {
            Ok(answer) => trace::answered(&method, url, answer.status(), start.elapsed()),
            Err(_) => trace::unanswered(&method, url, start.elapsed()),
        }
        let mut answer = answer?;
        match answer.status() {
            StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE => {
                let refusal = pass.refused(asked_to_wait(&answer), &self.retry);
                answer.extensions_mut().insert(refusal);
            }
            _ => pass.served(),
        }
        Ok((answer, pass))
    }

    async fn answer(
        &self,
        mut answer: BoxFuture<'_, Result<Response<Body>, TransportError>>,
        progress: &BodyProgress,
        limit: Duration,
    ) -> Result<Response<Body>, ExchangeError> {
        loop {
            // The server's time runs from when it has the whole body; until then the body must move.
            let (before, was_done) = (progress.sent(), progress.is_done());
            let wait = if was_done { limit } else { self.limits.stall };
            match timeout(wait, &mut answer).await {
                Ok(answer) => return answer.map_err(ExchangeError::Transport),
                Err(_) if progress.sent() != before => {}
                Err(_) => return Err(ExchangeError::NoAnswer(wait)),
            }
        }
    }

    /// Reads a body of at most `limit` bytes.
    pub(crate) async fn read(&self, mut body: Body, limit: u64) -> Result<Bytes, ExchangeError> {
        if body.length().is_some_and(|length| length > limit) {
            return Err(ExchangeError::TooLong(limit));
        }
        let mut check = self.rate_check();
        let mut bytes = BytesMut::new();
        while let Some(chunk) = check.chunk(&mut body).await? {
            if (bytes.len() + chunk.len()) as u64 > limit {
                return Err(ExchangeError::TooLong(limit));
            }
            bytes.extend_from_slice(&chunk);
        }
        Ok(bytes.freeze())
    }

    /// A check of how fast a body is received.
    pub(crate) fn rate_check(&self) -> RateCheck {
        RateCheck {
            window: self.limits.stall,
            least: ((self.limits.min_rate as f64 * self.limits.stall.as_secs_f64()) as u64).max(1),
            waited: Duration::ZERO,
            received: 0,
        }
    }

    /// The error that an answer other than success is. `secrets` must not be repeated.
    pub(crate) async fn refusal(
        &self,
        answer: Response<Body>,
        action: &str,
        secrets: &Secrets,
    ) -> Error {
        let (parts, body) = answer.into_parts();
        // If the body cannot be read, the status says enough.
        let body = self.read(body, self.limits.error).await.unwrap_or_default();
        let wants_https = parts.status == StatusCode::BAD_REQUEST && wants_https(&body);
        let codes = if wants_https { Vec::new() } else { registry_errors(&body, secrets) };
        let is_unsupported = codes.iter().any(|error| error.code == ErrorCode::Unsupported);
        let mut error = status_error(parts.status, action).with_codes(codes);
        if is_unsupported && error.kind() == ErrorKind::Refused {
            error = error.of_kind(ErrorKind::Unsupported);
        }
        if wants_https {
            error = error.because(
                "the server speaks https there; such a registry is not named with `Config::plain_http`",
            );
        }
        error
    }
}

/// Checks that a body has the least rate while it is waited for.
#[derive(Debug)]
pub(crate) struct RateCheck {
    window: Duration,
    least: u64,
    waited: Duration,
    received: u64,
}

impl RateCheck {
    /// The next piece of `body`. The time between two calls does not count.
    pub(crate) async fn chunk(&mut self, body: &mut Body) -> Result<Option<Bytes>, ExchangeError> {
        let mut start = Instant::now();
        loop {
            let left = self.window.saturating_sub(self.waited);
            if let Ok(chunk) = timeout(left, body.chunk()).await {
                let chunk = chunk.map_err(ExchangeError::Transport)?;
                self.waited += start.elapsed();
                self.received += chunk.as_ref().map_or(0, |chunk| chunk.len() as u64);
                return Ok(chunk);
            }
            if self.received < self.least {
                return Err(ExchangeError::Stalled(self.window));
            }
            (self.waited, self.received, start) = (Duration::ZERO, 0, Instant::now());
        }
    }
}

impl ExchangeError {
    pub(crate) fn failure(&self) -> Option<Failure> {
        match self {
            Self::Transport(error) => Some(Failure::Transport(error.kind())),
            Self::NoAnswer(_) | Self::Stalled(_) => Some(Failure::Timeout),
            Self::TooLong(_) | Self::Paused(_) => None,
        }
    }

    pub(crate) fn into_error(self, action: &str) -> Error {
        match self {
            Self::Transport(error) => Error::transport(action, error),
            Self::NoAnswer(time) => Error::new(ErrorKind::Timeout, action)
                .because(format!("no answer was received for {} s", time.as_secs_f32())),
            Self::Stalled(time) => Error::new(ErrorKind::Timeout, action)
                .because(format!("too little was received for {} s", time.as_secs_f32())),
            Self::TooLong(limit) => Error::new(ErrorKind::Limit, action)
                .because(format!("the answer is longer than {limit} bytes")),
            Self::Paused(time) => Error::new(ErrorKind::RateLimited, action)
                .because(format!("it wants no request for {} s", time.as_secs_f32())),
        }
    }
}

/// How an answer failed, if one like it may be better.
pub(crate) fn failure_of<T>(answer: &Response<T>) -> Option<Failure> {
    let status = answer.status();
    if status.is_success() {
        return None;
    }
    Some(match answer.extensions().get::<Refusal>() {
        Some(refusal) => Failure::Refused { status, refusal: *refusal },
        None => Failure::Status(status),
    })
}

fn asked_to_wait<T>(answer: &Response<T>) -> Option<Duration> {
    retry_after(text(answer.headers(), &header::RETRY_AFTER)?, SystemTime::now())
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
        StatusCode::METHOD_NOT_ALLOWED | StatusCode::NOT_IMPLEMENTED => ErrorKind::Unsupported,
        StatusCode::TOO_MANY_REQUESTS => ErrorKind::RateLimited,
        status if status.is_client_error() => ErrorKind::Refused,
        status if status.is_server_error() => ErrorKind::Server,
        _ => ErrorKind::Protocol,
    };
    Error::new(kind, action).with_status(status)
}

/// Whether this is how Go, nginx or Apache answer a request over http on a port for https.
fn wants_https(body: &[u8]) -> bool {
    const WORDS: [&str; 3] = [
        "HTTP request to an HTTPS server",
        "plain HTTP request was sent to HTTPS port",
        "plain HTTP to an SSL-enabled server port",
    ];
    let text = String::from_utf8_lossy(body);
    WORDS.iter().any(|words| text.contains(words))
}

/// The errors in a body, or else what it says, fit to be shown.
pub(crate) fn registry_errors(body: &[u8], secrets: &Secrets) -> Vec<RegistryError> {
    const SHOWN: usize = 5;
    const CODE: usize = 64;
    const MESSAGE: usize = 512;
    let mut errors = ErrorResponse::read(body).errors;
    if errors.is_empty() {
        errors.extend(RegistryError::explaining(body));
    }
    let shown = errors.into_iter().take(SHOWN).map(|error| {
        let code = printable(&secrets.hidden_in(error.code.as_str()), CODE);
        let mut shown = RegistryError::new(code.into());
        shown.message = error.message.map(|text| printable(&secrets.hidden_in(&text), MESSAGE));
        shown
    });
    shown.collect()
}

/// `body`, and how far it is read.
fn observed(body: Body) -> (Body, BodyProgress) {
    let length = body.length();
    let progress = BodyProgress::default();
    if length == Some(0) {
        progress.is_done.store(true, Ordering::Relaxed);
        return (body, progress);
    }
    let stream =
        futures_util::stream::unfold((body, progress.clone()), move |(mut body, progress)| {
            async move {
                let chunk = body.chunk().await.transpose();
                let length_of = |chunk: &Bytes| chunk.len() as u64;
                let sent =
                    chunk.as_ref().and_then(|chunk| chunk.as_ref().ok()).map_or(0, length_of);
                let sent = sent + progress.sent.fetch_add(sent, Ordering::Relaxed);
                // A transport that knows the length need not ask for the end.
                if chunk.is_none() || Some(sent) == length {
                    progress.is_done.store(true, Ordering::Relaxed);
                }
                Some((chunk?, (body, progress)))
            }
        });
    (Body::stream(stream, length), progress)
}

/// How far the body of a request is.
#[derive(Clone, Default)]
struct BodyProgress {
    sent: Arc<AtomicU64>,
    is_done: Arc<AtomicBool>,
}

impl BodyProgress {
    fn sent(&self) -> u64 {
        self.sent.load(Ordering::Relaxed)
    }

    fn is_done(&self) -> bool {
        self.is_done.load(Ordering::Relaxed)
    }
}
