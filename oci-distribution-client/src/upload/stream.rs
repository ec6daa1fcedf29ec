use std::pin::pin;

use bytes::{Bytes, BytesMut};
use http::{Method, StatusCode};
use oci_digest::Hasher;
use oci_image::{Algorithm, Descriptor, MediaType};
use tokio::io::{AsyncRead, ReadBuf};

use super::session::Session;
use crate::call::FailedAttempt;
use crate::error::{Error, ErrorKind};
use crate::manifest::not_carried_out;
use crate::repository::Repository;
use crate::retry::Attempts;
use crate::transport::Body;

/// How much is sent at once, in bytes: it is held in memory, so that it can be sent again.
const CHUNK: u64 = 8 << 20;

/// How large a chunk the registry may demand, in bytes.
const LARGEST_CHUNK: u64 = 64 << 20;

impl Repository {
    /// Pushes a blob of what `content` yields, whose digest and size are not known before its end. Gives what names it,
    /// by SHA-256.
    ///
    /// It is sent in chunks of 8 MiB, or larger ones up to 64 MiB if the registry demands that. One chunk is held
    /// in memory, and sent again if it did not arrive.
    ///
    /// # Errors
    /// Of kind [`Source`](ErrorKind::Source) if `content` fails; if the registry refuses; if it has lost the upload,
    /// as `content` cannot be read again. The upload is cancelled then.
    pub async fn push_stream(
        &self,
        content: impl AsyncRead + Send,
        media_type: MediaType,
    ) -> Result<Descriptor, Error> {
        let action = format!("push a stream to `{self}`");
        let mut stream = Stream {
            repository: self,
            attempts: self.shared.wire.attempts(),
            action: &action,
            session: None,
        };
        let result = stream.send(content, media_type).await;
        if let Some(session) = stream.session.take() {
            session.cancel().await;
        }
        result
    }
}

/// A blob of unknown length on its way.
struct Stream<'a> {
    repository: &'a Repository,
    /// Before the first.
    attempts: Attempts,
    action: &'a str,
    /// `None` before it is begun.
    session: Option<Session>,
}

impl Stream<'_> {
    async fn send(
        &mut self,
        content: impl AsyncRead + Send,
        media_type: MediaType,
    ) -> Result<Descriptor, Error> {
        let mut content = pin!(content);
        let session =
            self.session.insert(begin(self.repository, self.attempts, self.action).await?);
        let least = session.least_chunk;
        if least > LARGEST_CHUNK {
            let reason =
                format!("the registry demands chunks of {least} bytes, more than {LARGEST_CHUNK}");
            return Err(Error::new(ErrorKind::Limit, self.action).because(reason));
        }
        let length = usize::try_from(CHUNK.max(least)).unwrap_or(usize::MAX);
        let mut hasher = Hasher::new(Algorithm::Sha256);
        let mut size = 0;
        loop {
            let chunk = read(content.as_mut(), length).await.map_err(|error| {
                Error::new(ErrorKind::Source, self.action)
                    .because("it cannot be read")
                    .with_source(error)
            })?;
            if chunk.is_empty() {
                break;
            }
            hasher.update(&chunk);
            size += chunk.len() as u64;
            self.send_chunk(chunk, size).await?;
        }
        let blob = Descriptor::new(media_type, hasher.finish(), size);
        self.close(&blob).await?;
        Ok(blob)
    }

    /// Sends a chunk that ends at `end` until the registry has all of it.
    async fn send_chunk(&mut self, chunk: Bytes, end: u64) -> Result<(), Error> {
        let start = end.saturating_sub(chunk.len() as u64);
        let mut attempts = self.attempts;
        while let Some(session) = self.session.as_mut().filter(|session| session.offset < end) {
            let sent = usize::try_from(session.offset.saturating_sub(start)).unwrap_or(usize::MAX);
            let rest = chunk.slice(sent.min(chunk.len())..);
            let Err(failed) = session.patch(end, &|| Body::from(rest.clone())).await else {
                continue;
            };
            self.repository.pause(&mut attempts, failed).await?;
            if session.settle(end).await && session.offset >= start {
                continue;
            }
            if let Some(session) = self.session.take() {
                session.cancel().await;
            }
            if start > 0 {
                let reason = "the registry has lost the upload, and what was sent before cannot be read again";
                return Err(Error::new(ErrorKind::Server, self.action).because(reason));
            }
            self.session = Some(begin(self.repository, self.attempts, self.action).await?);
        }
        Ok(())
    }

    async fn close(&mut self, blob: &Descriptor) -> Result<(), Error> {
        let Some(session) = &mut self.session else { return Ok(()) };
        let mut attempts = self.attempts;
        loop {
            let failed = match session.close(&blob.digest, None).await {
                Ok(answer) => {
                    if answer.status() == StatusCode::CREATED || self.repository.shows(blob).await {
                        session.closed();
                        return Ok(());
                    }
                    return Err(not_carried_out(answer.status(), self.action));
                }
                Err(failed) => failed,
            };
            // The registry may have taken the blob though its answer was lost.
            if !session.settle(blob.size).await && self.repository.shows(blob).await {
                session.closed();
                return Ok(());
            }
            self.repository.pause(&mut attempts, failed).await?;
        }
    }
}

async fn begin(repository: &Repository, first: Attempts, action: &str) -> Result<Session, Error> {
    let mut attempts = first;
    loop {
        match Session::begin(repository, None, first, action).await {
            Ok(session) => return Ok(session),
            Err(failed) => repository.pause(&mut attempts, failed).await?,
        }
    }
}

impl Repository {
    /// Waits after an attempt, if another one may help.
    async fn pause(&self, attempts: &mut Attempts, failed: FailedAttempt) -> Result<(), Error> {
        let (number, retry) = (attempts.number(), &self.shared.wire.retry);
        // What is sent is named by its digest or its place, and a session that is not used ends by itself, so
        // repeating it does no harm.
        match failed.failure.and_then(|failure| attempts.pause(retry, &Method::PUT, failure)) {
            Some(pause) => pause.sleep().await,
            None => return Err(failed.error.after_attempts(number)),
        }
        Ok(())
    }

    async fn shows(&self, blob: &Descriptor) -> bool {
        self.has_blob(blob).await.unwrap_or(false)
    }
}

/// The next `length` bytes, fewer at the end alone.
async fn read(
    mut content: std::pin::Pin<&mut (impl AsyncRead + Send)>,
    length: usize,
) -> std::io::Result<Bytes> {
    let mut chunk = BytesMut::zeroed(length);
    let mut filled = 0;
    while filled < length {
        let mut buffer = ReadBuf::new(&mut chunk[filled..]);
        std::future::poll_fn(|context| content.as_mut().poll_read(context, &mut buffer)).await?;
        match buffer.filled().len() {
            0 => break,
            read => filled += read,
        }
    }
    chunk.truncate(filled);
    Ok(chunk.freeze())
}
