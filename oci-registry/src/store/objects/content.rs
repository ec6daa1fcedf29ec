use std::io;
use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::stream::{BoxStream, StreamExt as _};
use object_store::path::Path;
use object_store::{GetOptions, GetRange};

use super::super::{BoxFuture, Content, PIECE};
use super::Bucket;
use super::object::failed;

/// Objects one after the other.
pub(super) struct Objects {
    bucket: Arc<Bucket>,
    /// With the size of each.
    parts: Vec<(Path, u64)>,
    /// What is being read: where in the whole it stands, and its next bytes.
    open: Option<Open>,
}

struct Open {
    at: u64,
    ready: Bytes,
    rest: BoxStream<'static, object_store::Result<Bytes>>,
}

impl Objects {
    pub(super) fn new(bucket: Arc<Bucket>, parts: Vec<(Path, u64)>) -> Self {
        Self { bucket, parts, open: None }
    }

    /// Asks for the object that has the first byte, up to its end or that of the range.
    async fn open(&mut self, range: Range<u64>) -> io::Result<Open> {
        let mut start = 0;
        for (path, size) in &self.parts {
            let end = start + size;
            if range.start < end {
                let part = range.start - start..range.end.min(end) - start;
                let first = range.start;
                let range = GetRange::Bounded(part);
                let options = GetOptions::new().with_range(Some(range));
                let answer = self.bucket.store.get_opts(path, options).await.map_err(failed)?;
                let rest = answer.into_stream();
                return Ok(Open { at: first, ready: Bytes::new(), rest });
            }
            start = end;
        }
        Err(io::ErrorKind::UnexpectedEof.into())
    }

    async fn next(&mut self, range: Range<u64>) -> io::Result<Bytes> {
        let mut open = match self.open.take().filter(|open| open.at == range.start) {
            Some(open) => open,
            None => self.open(range.clone()).await?,
        };
        while open.ready.is_empty() {
            open.ready = match open.rest.next().await {
                Some(bytes) => bytes.map_err(failed)?,
                // The next part, if there is one, or a part that is shorter than it was.
                None if open.at == range.start && self.is_start(open.at) => {
                    open = self.open(range.clone()).await?;
                    open.rest.next().await.transpose().map_err(failed)?.unwrap_or_default()
                }
                None => Bytes::new(),
            };
            if open.ready.is_empty() {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
        let wanted = usize::try_from(range.end - range.start).unwrap_or(PIECE).min(PIECE);
        let piece = open.ready.split_to(open.ready.len().min(wanted));
        open.at += piece.len() as u64;
        self.open = Some(open);
        Ok(piece)
    }

    fn is_start(&self, at: u64) -> bool {
        let mut start = 0;
        self.parts.iter().any(|(_, size)| {
            let is_start = start == at;
            start += size;
            is_start
        })
    }
}

impl Content for Objects {
    fn read(&mut self, range: Range<u64>) -> BoxFuture<'_, io::Result<Bytes>> {
        Box::pin(self.next(range))
    }

    fn url(&self) -> Option<BoxFuture<'static, io::Result<String>>> {
        match (&self.bucket.redirect, self.parts.as_slice()) {
            (Some(redirect), [(path, _)]) => Some(redirect(path.clone())),
            _ => None,
        }
    }
}
