use bytes::Bytes;
use http::{Method, StatusCode, header};
use oci_image::Descriptor;
use oci_image::distribution::{ContentRange, RangeRequest};
use url::Url;

use crate::auth::Access;
use crate::call::{Answer, FailedAttempt};
use crate::error::{Error, ErrorKind};
use crate::repository::Repository;
use crate::retry::{Attempts, Failure};
use crate::text::printable;
use crate::transport::Body;
use crate::wire::{ExchangeError, RateCheck};

/// A failed attempt is forgotten once this much was received since, in bytes.
const FORGIVEN_AFTER: u64 = 1024 * 1024;

/// The bytes of a blob, resumed where they broke off. Only their number is checked.
#[derive(Debug)]
pub(crate) struct Download {
    repository: Repository,
    blob: Descriptor,
    action: String,
    /// Where it is, if not in the registry.
    elsewhere: Option<Url>,
    /// Where it began: what is before that is held by who asks.
    start: u64,
    /// How many bytes were given out, with those before the start.
    offset: u64,
    /// Where `offset` was when the last attempt failed.
    failed_at: u64,
    attempts: Attempts,
    /// Whether the server said that it gives no parts.
    is_whole_only: bool,
    connection: Option<(Body, RateCheck)>,
    /// How many bytes of the connection were given out before.
    skip: u64,
}

impl Download {
    pub(crate) fn new(repository: Repository, blob: Descriptor) -> Self {
        let action = format!("pull blob `{}` of `{repository}`", blob.digest);
        let attempts = repository.shared.wire.attempts();
        Self {
            repository,
            blob,
            action,
            elsewhere: None,
            start: 0,
            offset: 0,
            failed_at: 0,
            attempts,
            is_whole_only: false,
            connection: None,
            skip: 0,
        }
    }

    /// The same blob from one of the URLs of its descriptor, without credentials.
    pub(crate) fn from_url(
        repository: Repository,
        blob: Descriptor,
        url: &str,
    ) -> Result<Self, Error> {
        let action = format!(
            "pull blob `{}` of `{repository}` from `{}`",
            blob.digest,
            printable(url.split(['?', '#']).next().unwrap_or_default(), 500)
        );
        let parsed = Url::parse(url).map_err(|_| "it is not a URL");
        let parsed = parsed.and_then(|url| {
            repository.shared.may_go(&repository.registry.base, &url).map(|()| url)
        });
        let url = parsed.map_err(|reason| {
            Error::new(ErrorKind::Protocol, &*action)
                .because(format!("the URL is refused: {reason}"))
        })?;
        Ok(Self { action, elsewhere: Some(url), ..Self::new(repository, blob) })
    }

    /// Begins at `start`, or anew if something was given out already.
    pub(crate) fn begin_at(&mut self, start: u64) {
        self.connection = None;
        self.skip = 0;
        self.start = start;
        self.offset = start;
        self.failed_at = start;
        self.attempts.forgive();
    }

    pub(crate) fn action(&self) -> &str {
        &self.action
    }

    pub(crate) fn blob(&self) -> &Descriptor {
        &self.blob
    }

    /// The next piece; `None` after exactly as many bytes as the descriptor says.
    pub(crate) async fn chunk(&mut self) -> Result<Option<Bytes>, Error> {
        // All that there is to ask for is held: a registry would refuse the empty range.
        if self.connection.is_none() && self.start > 0 && self.start == self.blob.size {
            return Ok(None);
        }
        loop {
            let (mut body, mut pace) = match self.connection.take() {
                Some(connection) => connection,
                None => match self.connect().await? {
                    Some(body) => (body, self.repository.shared.wire.rate_check()),
                    None => continue,
                },
            };
            match pace.chunk(&mut body).await {
                Ok(Some(mut chunk)) => {
                    let skipped = self.skip.min(chunk.len() as u64);
                    self.skip -= skipped;
                    let chunk = chunk.split_off(skipped as usize);
                    self.connection = Some((body, pace));
                    if chunk.is_empty() {
                        continue;
                    }
                    self.offset += chunk.len() as u64;
                    if self.offset > self.blob.size {
                        return Err(self.wrong_size("more"));
                    }
                    return Ok(Some(chunk));
                }
                // All is received; that the connection broke after it does no harm.
                Ok(None) | Err(_) if self.offset == self.blob.size => {
                    self.connection = Some((Body::empty(), pace));
                    return Ok(None);
                }
                Ok(None) => {
                    let early = self.wrong_size(&format!("only {}", self.offset));
                    let broken = crate::transport::TransportErrorKind::Exchange;
                    self.pause(Some(Failure::Transport(broken)), early).await?;
                }
                Err(broken) => {
                    let failure = broken.failure();
                    self.pause(failure, self.explain(broken)).await?;
                }
            }
        }
    }

    /// Asks for what is missing. `None`: that failed, and may be retried.
    async fn connect(&mut self) -> Result<Option<Body>, Error> {
        let asks_for_part = self.offset > 0 && !self.is_whole_only;
        let answer = match self.request(asks_for_part).await {
            Ok(answer) => answer,
            Err(failed) if asks_for_part && failed.error.status() == Some(416) => {
                self.is_whole_only = true;
                return Ok(None);
            }
            Err(failed) => {
                self.pause(failed.failure, failed.error).await?;
                return Ok(None);
            }
        };
        let start = self.start_of(&answer, asks_for_part)?;
        let body = answer.response.into_body();
        if let Some(length) = body.length()
            && start.checked_add(length) != Some(self.blob.size)
        {
            let whole = start.saturating_add(length);
            return Err(self.other_content().because(format!(
                "the registry has {whole} bytes for it, its descriptor says {}",
                self.blob.size
            )));
        }
        self.skip = self.offset - start;
        Ok(Some(body))
    }

    async fn request(&self, asks_for_part: bool) -> Result<Answer, FailedAttempt> {
        let (url, is_foreign) = match &self.elsewhere {
            Some(url) => (url.clone(), true),
            None => (self.repository.blob_url(&self.blob.digest), false),
        };
        let mut call = self.repository.call(Method::GET, url, Access::Pull, &self.action);
        if is_foreign {
            call = call.anonymous();
        }
        if asks_for_part {
            call = call.header(header::RANGE, &RangeRequest::From(self.offset).to_string());
        }
        call.attempt_of(self.attempts).send_once().await
    }

    /// Where the body of `answer` begins in the blob: not behind what was read already.
    fn start_of(&self, answer: &Answer, asks_for_part: bool) -> Result<u64, Error> {
        let refuse =
            |reason: &str| Err(Error::new(ErrorKind::Protocol, &*self.action).because(reason));
        match answer.status() {
            StatusCode::OK => return Ok(0),
            StatusCode::PARTIAL_CONTENT if asks_for_part => {}
            _ => return refuse("the registry answered with neither the whole nor the part"),
        }
        match answer.header(&header::CONTENT_RANGE).and_then(ContentRange::parse) {
            Some(ContentRange::Part { range, total })
                if range.first() <= self.offset
                    && total.is_none_or(|total| total == self.blob.size) =>
            {
                Ok(range.first())
            }
            _ => refuse("the registry sent another part of it"),
        }
    }

    /// Waits before another attempt, if there is to be one.
    async fn pause(&mut self, failure: Option<Failure>, error: Error) -> Result<(), Error> {
        if self.offset == self.start && self.repository.is_mirror() {
            return Err(error);
        }
        if self.offset - self.failed_at >= FORGIVEN_AFTER {
            self.attempts.forgive();
        }
        let retry = &self.repository.shared.wire.retry;
        let number = self.attempts.number();
        let pause = failure.and_then(|failure| self.attempts.pause(retry, &Method::GET, failure));
        let Some(pause) = pause else { return Err(error.after_attempts(number)) };
        self.failed_at = self.offset;
        pause.sleep().await;
        Ok(())
    }

    fn explain(&self, error: ExchangeError) -> Error {
        error.into_error(&self.action)
    }

    pub(crate) fn other_content(&self) -> Error {
        Error::new(ErrorKind::Verification, &*self.action)
            .because("the content received is not what its descriptor says")
    }

    fn wrong_size(&self, received: &str) -> Error {
        let size = self.blob.size;
        self.other_content()
            .because(format!("{received} bytes were received, its descriptor says {size}"))
    }
}
