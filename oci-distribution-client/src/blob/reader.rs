use std::fmt;
use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::sync::Mutex;
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes};
use futures_util::Stream;
use oci_digest::Verifier;
use tokio::io::{AsyncRead, ReadBuf};

use super::Download;
use crate::error::{Error, ErrorKind};
use crate::transport::BoxFuture;

/// A blob that is read from a registry, verified.
///
/// A download that is interrupted is resumed where it broke, as often as the
/// [`Retry`](crate::Retry) policy says; the whole is verified.
///
/// It is read piece by piece with [`chunk`](Self::chunk), as a [`Stream`] of such pieces, or as an [`AsyncRead`] whose
/// errors hold the [`Error`]: its end means that size and digest of the whole were right. Nothing is lost when
/// one of them is dropped before it is ready.
pub struct BlobReader {
    action: String,
    state: State,
    /// What was received and not given out yet.
    held: Bytes,
}

enum State {
    Waiting(Box<Reading>),
    Receiving(Receiving),
    Verified,
    Failed(ErrorKind),
}

/// The mutex is never locked: it makes the reader `Sync`.
type Receiving = Mutex<BoxFuture<'static, (Box<Reading>, Result<Option<Bytes>, Error>)>>;

/// A blob that is not at its end.
struct Reading {
    download: Download,
    /// `None`: only a part is read, which cannot be verified.
    verifier: Option<Verifier>,
}

impl BlobReader {
    pub(super) fn new(download: Download, verifier: Option<Verifier>) -> Self {
        let action = download.action().to_owned();
        let state = State::Waiting(Box::new(Reading { download, verifier }));
        Self { action, state, held: Bytes::new() }
    }

    /// The next piece; `None` means that the size and the digest of the whole were right.
    ///
    /// # Errors
    /// If the registry fails, or if the content received is not the blob. After an error there is no more, and
    /// never `None`: each further call is an error of the same kind.
    pub async fn chunk(&mut self) -> Result<Option<Bytes>, Error> {
        poll_fn(|context| self.poll_chunk(context)).await
    }

    /// All that is left, at most `limit` bytes.
    ///
    /// # Errors
    /// As [`chunk`](Self::chunk), or of kind [`Limit`](ErrorKind::Limit) if there is more.
    pub async fn read_to_end(mut self, limit: u64) -> Result<Vec<u8>, Error> {
        let mut bytes = Vec::new();
        while let Some(chunk) = self.chunk().await? {
            if (bytes.len() + chunk.len()) as u64 > limit {
                return Err(Error::new(ErrorKind::Limit, self.action)
                    .because(format!("it is longer than {limit} bytes")));
            }
            bytes.extend_from_slice(&chunk);
        }
        Ok(bytes)
    }

    fn poll_chunk(&mut self, context: &mut Context<'_>) -> Poll<Result<Option<Bytes>, Error>> {
        if !self.held.is_empty() {
            return Poll::Ready(Ok(Some(std::mem::take(&mut self.held))));
        }
        let mut receiving = match std::mem::replace(&mut self.state, State::Verified) {
            State::Verified => return Poll::Ready(Ok(None)),
            State::Failed(kind) => {
                self.state = State::Failed(kind);
                let error = Error::new(kind, self.action.as_str());
                return Poll::Ready(Err(error.because("it failed before")));
            }
            State::Waiting(reading) => Mutex::new(Box::pin(reading.next()) as BoxFuture<'_, _>),
            State::Receiving(receiving) => receiving,
        };
        let future = receiving.get_mut().unwrap_or_else(|poisoned| poisoned.into_inner());
        let Poll::Ready((reading, result)) = future.as_mut().poll(context) else {
            self.state = State::Receiving(receiving);
            return Poll::Pending;
        };
        self.state = match &result {
            Ok(Some(_)) => State::Waiting(reading),
            Ok(None) => State::Verified,
            Err(error) => State::Failed(error.kind()),
        };
        Poll::Ready(result)
    }
}

impl Reading {
    async fn next(mut self: Box<Self>) -> (Box<Self>, Result<Option<Bytes>, Error>) {
        let result = self.verified_chunk().await;
        (self, result)
    }

    async fn verified_chunk(&mut self) -> Result<Option<Bytes>, Error> {
        let chunk = self.download.chunk().await?;
        let checked = match (&chunk, &mut self.verifier) {
            (_, None) => Ok(()),
            (Some(chunk), Some(verifier)) => verifier.update(chunk),
            (None, verifier) => verifier.take().map_or(Ok(()), Verifier::finish),
        };
        match checked {
            Ok(()) => Ok(chunk),
            Err(source) => Err(self.download.other_content().with_source(source)),
        }
    }
}

/// Pieces that are never empty; the stream ends when size and digest of the whole were right, or after an error.
impl Stream for BlobReader {
    type Item = Result<Bytes, Error>;

    fn poll_next(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, Error>>> {
        let was_failed = matches!(self.state, State::Failed(_));
        if was_failed && self.held.is_empty() {
            return Poll::Ready(None);
        }
        self.poll_chunk(context).map(Result::transpose)
    }
}

impl AsyncRead for BlobReader {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.held.is_empty() {
            match ready!(self.poll_chunk(context)) {
                Ok(Some(chunk)) => self.held = chunk,
                Ok(None) => return Poll::Ready(Ok(())),
                Err(error) => return Poll::Ready(Err(error.into_io())),
            }
        }
        let length = self.held.len().min(buffer.remaining());
        buffer.put_slice(self.held.get(..length).unwrap_or_default());
        self.held.advance(length);
        Poll::Ready(Ok(()))
    }
}

impl fmt::Debug for BlobReader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = match &self.state {
            State::Waiting(_) | State::Receiving(_) => "reading",
            State::Verified => "verified",
            State::Failed(_) => "failed",
        };
        f.debug_struct("BlobReader").field("action", &self.action).field("state", &state).finish()
    }
}
