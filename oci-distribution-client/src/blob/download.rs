mod range;

use std::ops::Range;

use bytes::Bytes;
use http::{Method, StatusCode, header};
use oci_image::Descriptor;
use oci_image::distribution::{ByteRange, RangeRequest};
use tokio::sync::OwnedSemaphorePermit;
use url::Url;

use crate::auth::Access;
use crate::call::{Answer, FailedAttempt};
use crate::error::{Error, ErrorKind};
use crate::gate::Pass;
use crate::repository::Repository;
use crate::retry::{Attempts, Failure, Pause, Retrying};
use crate::text::printable;
use crate::transport::{Body, TransportErrorKind};
use crate::wire::RateCheck;

/// A failed attempt is forgotten once this much was received since, in bytes.
const FORGIVEN_AFTER: u64 = 1024 * 1024;

/// A part that has fewer bytes than were asked for is a failed attempt if it has fewer than this, too: a server that gives
/// little each time must not get any number of requests.
const SHORTEST_PART: u64 = 16 * 1024;

/// The bytes of a blob or of a part of it, resumed where they broke off. Only their number is checked.
#[derive(Debug)]
pub(crate) struct Download {
    repository: Repository,
    blob: Descriptor,
    action: String,
    /// Where it is, if not in the registry.
    elsewhere: Option<Url>,
    /// Where it began: what is before that is held by who asks.
    start: u64,
    /// The offset behind the last byte that is wanted.
    end: u64,
    /// What is done if the registry sends the whole where the part ends before the blob does.
    whole: Whole,
    /// The offset of the next byte that is given out.
    offset: u64,
    /// Where `offset` was when the last attempt failed.
    failed_at: u64,
    attempts: Attempts,
    /// Whether the server said that it gives no parts.
    is_whole_only: bool,
    connection: Option<Connection>,
    /// The pause before the next attempt.
    pause: Option<Pause>,
    /// Whether it counts among the connections to the registry while it lasts.
    is_counted: bool,
    permit: Option<OwnedSemaphorePermit>,
    /// The `ETag` of the first answer.
    tag: Option<String>,
}

/// An answer whose body is being read.
#[derive(Debug)]
struct Connection {
    body: Body,
    check: RateCheck,
    /// What of the blob it was to have that was not given out before.
    range: Range<u64>,
    /// How many bytes of it were given out before.
    skip: u64,
    _pass: Option<Pass>,
}

/// What a download does when it gets more than its part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Whole {
    /// It goes on to the end of the blob.
    Take,
    /// It fails: others have the other parts.
    Refuse,
}

/// What a download has next.
#[derive(Debug)]
pub(crate) enum Received {
    /// Bytes, and where they are in the blob.
    Chunk(u64, Bytes),
    /// An attempt failed; there is another one after this time.
    Failed(Retrying),
    End,
}

impl Download {
    pub(crate) fn new(repository: Repository, blob: Descriptor) -> Self {
        let action = format!("pull blob `{}` of `{repository}`", blob.digest);
        let attempts = repository.shared.wire.attempts();
        Self {
            repository,
            action,
            elsewhere: None,
            start: 0,
            end: blob.size,
            blob,
            whole: Whole::Take,
            offset: 0,
            failed_at: 0,
            attempts,
            is_whole_only: false,
            connection: None,
            pause: None,
            is_counted: false,
            permit: None,
            tag: None,
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

    /// A download of `range` from the same place; it counts among the connections to the registry.
    pub(crate) fn part(&self, range: Range<u64>, whole: Whole) -> Self {
        let Self { repository, blob, action, elsewhere, .. } = self;
        Self {
            action: action.clone(),
            elsewhere: elsewhere.clone(),
            is_counted: true,
            end: range.end,
            whole,
            tag: self.tag.clone(),
            ..Self::new(repository.clone(), blob.clone()).starting_at(range.start)
        }
    }

    /// A download of what is behind `start`.
    pub(crate) fn starting_at(self, start: u64) -> Self {
        Self { start, offset: start, failed_at: start, ..self }
    }

    pub(crate) fn action(&self) -> &str {
        &self.action
    }

    pub(crate) fn blob(&self) -> &Descriptor {
        &self.blob
    }

    /// What it was to give and has not given yet.
    pub(crate) fn rest(&self) -> Range<u64> {
        self.offset..self.end
    }

    /// Whether it gives all up to the end of the blob, where that may be more than it was asked for.
    pub(crate) fn has_rest(&self) -> bool {
        self.whole == Whole::Take && self.end == self.blob.size
    }

    /// The next bytes; `None` after exactly as many as are wanted.
    pub(crate) async fn chunk(&mut self) -> Result<Option<Bytes>, Error> {
        loop {
            match self.next().await? {
                Received::Chunk(_, chunk) => return Ok(Some(chunk)),
                Received::Failed(_) => {}
                Received::End => return Ok(None),
            }
        }
    }

    /// What happens next.
    pub(crate) async fn next(&mut self) -> Result<Received, Error> {
        // All that there is to ask for is held: a registry would refuse the empty range.
        if self.connection.is_none() && self.start > 0 && self.start == self.end {
            return Ok(Received::End);
        }
        if let Some(pause) = self.pause.take() {
            pause.sleep().await;
        }
        loop {
            let mut connection = match self.connection.take() {
                Some(connection) => connection,
                None => match self.connect().await {
                    Ok(Some(connection)) => connection,
                    Ok(None) => continue,
                    Err(failed) => return self.failed(failed),
                },
            };
            match connection.check.chunk(&mut connection.body).await {
                Ok(Some(chunk)) => match self.wanted(chunk, &mut connection)? {
                    Some(chunk) if chunk.is_empty() => self.connection = Some(connection),
                    Some(chunk) => {
                        let offset = self.offset;
                        self.offset += chunk.len() as u64;
                        self.connection = Some(connection);
                        return Ok(Received::Chunk(offset, chunk));
                    }
                    None => return Ok(Received::End),
                },
                // All is received; that the connection broke after it does no harm.
                Ok(None) | Err(_) if self.offset == self.end => {
                    connection.body = Body::empty();
                    self.connection = Some(connection);
                    return Ok(Received::End);
                }
                // The registry gives no more at once: the rest is asked for next.
                Ok(None) | Err(_)
                    if self.offset == connection.range.end && !connection.is_short() => {}
                Ok(None) => {
                    let error = self.wrong_size(&format!("only {}", self.offset));
                    let failure = Some(Failure::Transport(TransportErrorKind::Exchange));
                    return self.failed(FailedAttempt { failure, error });
                }
                Err(broken) => {
                    let failure = broken.failure();
                    let error = broken.into_error(&self.action);
                    return self.failed(FailedAttempt { failure, error });
                }
            }
        }
    }

    /// What is new and wanted of a chunk; `None` if nothing is wanted any more.
    fn wanted(
        &self,
        mut chunk: Bytes,
        connection: &mut Connection,
    ) -> Result<Option<Bytes>, Error> {
        let skipped = connection.skip.min(chunk.len() as u64);
        connection.skip -= skipped;
        let mut chunk = chunk.split_off(usize::try_from(skipped).unwrap_or(usize::MAX));
        let left = self.end - self.offset;
        if chunk.len() as u64 > left {
            if self.end == self.blob.size {
                return Err(self.wrong_size("more"));
            }
            chunk.truncate(usize::try_from(left).unwrap_or(usize::MAX));
            return Ok(Some(chunk).filter(|chunk| !chunk.is_empty()));
        }
        Ok(Some(chunk))
    }

    /// Asks for what is missing. `None`: it is to be asked for in another way.
    async fn connect(&mut self) -> Result<Option<Connection>, FailedAttempt> {
        if self.is_counted && self.permit.is_none() {
            self.permit = self.repository.registry.connection().await;
        }
        let asks_for_part = !self.is_whole_only && (self.offset > 0 || self.end < self.blob.size);
        let mut answer = match self.request(asks_for_part).await {
            Ok(answer) => answer,
            Err(failed) if asks_for_part && failed.error.status() == Some(416) => {
                self.is_whole_only = true;
                return Ok(None);
            }
            Err(failed) => return Err(failed),
        };
        let range = match self.range_of(&answer, asks_for_part) {
            // What is wrong with a part need not be with the whole.
            Err(_) if asks_for_part && self.whole == Whole::Take && !is_whole(&answer) => {
                self.is_whole_only = true;
                return Ok(None);
            }
            range => range?,
        };
        self.check_tag(&answer)?;
        let pass = answer.pass.take().filter(|_| self.is_counted);
        let body = answer.response.into_body();
        let check = self.repository.shared.wire.rate_check();
        let skip = self.offset - range.start;
        let range = self.offset..range.end;
        Ok(Some(Connection { body, check, range, skip, _pass: pass }))
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
            let last = self.end.saturating_sub(1);
            let range = match ByteRange::new(self.offset, last) {
                Some(range) if self.end < self.blob.size => RangeRequest::Part(range),
                _ => RangeRequest::From(self.offset),
            };
            call = call.header(header::RANGE, &range.to_string());
        }
        call.attempt_of(self.attempts).send_once().await
    }

    /// What follows from a failed attempt: another one, or an error.
    fn failed(&mut self, failed: FailedAttempt) -> Result<Received, Error> {
        let FailedAttempt { failure, error } = failed;
        if self.offset == self.start && self.repository.is_mirror() {
            return Err(error);
        }
        if self.offset - self.failed_at >= FORGIVEN_AFTER {
            self.attempts.forgive();
        }
        let retry = &self.repository.shared.wire.retry;
        let attempts = self.attempts.number();
        let pause = failure.and_then(|failure| self.attempts.pause(retry, &Method::GET, failure));
        let Some(pause) = pause else { return Err(error.after_attempts(attempts)) };
        self.failed_at = self.offset;
        self.pause = Some(pause);
        Ok(Received::Failed(Retrying { attempts, wait: pause.length }))
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

impl Connection {
    /// Whether it is a part that is shorter than one that was asked for may be.
    fn is_short(&self) -> bool {
        self.range.end - self.range.start < SHORTEST_PART
    }
}

fn is_whole(answer: &Answer) -> bool {
    answer.status() == StatusCode::OK
}
