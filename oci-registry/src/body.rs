//! The body of a response.

use std::fmt;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use futures_util::stream::{self, Stream, StreamExt as _};
use http_body::{Body as _, Frame, SizeHint};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt as _, Full, StreamBody};

use crate::exchange::Ending;
use crate::store::{Blob, pieces};

/// The body of a response of [`Registry`](crate::Registry): bytes, or a stream of a blob.
///
/// An error means that the store failed or a fault was asked for; a server must then cut the
/// connection, so that the client sees that the content is not whole.
pub struct Body {
    bytes: UnsyncBoxBody<Bytes, io::Error>,
    /// Dropped when it was sent.
    held: Vec<Box<dyn Send>>,
    /// Told of what is sent.
    ending: Option<Ending>,
}

/// How much is sent at a time of what is in memory, in bytes.
const SMALL: usize = 64 * 1024;

impl Body {
    fn new(bytes: impl http_body::Body<Data = Bytes, Error = io::Error> + Send + 'static) -> Self {
        Self { bytes: bytes.boxed_unsync(), held: Vec::new(), ending: None }
    }

    /// Keeps `held` until the body was sent.
    pub(crate) fn holding(mut self, held: impl Send + 'static) -> Self {
        self.held.push(Box::new(held));
        self
    }

    /// Tells what of it is sent.
    pub(crate) fn telling(mut self, ending: Option<Ending>) -> Self {
        self.ending = ending;
        self
    }

    pub(crate) fn empty() -> Self {
        Self::full(Bytes::new())
    }

    /// Larger ones in pieces: over HTTP/2 a piece is buffered whole.
    pub(crate) fn full(bytes: Bytes) -> Self {
        if bytes.len() > SMALL {
            let starts = (0..bytes.len()).step_by(SMALL);
            let piece = move |start: usize| bytes.slice(start..bytes.len().min(start + SMALL));
            return Self::stream(stream::iter(starts.map(move |start| Ok(piece(start)))));
        }
        Self::new(Full::new(bytes).map_err(|never| match never {}))
    }

    /// What an [`Upstream`](crate::Upstream) gives, piece by piece.
    pub fn stream(pieces: impl Stream<Item = io::Result<Bytes>> + Send + 'static) -> Self {
        Self::new(StreamBody::new(pieces.map(|piece| piece.map(Frame::data))))
    }

    /// `length` bytes of `blob` from `first` on.
    pub(crate) fn blob(blob: Blob, first: u64, length: u64) -> Self {
        Self::stream(pieces(blob, first, length))
    }

    pub(crate) fn into_stream(self) -> impl Stream<Item = io::Result<Bytes>> + Send + 'static {
        let Self { bytes, held, .. } = self;
        bytes.into_data_stream().inspect(move |_| {
            let _ = &held;
        })
    }
}

impl http_body::Body for Body {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        let frame = ready!(Pin::new(&mut self.bytes).poll_frame(context));
        if let (Some(ending), Some(Ok(frame))) = (&mut self.ending, &frame) {
            ending.sent(frame.data_ref().map_or(0, Bytes::len));
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.bytes.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.bytes.size_hint()
    }
}

impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Body").field("size", &self.bytes.size_hint()).finish_non_exhaustive()
    }
}
