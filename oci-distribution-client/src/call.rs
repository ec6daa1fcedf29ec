use bytes::Bytes;
use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use http::{Method, Response, StatusCode};
use std::time::Duration;
use url::Url;

use crate::auth::{Asking, Rejected, Scopes};
use crate::client::{Registry, Shared};
use crate::error::{Error, ErrorKind};
use crate::header::{Challenge, warnings};
use crate::origin::{Origin, shown};
use crate::retry::Failure;
use crate::transport::Body;
use crate::wire::{Broken, failure_of, text};

/// One request of the protocol, sent on through redirects, logins and passing failures.
pub(crate) struct Call<'a> {
    shared: &'a Shared,
    registry: &'a Registry,
    repository: &'a str,
    /// What is being done, for errors.
    action: &'a str,
    method: Method,
    url: Url,
    headers: HeaderMap,
    /// A header whose value has characters that no header can have.
    unsendable: Option<HeaderName>,
    scopes: Scopes,
    body: Payload<'a>,
    patience: Duration,
    /// Whether credentials go along where they may.
    is_known: bool,
    /// Whether it is sent again after a passing failure.
    is_patient: bool,
    /// The one success whose body is wanted, if not of any.
    only: Option<StatusCode>,
}

/// How often one request answers a challenge. The first answer may be a token that another request
/// got, and that is used up by now.
const LOGINS: usize = 2;

/// What a request carries. It may be sent more than once.
enum Payload<'a> {
    Bytes(Bytes),
    Stream(&'a (dyn Fn() -> Body + Send + Sync)),
}

/// A good answer.
pub(crate) struct Answer {
    pub(crate) response: Response<Body>,
    /// Where it came from, after redirects.
    pub(crate) url: Url,
}

impl Answer {
    pub(crate) fn status(&self) -> StatusCode {
        self.response.status()
    }

    pub(crate) fn header(&self, name: &HeaderName) -> Option<&str> {
        text(self.response.headers(), name)
    }
}

impl<'a> Call<'a> {
    pub(crate) fn new(
        shared: &'a Shared,
        registry: &'a Registry,
        repository: &'a str,
        scopes: Scopes,
        method: Method,
        url: Url,
        action: &'a str,
    ) -> Self {
        Self {
            shared,
            registry,
            repository,
            action,
            method,
            url,
            headers: HeaderMap::new(),
            unsendable: None,
            scopes,
            body: Payload::Bytes(Bytes::new()),
            patience: shared.wire.limits.response,
            is_known: true,
            is_patient: true,
            only: None,
        }
    }

    pub(crate) fn header(mut self, name: HeaderName, value: &str) -> Self {
        match HeaderValue::from_str(value) {
            Ok(value) => {
                self.headers.append(name, value);
            }
            Err(_) => self.unsendable = Some(name),
        }
        self
    }

    pub(crate) fn bytes(mut self, bytes: Bytes) -> Self {
        self.body = Payload::Bytes(bytes);
        self
    }

    /// The body is what `open` gives, anew each time the request is sent.
    pub(crate) fn stream(mut self, open: &'a (dyn Fn() -> Body + Send + Sync)) -> Self {
        self.body = Payload::Stream(open);
        self
    }

    /// How long the server may take to begin its answer.
    pub(crate) fn patience(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    /// Sends no credential, wherever it goes.
    pub(crate) fn unknown(mut self) -> Self {
        self.is_known = false;
        self
    }

    /// Sends it no second time after a failure.
    pub(crate) fn once(mut self) -> Self {
        self.is_patient = false;
        self
    }

    /// Reads no body but that of an answer with this status.
    pub(crate) fn only(mut self, status: StatusCode) -> Self {
        self.only = Some(status);
        self
    }

    /// Sends it, and gives the answer if that is a success.
    pub(crate) async fn send(self) -> Result<Answer, Error> {
        let (answer, _) = self.retried(None).await?;
        Ok(answer)
    }

    /// Sends it, and gives a good answer with its body, which has at most `limit` bytes.
    pub(crate) async fn read(self, limit: u64) -> Result<(Answer, Bytes), Error> {
        self.retried(Some(limit)).await
    }

    /// Sends it once; the caller decides whether to send it again.
    pub(crate) async fn send_once(&self) -> Result<Answer, Failed> {
        self.attempt().await
    }

    async fn retried(&self, limit: Option<u64>) -> Result<(Answer, Bytes), Error> {
        let mut attempt = 1;
        loop {
            let failed = match self.attempt_and_read(limit).await {
                Ok(answer) => return Ok(answer),
                Err(failed) => failed,
            };
            let wait = failed
                .failure
                .filter(|_| self.is_patient)
                .and_then(|failure| self.shared.wire.retry.wait(attempt, &self.method, failure));
            match wait {
                Some(wait) => tokio::time::sleep(wait).await,
                None => return Err(failed.error),
            }
            attempt += 1;
        }
    }

    async fn attempt_and_read(&self, limit: Option<u64>) -> Result<(Answer, Bytes), Failed> {
        let mut answer = self.attempt().await?;
        let is_wanted = self.only.is_none_or(|status| status == answer.status());
        let Some(limit) = limit.filter(|_| is_wanted) else { return Ok((answer, Bytes::new())) };
        let body = std::mem::replace(answer.response.body_mut(), Body::empty());
        match self.shared.wire.read(body, limit).await {
            Ok(bytes) => Ok((answer, bytes)),
            Err(broken) => Err(self.broken(broken)),
        }
    }

    /// Sends it once, following redirects and logging in.
    async fn attempt(&self) -> Result<Answer, Failed> {
        if let Some(name) = &self.unsendable {
            let reason = format!("the header `{name}` cannot hold what it should say");
            return Err(self.error(ErrorKind::Configuration, reason).into());
        }
        let wire = &self.shared.wire;
        let mut url = self.url.clone();
        let mut is_at_home = self.is_known && self.is_home(&url);
        let mut answered_challenge = None;
        let mut logins = 0;
        let mut redirects = 0;
        loop {
            let authorization = match &answered_challenge {
                Some(_) if !is_at_home => None,
                Some(value) => Some(HeaderValue::clone(value)),
                None if is_at_home => self.known_header().await?,
                None => None,
            };
            let mut headers = self.headers.clone();
            headers.extend(authorization.clone().map(|value| (header::AUTHORIZATION, value)));
            let sent = wire.send(self.method.clone(), &url, headers, self.open(), self.patience);
            let answer = sent.await.map_err(|broken| self.broken(broken))?;
            self.note_warnings(&answer);
            let status = answer.status();
            if status.is_success() {
                return Ok(Answer { response: answer, url });
            }
            if status == StatusCode::UNAUTHORIZED && is_at_home && logins < LOGINS {
                logins += 1;
                let value = self.log_in(answer, authorization.as_ref()).await?;
                answered_challenge = Some(value);
            } else if let Some(next) = self.redirect(&answer, &url)? {
                redirects += 1;
                if redirects > wire.limits.redirects {
                    let reason =
                        format!("there were more than {} redirects", wire.limits.redirects);
                    return Err(self.error(ErrorKind::Limit, reason).into());
                }
                url = next;
                // Once away, never at home again: the way back is not ours.
                is_at_home = is_at_home && self.is_home(&url);
            } else {
                let failure = failure_of(&answer);
                let error = wire.refusal(answer, self.action, authorization.as_ref()).await;
                return Err(Failed { failure, error });
            }
        }
    }

    fn broken(&self, broken: Broken) -> Failed {
        Failed { failure: broken.failure(), error: broken.into_error(self.action) }
    }

    fn open(&self) -> Body {
        match &self.body {
            Payload::Bytes(bytes) => bytes.clone().into(),
            Payload::Stream(open) => open(),
        }
    }

    fn is_home(&self, url: &Url) -> bool {
        Origin::of(url).as_ref() == Some(&self.registry.origin)
    }

    async fn known_header(&self) -> Result<Option<HeaderValue>, Failed> {
        let header = self.registry.authority.header(self.asking()).await;
        header.map_err(|error| self.login_failed(error).into())
    }

    async fn log_in(
        &self,
        answer: Response<Body>,
        used: Option<&HeaderValue>,
    ) -> Result<HeaderValue, Failed> {
        let values = answer.headers().get_all(header::WWW_AUTHENTICATE).iter();
        let values = values.filter_map(|value| value.to_str().ok());
        let challenges: Vec<_> = values.flat_map(Challenge::parse).collect();
        match self.registry.authority.answer(self.asking(), &challenges, used).await {
            Ok(header) => Ok(header),
            Err(Rejected::Failed(error)) => Err(self.login_failed(error).into()),
            Err(Rejected::Because(reason)) => {
                let error = self.shared.wire.refusal(answer, self.action, used).await;
                let reason = format!("`{}` wants a login, but {reason}", self.registry.name);
                Err(error.because(reason).into())
            }
        }
    }

    fn asking(&self) -> Asking<'_> {
        let Shared { wire, keyring, .. } = self.shared;
        Asking { wire, keyring, repository: self.repository, scopes: &self.scopes }
    }

    fn login_failed(&self, error: Error) -> Error {
        let reason = format!("logging in to `{}` failed", self.registry.name);
        Error::new(error.kind(), self.action).because(reason).with_source(error)
    }

    /// Where `answer` sends the request on to, if it does.
    fn redirect(&self, answer: &Response<Body>, from: &Url) -> Result<Option<Url>, Error> {
        let is_safe = matches!(self.method, Method::GET | Method::HEAD);
        match answer.status().as_u16() {
            307 | 308 => {}
            301..=303 if is_safe => {}
            _ => return Ok(None),
        }
        let Some(location) = text(answer.headers(), &header::LOCATION) else { return Ok(None) };
        self.follow(from, location).map(Some)
    }

    /// The URL that `location` means at `from`, if a request may go there.
    fn follow(&self, from: &Url, location: &str) -> Result<Url, Error> {
        follow(self.shared, from, location).map_err(|reason| {
            self.error(ErrorKind::Protocol, format!("the redirect is refused: {reason}"))
        })
    }

    fn error(&self, kind: ErrorKind, reason: String) -> Error {
        Error::new(kind, self.action).because(reason)
    }

    fn note_warnings(&self, answer: &Response<Body>) {
        let values = answer.headers().get_all(header::WARNING).iter();
        for text in values.filter_map(|value| value.to_str().ok()).flat_map(warnings) {
            self.shared.warn(&self.registry.name, text);
        }
    }
}

/// The URL that `location` means at `from`, or why no request may go there.
pub(crate) fn follow(shared: &Shared, from: &Url, location: &str) -> Result<Url, String> {
    let to = from.join(location).map_err(|_| "it points to what is not a URL".to_owned())?;
    shared.may_go(from, &to).map_err(|reason| format!("{reason} (`{}`)", shown(&to)))?;
    Ok(to)
}

/// Why one attempt gave no good answer.
pub(crate) struct Failed {
    /// How, if another attempt may help.
    pub(crate) failure: Option<Failure>,
    pub(crate) error: Error,
}

impl From<Error> for Failed {
    fn from(error: Error) -> Self {
        Self { failure: None, error }
    }
}
