mod chunks;
mod pace;
mod session;
mod single;
mod stream;
mod way;

use http::{Method, StatusCode, header};
use oci_image::distribution::{Endpoint, ErrorCode, query};
use oci_image::{Algorithm, Descriptor, RepositoryName};

use crate::auth::{Access, Scopes};
use crate::call::{Answer, FailedAttempt};
use crate::error::Error;
use crate::jobs::Stop;
use crate::manifest::{content_digest, not_carried_out, other_digest};
use crate::repository::Repository;
use crate::retry::{Attempts, Failure, Retrying};
use crate::transport::{Body, TransportErrorKind};

use chunks::Chunks;
use pace::Pace;
use session::Session;
use way::{Way, Ways};

/// Gives the bytes of a blob from an offset on, as often as asked.
pub(crate) type Open<'a> = &'a (dyn Fn(u64) -> Body + Send + Sync);

/// How blobs are sent.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Manner {
    /// The size of the chunks, if they are not sent in one piece.
    pub(crate) chunk: Option<u64>,
    /// Whether a single `POST` is tried first.
    pub(crate) is_single: bool,
}

/// One blob on its way to a repository.
pub(crate) struct Upload<'a> {
    pub(crate) repository: &'a Repository,
    pub(crate) blob: &'a Descriptor,
    pub(crate) open: Open<'a>,
    manner: Manner,
    stop: &'a Stop,
    chunks: Chunks,
    /// Before the first.
    attempts: Attempts,
    pub(crate) action: String,
}

/// Failed attempts are forgotten once the registry has this much more, in bytes.
const FORGIVEN_AFTER: u64 = 1024 * 1024;

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
        manner: Manner,
        stop: &'a Stop,
    ) -> Self {
        let action = format!("push blob `{}` to `{repository}`", blob.digest);
        let attempts = repository.shared.wire.attempts();
        let chunks = Chunks::default();
        Self { repository, blob, open, manner, stop, chunks, attempts, action }
    }

    /// Uploads it.
    pub(crate) async fn run(&self) -> Result<(), Error> {
        let mut session = None;
        let result = self.try_until_done(&mut session).await;
        if let Some(session) = session {
            session.cancel().await;
        }
        result
    }

    async fn try_until_done(&self, current: &mut Option<Session>) -> Result<(), Error> {
        let retry = &self.repository.shared.wire.retry;
        let mut attempts = self.attempts;
        let mut furthest = 0;
        let mut pace = Pace::AtOnce;
        let mut ways = Ways::new(self.manner.chunk);
        if self.manner.is_single {
            let is_done = self.stop.unless_stopped(self.post(current)).await;
            if is_done.ok_or_else(|| self.stopped())? {
                return Ok(());
            }
        }
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
                    session.cancel().await;
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
            let failure = ended_session(&failed.error).or(failed.failure);
            let pause = failure.and_then(|failure| attempts.pause(retry, &Method::PUT, failure));
            let Some(pause) = pause else {
                return Err(ways.first_refusal(failed.error).after_attempts(number));
            };
            self.repository.retries.tell(Retrying { attempts: number, wait: pause.length });
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
            None => {
                let is_sha256 = self.blob.digest.algorithm() == Some(Algorithm::Sha256);
                let algorithm =
                    (way != Way::Whole && !is_sha256).then(|| self.blob.digest.algorithm_name());
                Session::begin(self.repository, algorithm, self.attempts, &self.action).await?
            }
        };
        Ok(current.insert(session))
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
            if let Ok(session) = Session::of(self.repository, &answer, self.attempts, &self.action)
            {
                session.cancel().await;
            }
            return Mount::NotMounted;
        }
        match self.has_created(&answer).await {
            true => Mount::Mounted,
            false => Mount::NotMounted,
        }
    }

    /// Whether a success says that the registry has the blob now, or the registry does when it is asked.
    async fn has_created(&self, answer: &Answer) -> bool {
        let is_told = answer.status() == StatusCode::CREATED
            && other_digest(answer, &self.blob.digest).is_none()
            && (content_digest(answer).is_some() || answer.header(&header::LOCATION).is_some());
        is_told || self.is_there().await
    }

    /// Sends what is missing, and closes the session.
    async fn send(
        &self,
        session: &mut Session,
        way: Way,
        mut pace: Pace,
    ) -> Result<(), FailedAttempt> {
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
                    // The registry reads chunks of this length.
                    pace = Pace::AtOnce;
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
        let (start, length) = (session.offset, end.saturating_sub(session.offset));
        session.patch(end, &|| pace.of(self.chunks.next(self.open, start, length))).await
    }

    /// Closes the session with the digest, and sends all bytes if there is a pace for them.
    async fn close(&self, session: &mut Session, whole: Option<Pace>) -> Result<(), FailedAttempt> {
        let open = || whole.unwrap_or_default().of((self.open)(0));
        let is_sent = whole.is_some() && self.blob.size > 0;
        let whole = is_sent.then_some(&open as &(dyn Fn() -> Body + Send + Sync));
        let answer = session.close(&self.blob.digest, whole).await?;
        // The one success of the specification; any other is believed when it shows.
        if answer.status() == StatusCode::CREATED || self.is_there().await {
            session.closed();
            return Ok(());
        }
        Err(not_carried_out(answer.status(), &self.action).into())
    }

    /// Asks how far the session is; one that is gone is forgotten. Gives the bytes that it has.
    async fn progress_of(&self, current: &mut Option<Session>) -> u64 {
        let Some(session) = current else { return 0 };
        if session.settle(self.blob.size).await {
            return session.offset;
        }
        // It is not clear what the registry has: begin again.
        if let Some(session) = current.take() {
            session.cancel().await;
        }
        0
    }

    async fn is_there(&self) -> bool {
        let look = self.repository.has_blob_for(self.blob, Access::Push, &self.action);
        look.await.unwrap_or(false)
    }

    fn stopped(&self) -> Error {
        crate::push::stopped(&self.action)
    }
}

/// What it is where the registry knows the session no more, or not as it is: a request that was cut off may still have
/// written to it when another one said where it is.
fn ended_session(error: &Error) -> Option<Failure> {
    let is_ended = |code: &ErrorCode| {
        matches!(code, ErrorCode::BlobUploadInvalid | ErrorCode::BlobUploadUnknown)
    };
    let has_ended =
        error.status() == Some(404) && error.codes().iter().any(|it| is_ended(&it.code));
    has_ended.then_some(Failure::Transport(TransportErrorKind::Exchange))
}
