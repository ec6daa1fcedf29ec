use std::time::Duration;

use http::{HeaderName, Method, StatusCode, header};
use oci_image::Digest;
use oci_image::distribution::{ByteRange, Endpoint, UploadProgress, header as names, query};
use url::Url;

use crate::auth::Access;
use crate::call::{Answer, Call, FailedAttempt};
use crate::error::{Error, ErrorKind};
use crate::manifest::refuse_other_digest;
use crate::repository::Repository;
use crate::retry::{Attempts, Failure};
use crate::transport::{Body, TransportErrorKind};

/// How long the registry may take to forget a session.
const CANCELLING: Duration = Duration::from_secs(5);

/// A chunk of which the registry takes fewer bytes than these, and not all, is a failed attempt: a registry that takes
/// little each time must not get any number of requests.
const LEAST_TAKEN: u64 = 16 * 1024;

/// An upload session of a registry. One that is neither closed nor cancelled when it is dropped is cancelled in the
/// background, if there is a runtime to do it.
pub(super) struct Session {
    repository: Repository,
    attempts: Attempts,
    action: String,
    /// As the registry gave it last; `None` at the end.
    url: Option<Url>,
    /// How many bytes the registry has.
    pub(super) offset: u64,
    /// The smallest chunk that the registry takes, in bytes.
    pub(super) least_chunk: u64,
}

impl Session {
    /// Begins one for a blob that is named by `algorithm`, if the registry has to be told.
    pub(super) async fn begin(
        repository: &Repository,
        algorithm: Option<&str>,
        attempts: Attempts,
        action: &str,
    ) -> Result<Self, FailedAttempt> {
        let mut url = repository.url(&Endpoint::Uploads(repository.name().clone()));
        if let Some(algorithm) = algorithm {
            url.query_pairs_mut().append_pair(query::DIGEST_ALGORITHM, algorithm);
        }
        let call = repository.call(Method::POST, url, Access::Push, action);
        let answer = call.attempt_of(attempts).send_once().await?;
        Ok(Self::of(repository, &answer, attempts, action)?)
    }

    /// The session that a success names. The specification has `202` for it, and registries have others.
    pub(super) fn of(
        repository: &Repository,
        answer: &Answer,
        attempts: Attempts,
        action: &str,
    ) -> Result<Self, Error> {
        let least = HeaderName::from_static(names::CHUNK_MIN_LENGTH);
        let least_chunk = answer.header(&least).and_then(|text| text.trim().parse().ok());
        Ok(Self {
            repository: repository.clone(),
            attempts,
            action: action.to_owned(),
            url: Some(location(repository, answer, action)?),
            offset: 0,
            least_chunk: least_chunk.unwrap_or(0),
        })
    }

    /// Sends the bytes up to `end` as one chunk, which `open` gives.
    pub(super) async fn patch(
        &mut self,
        end: u64,
        open: &(dyn Fn() -> Body + Send + Sync),
    ) -> Result<(), FailedAttempt> {
        let start = self.offset;
        let Some(part) = end.checked_sub(1).and_then(|last| ByteRange::new(start, last)) else {
            return Ok(());
        };
        let call = self.call(Method::PATCH, self.url()?).stream(open);
        let call = call.header(header::CONTENT_RANGE, &part.to_string());
        let answer = match call.send_once().await {
            Ok(answer) => answer,
            // The registry has another offset for the upload: it is asked for, and used.
            Err(FailedAttempt { failure: Some(Failure::Status(status)), error })
                if status == StatusCode::RANGE_NOT_SATISFIABLE =>
            {
                let failure = Failure::Transport(TransportErrorKind::Exchange);
                return Err(FailedAttempt { failure: Some(failure), error });
            }
            Err(failed) => return Err(failed),
        };
        if answer.header(&header::LOCATION).is_some() {
            self.url = Some(location(&self.repository, &answer, &self.action)?);
        }
        let is_possible = |offset: &u64| *offset > start && *offset <= end;
        self.offset = match offset_of(&answer) {
            // `0-0` says nothing, and one byte looks like that too.
            None => end,
            Some(offset) if is_possible(&offset) => offset,
            // It took the chunk and says that it has another part, so it is asked. What it has is decided by the
            // digest in the end.
            Some(_) => self.stated_offset().await.filter(is_possible).unwrap_or(end),
        };
        match self.offset < end.min(start.saturating_add(LEAST_TAKEN)) {
            true => Err(self.took_little(start, end)),
            false => Ok(()),
        }
    }

    fn took_little(&self, start: u64, end: u64) -> FailedAttempt {
        let (taken, sent) = (self.offset.saturating_sub(start), end.saturating_sub(start));
        let failure = Some(Failure::Transport(TransportErrorKind::Exchange));
        let error = Error::new(ErrorKind::Protocol, &*self.action)
            .because(format!("the registry took {taken} of {sent} bytes"));
        FailedAttempt { failure, error }
    }

    /// Closes the session with the digest, and sends all bytes if `whole` gives them. Gives the answer, by which the
    /// caller decides whether it is [closed](Self::closed).
    pub(super) async fn close(
        &mut self,
        digest: &Digest,
        whole: Option<&(dyn Fn() -> Body + Send + Sync)>,
    ) -> Result<Answer, FailedAttempt> {
        let mut url = self.url()?;
        url.query_pairs_mut().append_pair(query::DIGEST, digest.as_str());
        let call = self.call(Method::PUT, url);
        let call = match whole {
            Some(open) => call.stream(open),
            None => call,
        };
        let answer = call.send_once().await?;
        refuse_other_digest(&answer, digest, &self.action)?;
        Ok(answer)
    }

    /// Notes that the registry has the blob, and with it no session.
    pub(super) fn closed(&mut self) {
        self.url = None;
    }

    /// Asks how far it is, and continues there if that is at most `limit`; otherwise it is not clear what the registry
    /// has, and whoever asks has to begin again.
    pub(super) async fn settle(&mut self, limit: u64) -> bool {
        let Some(url) = self.url.clone() else { return false };
        let call = self.repository.call(Method::GET, url, Access::Push, &self.action);
        let Ok(answer) = call.send_once().await else { return false };
        let Some(offset) = offset_of(&answer).filter(|offset| *offset <= limit) else {
            return false;
        };
        if answer.header(&header::LOCATION).is_some() {
            match location(&self.repository, &answer, &self.action) {
                Ok(url) => self.url = Some(url),
                Err(_) => return false,
            }
        }
        self.offset = offset;
        true
    }

    /// How many bytes the registry has, if it says so.
    async fn stated_offset(&self) -> Option<u64> {
        let url = self.url.clone()?;
        let call = self.repository.call(Method::GET, url, Access::Push, &self.action);
        offset_of(&call.send_once().await.ok()?)
    }

    /// Tells the registry to forget it. It may refuse.
    pub(super) async fn cancel(mut self) {
        if let Some(url) = self.url.clone() {
            cancel(&self.repository, url, &self.action).await;
        }
        // Not before: if this is dropped meanwhile, it is cancelled in the background.
        self.url = None;
    }

    fn url(&self) -> Result<Url, Error> {
        self.url.clone().ok_or_else(|| {
            Error::new(ErrorKind::Protocol, &*self.action).because("the upload has ended")
        })
    }

    fn call(&self, method: Method, url: Url) -> Call<'_> {
        let call = self.repository.call(method, url, Access::Push, &self.action);
        let call = call.header(header::CONTENT_TYPE, "application/octet-stream");
        call.timeout(self.repository.shared.wire.limits.commit).attempt_of(self.attempts)
    }
}

/// Without tokio's runtime nothing can be sent in the background.
#[cfg(feature = "runtime")]
impl Drop for Session {
    fn drop(&mut self) {
        let Some(url) = self.url.take() else { return };
        // Outside of a runtime, or of one that ends, it is left to the registry's own timeout.
        let Ok(runtime) = tokio::runtime::Handle::try_current() else { return };
        let (repository, action) = (self.repository.clone(), std::mem::take(&mut self.action));
        runtime.spawn(async move { cancel(&repository, url, &action).await });
    }
}

async fn cancel(repository: &Repository, url: Url, action: &str) {
    let call = repository.call(Method::DELETE, url, Access::Push, action);
    let _ = call.timeout(CANCELLING).send_once().await;
}

/// Where the upload goes on.
fn location(repository: &Repository, answer: &Answer, action: &str) -> Result<Url, Error> {
    let refused = |reason: String| Error::new(ErrorKind::Protocol, action).because(reason);
    let location = answer
        .header(&header::LOCATION)
        .ok_or_else(|| refused("the registry does not say where to upload to".to_owned()))?;
    repository
        .shared
        .follow(&answer.url, location)
        .map_err(|reason| refused(format!("the place to upload to is refused: {reason}")))
}

/// How many bytes of an upload the registry has, by its answer.
fn offset_of(answer: &Answer) -> Option<u64> {
    answer.header(&header::RANGE).and_then(UploadProgress::parse).map(UploadProgress::bytes)
}
