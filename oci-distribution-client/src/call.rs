mod answer;
mod login;
mod redirect;

pub(crate) use answer::{Answer, FailedAttempt};

use std::time::Duration;

use bytes::Bytes;
use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use http::{Method, Response, StatusCode};
use oci_image::RepositoryName;
use url::Url;

use crate::auth::{Authorization, Keyring, Scopes, Secrets};
use crate::error::{Error, ErrorKind};
use crate::gate::{Entry, Pass};
use crate::origin::Origin;
use crate::registry::Registry;
use crate::retry::{Attempts, Retries, Retrying};
use crate::shared::Shared;
use crate::transport::Body;
use crate::wire::{Exchange, ExchangeError, Wire, failure_of};

/// One request of the protocol, with its redirects, logins and retries.
pub(crate) struct Call<'a> {
    shared: &'a Shared,
    registry: &'a Registry,
    keyring: &'a Keyring,
    repository: Option<&'a RepositoryName>,
    /// What is being done, for errors.
    action: &'a str,
    method: Method,
    url: Url,
    headers: HeaderMap,
    /// A header whose value has characters that no header can have.
    unsendable: Option<HeaderName>,
    scopes: Scopes,
    body: Payload<'a>,
    /// How long the server may take to begin its answer.
    timeout: Duration,
    /// Whether no credentials are sent, not even to the registry.
    is_anonymous: bool,
    attempts: Attempts,
    /// Whether it is sent once, whatever happens.
    is_once: bool,
    /// Whether another host is asked rather than waited for this one.
    is_impatient: bool,
    /// The one success whose body is wanted, if not of any.
    only: Option<StatusCode>,
    /// Whether it is a success that nothing has changed (304).
    is_conditional: bool,
    /// What the path ends with wherever the same is, if a redirect may lead to something else.
    end: Option<&'a str>,
    retries: Retries,
}

/// How often one request answers a challenge. The first answer may be a token that another request
/// got, and that is used up by now.
const LOGINS: usize = 2;

/// What a request carries. It may be sent more than once.
enum Payload<'a> {
    Bytes(Bytes),
    Stream(&'a (dyn Fn() -> Body + Send + Sync)),
}

/// Where one attempt stands.
struct Position {
    url: Url,
    /// Whether credentials and the registry's own headers may go along: the URL is of the registry, and so was each before
    /// it. Once away, a request never gets them back, as the way back is another server's choice.
    is_trusted: bool,
    /// The answer to a challenge.
    login: Option<Authorization>,
    logins: usize,
    /// Whether it was looked for another login because the request was refused without a challenge.
    is_refused: bool,
    /// The token for strangers of another server, which a redirect led to.
    elsewhere: Option<(Origin, Authorization)>,
    redirects: usize,
}

impl<'a> Call<'a> {
    pub(crate) fn new(
        shared: &'a Shared,
        registry: &'a Registry,
        repository: Option<&'a RepositoryName>,
        scopes: Scopes,
        method: Method,
        url: Url,
        action: &'a str,
    ) -> Self {
        Self {
            shared,
            registry,
            keyring: &shared.keyring,
            repository,
            action,
            method,
            url,
            headers: HeaderMap::new(),
            unsendable: None,
            scopes,
            body: Payload::Bytes(Bytes::new()),
            timeout: shared.wire.limits.response,
            is_anonymous: false,
            attempts: shared.wire.attempts(),
            is_once: false,
            is_impatient: false,
            only: None,
            is_conditional: false,
            end: None,
            retries: Retries::default(),
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

    /// The body is what `open` gives, opened again each time the request is sent.
    pub(crate) fn stream(mut self, open: &'a (dyn Fn() -> Body + Send + Sync)) -> Self {
        self.body = Payload::Stream(open);
        self
    }

    /// How long the server may take to begin its answer.
    pub(crate) fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Logs in with what is in `keyring`, whatever the client was given.
    pub(crate) fn keyring(mut self, keyring: &'a Keyring) -> Self {
        self.keyring = keyring;
        self
    }

    /// Sends no credentials, wherever it goes.
    pub(crate) fn anonymous(mut self) -> Self {
        self.is_anonymous = true;
        self
    }

    /// Does not retry.
    pub(crate) fn once(mut self) -> Self {
        self.is_once = true;
        self
    }

    /// Is one of these attempts, of which the caller keeps count.
    pub(crate) fn attempt_of(mut self, attempts: Attempts) -> Self {
        self.attempts = attempts;
        self
    }

    /// Fails at once where the host refuses requests for a while.
    pub(crate) fn impatient(mut self) -> Self {
        self.is_impatient = true;
        self
    }

    /// Reads no body but that of an answer with this status.
    pub(crate) fn only(mut self, status: StatusCode) -> Self {
        self.only = Some(status);
        self
    }

    /// Asks for content that has not this entity tag; the answer may be that nothing has changed (304).
    pub(crate) fn unless(mut self, entity_tag: &str) -> Self {
        self.is_conditional = true;
        self.header(header::IF_NONE_MATCH, entity_tag)
    }

    /// What fails where a redirect led to a path that does not end with `end` is of kind
    /// [`Unsupported`](ErrorKind::Unsupported), and not retried: it is a page for people.
    pub(crate) fn ending_with(mut self, end: &'a str) -> Self {
        self.end = Some(end);
        self
    }

    /// Tells there what it retries.
    pub(crate) fn telling(mut self, retries: &Retries) -> Self {
        self.retries = retries.clone();
        self
    }

    /// Sends it, and gives the answer if that is a success.
    pub(crate) async fn send(self) -> Result<Answer, Error> {
        let (mut answer, _) = self.send_and_retry(None).await?;
        answer.pass = None;
        Ok(answer)
    }

    /// Sends it, and gives a good answer with its body, which has at most `limit` bytes.
    pub(crate) async fn read(self, limit: u64) -> Result<(Answer, Bytes), Error> {
        self.send_and_retry(Some(limit)).await
    }

    /// Sends it once; the caller decides whether to retry.
    pub(crate) async fn send_once(&self) -> Result<Answer, FailedAttempt> {
        self.attempt().await
    }

    async fn send_and_retry(mut self, limit: Option<u64>) -> Result<(Answer, Bytes), Error> {
        loop {
            let failed = match self.attempt_and_read(limit).await {
                Ok(answer) => return Ok(answer),
                Err(failed) => failed,
            };
            let retry = &self.wire().retry;
            let number = self.attempts.number();
            let pause = failed
                .failure
                .filter(|_| !self.is_once)
                .and_then(|failure| self.attempts.pause(retry, &self.method, failure));
            match pause {
                Some(pause) => {
                    self.retries.tell(Retrying { attempts: number, wait: pause.length });
                    pause.sleep().await;
                }
                None => return Err(failed.error.after_attempts(number)),
            }
        }
    }

    async fn attempt_and_read(&self, limit: Option<u64>) -> Result<(Answer, Bytes), FailedAttempt> {
        let mut answer = self.attempt().await?;
        let is_wanted = self.only.is_none_or(|status| status == answer.status());
        let Some(limit) = limit.filter(|_| is_wanted) else { return Ok((answer, Bytes::new())) };
        let body = std::mem::replace(answer.response.body_mut(), Body::empty());
        let read = self.wire().read(body, limit).await;
        answer.pass = None;
        match read {
            Ok(bytes) => Ok((answer, bytes)),
            Err(error) => Err(self.failed(error)),
        }
    }

    /// Sends it once, following redirects and logging in.
    async fn attempt(&self) -> Result<Answer, FailedAttempt> {
        let mut at = self.start().await?;
        loop {
            let authorization = self.authorization(&at).await?;
            let exchanged = self.exchange(&at, authorization.as_ref()).await;
            let (answer, pass) = exchanged.map_err(|failed| self.failed_at(&at.url, failed))?;
            let status = answer.status();
            let is_unchanged = self.is_conditional && status == StatusCode::NOT_MODIFIED;
            if status.is_success() || is_unchanged {
                return Ok(Answer { response: answer, url: at.url, pass: Some(pass) });
            }
            // What follows may need another request to the same host.
            drop(pass);
            if status == StatusCode::UNAUTHORIZED && at.logins < LOGINS {
                at.logins += 1;
                if at.is_trusted {
                    at.login = Some(self.log_in(answer, authorization.as_ref()).await?);
                    continue;
                }
                if let Some(token) = self.token_elsewhere(&at, &answer).await {
                    at.elsewhere = Some(token);
                    continue;
                }
            }
            if let Some(next) = self.redirect(&answer, &at.url)? {
                self.move_on(&mut at, next)?;
                continue;
            }
            let failed = self.refused(answer, authorization.as_ref()).await;
            match self.other_login(&mut at, &failed.error, authorization.as_ref()).await {
                Some(login) => at.login = Some(login),
                None => return Err(self.failed_at(&at.url, failed)),
            }
        }
    }

    async fn start(&self) -> Result<Position, Error> {
        if let Some(name) = &self.unsendable {
            let reason = format!("the header `{name}` cannot hold what it should say");
            return Err(self.error(ErrorKind::Configuration, reason));
        }
        let url = self.registry.speaking(self.wire(), self.url.clone()).await;
        let is_trusted = !self.is_anonymous && self.registry.has(&url);
        Ok(Position {
            url,
            is_trusted,
            login: None,
            logins: 0,
            is_refused: false,
            elsewhere: None,
            redirects: 0,
        })
    }

    async fn exchange(
        &self,
        at: &Position,
        authorization: Option<&Authorization>,
    ) -> Result<(Response<Body>, Pass), FailedAttempt> {
        let mut headers = self.headers.clone();
        // Those of the registry may hold secrets, so they go where credentials may.
        if let Some(own) = self.registry.headers().filter(|_| at.is_trusted) {
            headers.extend(own.clone());
        }
        if let Some(Authorization { value, .. }) = authorization {
            headers.insert(header::AUTHORIZATION, value.clone());
        }
        let body = match &self.body {
            Payload::Bytes(bytes) => bytes.clone().into(),
            Payload::Stream(open) => open(),
        };
        let entry = match &self.body {
            _ if self.is_impatient || self.is_astray(&at.url) => Entry::Impatient,
            Payload::Bytes(_) => Entry::Counted,
            // The bytes may be from another repository of the same host.
            Payload::Stream(_) => Entry::Uncounted,
        };
        let sent = self.wire().send(Exchange {
            method: self.method.clone(),
            url: &at.url,
            headers,
            body,
            timeout: self.timeout,
            attempts: self.attempts,
            entry,
        });
        let (answer, pass) = sent.await.map_err(|error| self.failed(error))?;
        self.shared
            .warnings
            .note(&self.registry.name, answer.headers(), || self.secrets(authorization));
        Ok((answer, pass))
    }

    /// By what the registry is asked.
    fn wire(&self) -> &'a Wire {
        self.registry.wire(&self.shared.wire)
    }

    async fn refused(
        &self,
        answer: Response<Body>,
        authorization: Option<&Authorization>,
    ) -> FailedAttempt {
        let failure = failure_of(&answer);
        let error = self.refusal(answer, authorization).await;
        let wants_more = matches!(error.kind(), ErrorKind::Unauthorized | ErrorKind::Denied);
        let is_anonymous = authorization.is_some_and(|authorization| authorization.is_anonymous);
        let error = match wants_more && is_anonymous {
            true => error.because(self.registry.authority.without_credentials(&self.scopes)),
            false => error,
        };
        FailedAttempt { failure, error }
    }

    async fn refusal(&self, answer: Response<Body>, used: Option<&Authorization>) -> Error {
        self.wire().refusal(answer, self.action, &self.secrets(used)).await
    }

    /// What the registry was sent and may quote.
    fn secrets(&self, used: Option<&Authorization>) -> Secrets {
        let used = used.map(|authorization| &authorization.value);
        Secrets::of(used).and_headers(self.registry.headers())
    }

    fn failed(&self, error: ExchangeError) -> FailedAttempt {
        FailedAttempt { failure: error.failure(), error: error.into_error(self.action) }
    }

    fn error(&self, kind: ErrorKind, reason: String) -> Error {
        Error::new(kind, self.action).because(reason)
    }
}
