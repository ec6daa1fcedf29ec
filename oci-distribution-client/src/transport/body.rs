use std::fmt;
use std::pin::Pin;
use std::sync::Mutex;
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes};
use futures_util::{Stream, StreamExt};
use http_body::{Frame, SizeHint};

use crate::transport::TransportError;

/// The body of a request or a response: bytes, or a stream of them.
pub struct Body {
    content: Content,
}

enum Content {
    Full(Bytes),
    Stream { stream: Source, left: Option<u64> },
}

/// The mutex is never locked: it makes the body `Sync`.
type Source = Mutex<Pin<Box<dyn Stream<Item = Result<Bytes, TransportError>> + Send>>>;

impl Body {
    /// No byte.
    pub const fn empty() -> Self {
        Self { content: Content::Full(Bytes::new()) }
    }

    /// What `stream` yields, `length` bytes if that is known beforehand.
    pub fn stream(
        stream: impl Stream<Item = Result<Bytes, TransportError>> + Send + 'static,
        length: Option<u64>,
    ) -> Self {
        // Whoever reads it may ask again after the end.
        let stream = Mutex::new(Box::pin(stream.fuse()) as Pin<Box<_>>);
        Self { content: Content::Stream { stream, left: length } }
    }

    /// The body of another library, whose errors `explain` turns into ours. Trailers are dropped.
    pub fn wrap<B>(body: B, explain: impl Fn(B::Error) -> TransportError + Send + 'static) -> Self
    where
        B: http_body::Body + Send + 'static,
    {
        let length = body.size_hint().exact();
        let mut body = Box::pin(body);
        let stream = futures_util::stream::poll_fn(move |context| {
            loop {
                let Some(frame) = ready!(body.as_mut().poll_frame(context)) else {
                    return Poll::Ready(None);
                };
                match frame.map(Frame::into_data) {
                    Ok(Ok(mut data)) => {
                        let data = data.copy_to_bytes(data.remaining());
                        return Poll::Ready(Some(Ok(data)));
                    }
                    Ok(Err(_trailers)) => {}
                    Err(error) => return Poll::Ready(Some(Err(explain(error)))),
                }
            }
        });
        Self::stream(stream, length)
    }

    /// The number of bytes still to come, if it is known.
    pub fn length(&self) -> Option<u64> {
        match &self.content {
            Content::Full(bytes) => Some(bytes.len() as u64),
            Content::Stream { left, .. } => *left,
        }
    }

    /// The next piece, never an empty one; `None` at the end.
    ///
    /// # Errors
    /// If the connection fails before the end.
    pub async fn chunk(&mut self) -> Result<Option<Bytes>, TransportError> {
        std::future::poll_fn(|context| self.poll_chunk(context)).await.transpose()
    }

    fn poll_chunk(
        &mut self,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, TransportError>>> {
        match &mut self.content {
            Content::Full(bytes) => {
                let bytes = std::mem::take(bytes);
                Poll::Ready((!bytes.is_empty()).then_some(Ok(bytes)))
            }
            Content::Stream { stream, left } => {
                let stream = stream.get_mut().unwrap_or_else(|poisoned| poisoned.into_inner());
                loop {
                    match ready!(stream.as_mut().poll_next(context)) {
                        Some(Ok(bytes)) if bytes.is_empty() => {}
                        Some(Ok(bytes)) => {
                            let length = bytes.len() as u64;
                            *left = left.map(|left| left.saturating_sub(length));
                            return Poll::Ready(Some(Ok(bytes)));
                        }
                        other => return Poll::Ready(other),
                    }
                }
            }
        }
    }
}

impl From<Bytes> for Body {
    fn from(bytes: Bytes) -> Self {
        Self { content: Content::Full(bytes) }
    }
}

impl http_body::Body for Body {
    type Data = Bytes;
    type Error = TransportError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, TransportError>>> {
        self.poll_chunk(context).map_ok(Frame::data)
    }

    fn is_end_stream(&self) -> bool {
        matches!(&self.content, Content::Full(bytes) if bytes.is_empty())
    }

    fn size_hint(&self) -> SizeHint {
        self.length().map_or_else(SizeHint::default, SizeHint::with_exact)
    }
}

impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Body").field("length", &self.length()).finish_non_exhaustive()
    }
}
