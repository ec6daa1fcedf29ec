mod chunks;
mod pace;
mod way;

use http::{Method, StatusCode, header};
use oci_image::distribution::{ByteRange, Endpoint, UploadProgress, header as names, query};
use oci_image::{Algorithm, Descriptor, RepositoryName};
use url::Url;

use crate::auth::{Access, Scopes};
use crate::call::{Answer, FailedAttempt};
use crate::error::{Error, ErrorKind};
use crate::jobs::Stop;
use crate::manifest::{content_digest, not_carried_out, other_digest, refuse_other_digest};
use crate::repository::Repository;
use crate::retry::{Attempts, Failure};
use crate::transport::{Body, TransportErrorKind};

use chunks::Chunks;
use pace::Pace;
use way::{Way, Ways};

/// Gives the bytes of a blob from an offset on, as often as asked.
pub(crate) type Open<'a> = &'a (dyn Fn(u64) -> Body + Send + Sync);

/// One blob on its way to a repository.
pub(crate) struct Upload<'a> {
    pub(crate) repository: &'a Repository,
    pub(crate) blob: &'a Descriptor,
    pub(crate) open: Open<'a>,
    /// The size of the chunks, if it is not sent in one piece.
    chunk: Option<u64>,
    stop: &'a Stop,
    chunks: Chunks,
    /// Before the first.
    attempts: Attempts,
    pub(crate) action: String,
}

/// Failed attempts are forgotten once the registry has this much more, in bytes.
const FORGIVEN_AFTER: u64 = 1024 * 1024;

/// An upload session of the registry.
struct Session {
    /// As the registry gave it last.
    url: Url,
    /// How many bytes the registry has.
    offset: u64,
    /// The smallest chunk that the registry takes, in bytes.
    least_chunk: u64,
}

/// What became of an attempt to mount.
pub(crate) enum Mount {
    Mounted,
    /// The registry wants the bytes.
    NotMounted,
}

impl<'a> Upload<'a> {
    pub(crate) fn new(
        repository: &'a Repository,
        blob: &'a Descriptor,
        open: Open<'a>,
        chunk: Option<u64>,
        stop: &'a Stop,
    ) -> Self {
        let action = format!("push blob `{}` to `{repository}`", blob.digest);
        let attempts = repository.shared.wire.attempts();
        let chunks = Chunks::default();
        Self { repository, blob, open, chunk, stop, chunks, attempts, action }
    }

    /// Uploads it.
    pub(crate) async fn run(&self) -> Result<(), Error> {
        let mut session = None;
        let result = self.try_until_done(&mut session).await;
        if let (Err(_), Some(session)) = (&result, session) {
            self.cancel(session).await;
        }
        result
    }

    async fn try_until_done(&self, current: &mut Option<Session>) -> Result<(), Error> {
        let retry = &self.repository.shared.wire.retry;
        let mut attempts = self.attempts;
        let mut furthest = 0;
        let mut pace = Pace::AtOnce;
        let mut ways = Ways::new(self.chunk);
        loop {
            let way = ways.current();
            let begun = self.stop.unless_stopped(self.begun(current, way)).await;
            let failed = match begun.ok_or_else(|| self.stopped())? {
                Ok(session) => {
                    match self.stop.unless_stopped(self.send(session, way, pace)).await {
                        Some(Ok(())) => return Ok(()),
                        Some(Err(failed)) => failed,
                        None => return Err(self.stopped()),
                    }
                }
                Err(failed) => failed,
            };
            let sent = current.as_ref().map(|session| session.offset);
            pace = Pace::after(&failed);
            let offset = self.progress_of(current).await;
            // The registry may have taken the blob though its answer was lost.
            if sent.is_some() && current.is_none() && self.is_there().await {
                return Ok(());
            }
            let status = failed.error.status().unwrap_or_default();
            if sent.is_some_and(|sent| ways.change(status, sent, offset, self.blob.size)) {
                if let Some(session) = current.take() {
                    self.cancel(session).await;
                }
                ways.refused(failed.error);
                pace = Pace::AtOnce;
                continue;
            }
            if offset.saturating_sub(furthest) >= FORGIVEN_AFTER {
                attempts.forgive();
                furthest = offset;
            }
            let number = attempts.number();
            // The bytes are named by their digest, so sending them again does no harm, and a session
            // that is not used ends by itself.
            let pause =
                failed.failure.and_then(|failure| attempts.pause(retry, &Method::PUT, failure));
            let Some(pause) = pause else {
                return Err(ways.first_refusal(failed.error).after_attempts(number));
            };
            let slept = self.stop.unless_stopped(pause.sleep()).await;
            slept.ok_or_else(|| self.stopped())?;
        }
    }

    /// The session, begun if there is none.
    async fn begun<'s>(
        &self,
        current: &'s mut Option<Session>,
        way: Way,
    ) -> Result<&'s mut Session, FailedAttempt> {
        let session = match current.take() {
            Some(session) => session,
            None => self.begin(way).await?,
        };
        Ok(current.insert(session))
    }

    async fn begin(&self, way: Way) -> Result<Session, FailedAttempt> {
        let mut url = self.repository.url(&Endpoint::Uploads(self.repository.name().clone()));
        let is_sha256 = self.blob.digest.algorithm() == Some(Algorithm::Sha256);
        if way != Way::Whole && !is_sha256 {
            url.query_pairs_mut()
                .append_pair(query::DIGEST_ALGORITHM, self.blob.digest.algorithm_name());
        }
        let call = self.repository.call(Method::POST, url, Access::Push, &self.action);
        let answer = call.attempt_of(self.attempts).send_once().await?;
        Ok(self.session(&answer)?)
    }

    /// Takes the blob from the repository `from` of the same registry, if that is possible. However it fails, the
    /// bytes can be sent.
    pub(crate) async fn mount(&self, from: &RepositoryName) -> Mount {
        let mut url = self.repository.url(&Endpoint::Uploads(self.repository.name().clone()));
        url.query_pairs_mut()
            .append_pair(query::MOUNT, self.blob.digest.as_str())
            .append_pair(query::FROM, from.as_str());
        let scopes = Scopes::of(self.repository.name(), Access::Push).and(from, Access::Pull);
        let call = self.repository.call_with(Method::POST, url, scopes, &self.action);
        let Ok(answer) = call.once().send().await else { return Mount::NotMounted };
        if answer.status() == StatusCode::ACCEPTED {
            // A session was begun instead; mounts from many places would leave many.
            if let Ok(session) = self.session(&answer) {
                self.cancel(session).await;
            }
            return Mount::NotMounted;
        }
        let is_told = answer.status() == StatusCode::CREATED
            && other_digest(&answer, &self.blob.digest).is_none()
            && (content_digest(&answer).is_some() || answer.header(&header::LOCATION).is_some());
        match is_told || self.is_there().await {
            true => Mount::Mounted,
            false => Mount::NotMounted,
        }
    }

    /// Sends what is missing, and closes the session.
    async fn send(&self, session: &mut Session, way: Way, pace: Pace) -> Result<(), FailedAttempt> {
        let size = self.blob.size;
        match way {
            Way::Whole if session.offset == 0 => return self.close(session, Some(pace)).await,
            Way::Whole if session.offset < size => self.patch(session, size, pace).await?,
            Way::Whole => {}
            Way::Chunks(chunk) => {
                let chunk = chunk.max(session.least_chunk).max(1);
                while session.offset < size {
                    let end = session.offset.saturating_add(chunk).min(size);
                    self.patch(session, end, pace).await?;
                }
            }
        }
        self.close(session, None).await
    }

    /// Sends the bytes up to `end` as one chunk.
    async fn patch(
        &self,
        session: &mut Session,
        end: u64,
        pace: Pace,
    ) -> Result<(), FailedAttempt> {
        let start = session.offset;
        let Some(part) = end.checked_sub(1).and_then(|last| ByteRange::new(start, last)) else {
            return Ok(());
        };
        let open = || pace.of(self.chunks.next(self.open, start, part.len()));
        let call = self.call(Method::PATCH, session.url.clone()).stream(&open);
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
            session.url = self.session(&answer)?.url;
        }
        let is_possible = |offset: &u64| *offset > start && *offset <= end;
        session.offset = match offset_of(&answer) {
            // `0-0` says nothing, and one byte looks like that too.
            None => end,
            Some(offset) if is_possible(&offset) => offset,
            // It took the chunk and says that it has another part, so it is asked. What it has is decided by the
            // digest in the end.
            Some(_) => self.offset(session).await.filter(is_possible).unwrap_or(end),
        };
        Ok(())
    }

    /// How many bytes the registry has, if it says so.
    async fn offset(&self, session: &Session) -> Option<u64> {
        let url = session.url.clone();
        let call = self.repository.call(Method::GET, url, Access::Push, &self.action);
        offset_of(&call.send_once().await.ok()?)
    }

    /// Closes the session with the digest, and sends all bytes if there is a pace for them.
    async fn close(&self, session: &mut Session, whole: Option<Pace>) -> Result<(), FailedAttempt> {
        let mut url = session.url.clone();
        url.query_pairs_mut().append_pair(query::DIGEST, self.blob.digest.as_str());
        let open = || whole.unwrap_or_default().of((self.open)(0));
        let call = self.call(Method::PUT, url);
        let is_sent = whole.is_some() && self.blob.size > 0;
        let call = if is_sent { call.stream(&open) } else { call };
        let answer = call.send_once().await?;
        refuse_other_digest(&answer, &self.blob.digest, &self.action)?;
        // The one success of the specification; any other is believed when it shows.
        if answer.status() == StatusCode::CREATED || self.is_there().await {
            return Ok(());
        }
        Err(not_carried_out(answer.status(), &self.action).into())
    }

    fn call(&self, method: Method, url: Url) -> crate::call::Call<'_> {
        let call = self.repository.call(method, url, Access::Push, &self.action);
        let call = call.header(header::CONTENT_TYPE, "application/octet-stream");
        call.timeout(self.repository.shared.wire.limits.commit).attempt_of(self.attempts)
    }

    /// Asks how far the session is; one that is gone is forgotten. Gives the bytes that it has.
    async fn progress_of(&self, current: &mut Option<Session>) -> u64 {
        let Some(session) = current.take() else { return 0 };
        let call =
            self.repository.call(Method::GET, session.url.clone(), Access::Push, &self.action);
        let Ok(answer) = call.send_once().await else {
            self.cancel(session).await;
            return 0;
        };
        let offset = offset_of(&answer).filter(|offset| *offset <= self.blob.size);
        let url = match answer.header(&header::LOCATION) {
            Some(location) => self.repository.shared.follow(&answer.url, location),
            None => Ok(session.url.clone()),
        };
        match (offset, url) {
            (Some(offset), Ok(url)) => {
                *current = Some(Session { url, offset, ..session });
                offset
            }
            // It is not clear what the registry has: begin again.
            _ => {
                self.cancel(session).await;
                0
            }
        }
    }

    async fn is_there(&self) -> bool {
        let look = self.repository.has_blob_for(self.blob, Access::Push, &self.action);
        look.await.unwrap_or(false)
    }

    /// Tells the registry to forget the session. It may refuse.
    async fn cancel(&self, session: Session) {
        let call = self.repository.call(Method::DELETE, session.url, Access::Push, &self.action);
        let _ = call.timeout(std::time::Duration::from_secs(5)).send_once().await;
    }

    /// The session that a success names. The specification has `202` for it, and registries have others.
    fn session(&self, answer: &Answer) -> Result<Session, Error> {
        let location = answer.header(&header::LOCATION).ok_or_else(|| {
            self.error(ErrorKind::Protocol, "the registry does not say where to upload to".into())
        })?;
        let url = self.repository.shared.follow(&answer.url, location).map_err(|reason| {
            self.error(ErrorKind::Protocol, format!("the place to upload to is refused: {reason}"))
        })?;
        let least = http::HeaderName::from_static(names::CHUNK_MIN_LENGTH);
        let least_chunk = answer.header(&least).and_then(|text| text.trim().parse().ok());
        Ok(Session { url, offset: 0, least_chunk: least_chunk.unwrap_or(0) })
    }

    fn stopped(&self) -> Error {
        crate::push::stopped(&self.action)
    }

    fn error(&self, kind: ErrorKind, reason: String) -> Error {
        Error::new(kind, &*self.action).because(reason)
    }
}

/// How many bytes of an upload the registry has, by its answer.
fn offset_of(answer: &Answer) -> Option<u64> {
    answer.header(&header::RANGE).and_then(UploadProgress::parse).map(UploadProgress::bytes)
}
