use std::io;
use std::sync::Arc;
use std::time::SystemTime;

use bytes::Bytes;
use futures_util::TryStreamExt as _;
use object_store::{ObjectStoreExt as _, PutMode, PutPayload, WriteMultipart};
use oci_digest::Digest;
use oci_image::RepositoryName;
use uuid::Uuid;

use super::super::{Blob, BoxFuture, Session, Stage, pieces};
use super::object::{failed, modified};
use super::{Bucket, content, path};

/// What is held in memory of an upload, in bytes, and sent as one part.
const PART: usize = 8 << 20;

/// Parts that are on their way at a time.
const PARTS: usize = 2;

/// Data that no repository has yet.
pub(super) struct Staged {
    bucket: Arc<Bucket>,
    id: Uuid,
    session: Option<Session>,
    /// Objects, in their order: where each begins, and its size.
    parts: Vec<(u64, u64)>,
    /// What is written of the next one.
    pending: Vec<Bytes>,
    pending_size: usize,
    large: Option<(WriteMultipart, u64)>,
}

impl Staged {
    pub(super) fn new(bucket: Arc<Bucket>, session: Option<&Session>) -> Self {
        let id = session.map_or_else(Uuid::new_v4, |session| session.id);
        let session = session.cloned();
        Self {
            bucket,
            id,
            session,
            parts: Vec::new(),
            pending: Vec::new(),
            pending_size: 0,
            large: None,
        }
    }

    /// Looks for what is there; when was it written last? None if the session is not there.
    pub(super) async fn look(&mut self) -> io::Result<Option<SystemTime>> {
        let Some(session) = &self.session else { return Ok(None) };
        let marker = path::session(session);
        let (mut last, mut is_there, mut parts) = (None, false, Vec::new());
        let mut objects = self.bucket.store.list(Some(&path::data(self.id)));
        while let Some(meta) = objects.try_next().await.map_err(failed)? {
            last = last.max(Some(modified(&meta)));
            is_there |= meta.location == marker;
            parts.extend(path::offset(&meta.location).map(|offset| (offset, meta.size)));
        }
        parts.sort_unstable();
        // What does not continue is of a part that was written twice.
        let mut end = 0;
        parts.retain(|(offset, size)| {
            let continues = *offset == end;
            end += if continues { *size } else { 0 };
            continues
        });
        self.parts = parts;
        Ok(last.filter(|_| is_there))
    }

    fn stored(&self) -> u64 {
        self.parts.last().map_or(0, |(offset, size)| offset + size)
    }

    fn written(&self) -> u64 {
        let large = self.large.as_ref().map_or(0, |(_, size)| *size);
        self.stored() + large + self.pending_size as u64
    }

    async fn append(&mut self, bytes: Bytes) -> io::Result<()> {
        if let Some((large, size)) = &mut self.large {
            large.wait_for_capacity(PARTS).await.map_err(failed)?;
            *size += bytes.len() as u64;
            large.put(bytes);
            return Ok(());
        }
        self.pending_size += bytes.len();
        self.pending.push(bytes);
        if self.pending_size < PART {
            return Ok(());
        }
        let upload = self.bucket.store.put_multipart(&path::part(self.id, self.stored())).await;
        let mut large = WriteMultipart::new_with_chunk_size(upload.map_err(failed)?, PART);
        self.pending.drain(..).for_each(|bytes| large.put(bytes));
        self.large = Some((large, self.pending_size as u64));
        self.pending_size = 0;
        Ok(())
    }

    async fn finish_part(&mut self) -> io::Result<()> {
        let start = self.stored();
        if let Some((large, size)) = self.large.take() {
            large.finish().await.map_err(failed)?;
            self.parts.push((start, size));
        } else if self.pending_size > 0 {
            let payload: PutPayload = self.pending.drain(..).collect();
            let size = std::mem::take(&mut self.pending_size) as u64;
            let part = path::part(self.id, start);
            // Another process may have received the same part.
            if !self.bucket.put_payload(&part, payload, PutMode::Create).await? {
                return Err(io::ErrorKind::AlreadyExists.into());
            }
            self.parts.push((start, size));
        }
        Ok(())
    }

    fn whole(&self) -> Blob {
        let part = |(offset, size): &(u64, u64)| (path::part(self.id, *offset), *size);
        let parts = self.parts.iter().map(part).collect();
        let content = content::Objects::new(self.bucket.clone(), parts);
        Blob::new(self.stored(), SystemTime::now(), content)
    }

    /// One object of several parts.
    async fn join(&mut self) -> io::Result<Self> {
        let mut joined = Self::new(self.bucket.clone(), None);
        let mut pieces = std::pin::pin!(pieces(self.whole(), 0, self.stored()));
        while let Some(piece) = pieces.try_next().await? {
            joined.append(piece).await?;
        }
        joined.finish_part().await?;
        Ok(joined)
    }

    async fn commit(mut self, name: &RepositoryName, digest: &Digest) -> io::Result<()> {
        self.finish_part().await?;
        let size = self.stored();
        if self.parts.len() > 1 {
            let joined = self.join().await?;
            self.bucket.name(joined.id, size, name, digest).await?;
            return self.remove().await;
        }
        if let Some(session) = &self.session {
            // From here on the data is not the session's, and does not end with it. What else belongs to that is found
            // where uploads are.
            self.bucket.delete(&path::session(session)).await?;
        }
        self.bucket.name(self.id, size, name, digest).await
    }

    async fn remove(self) -> io::Result<()> {
        if let Some((large, _)) = self.large {
            large.abort().await.map_err(failed)?;
        }
        let mut paths: Vec<_> =
            self.parts.iter().map(|(offset, _)| path::part(self.id, *offset)).collect();
        if let Some(session) = &self.session {
            paths.push(path::session(session));
            paths.push(path::upload(self.id));
        }
        for path in paths {
            self.bucket.delete(&path).await?;
        }
        Ok(())
    }
}

impl Stage for Staged {
    fn size(&mut self) -> BoxFuture<'_, io::Result<u64>> {
        Box::pin(async {
            if self.session.is_some() && self.written() == self.stored() {
                self.look().await?.ok_or(io::ErrorKind::NotFound)?;
            }
            Ok(self.written())
        })
    }

    fn write(&mut self, bytes: Bytes) -> BoxFuture<'_, io::Result<()>> {
        Box::pin(self.append(bytes))
    }

    fn settle(&mut self) -> BoxFuture<'_, io::Result<()>> {
        Box::pin(self.finish_part())
    }

    fn content(&mut self) -> BoxFuture<'_, io::Result<Blob>> {
        Box::pin(async {
            self.finish_part().await?;
            Ok(self.whole())
        })
    }

    fn commit<'a>(
        self: Box<Self>,
        name: &'a RepositoryName,
        digest: &'a Digest,
    ) -> BoxFuture<'a, io::Result<()>> {
        Box::pin((*self).commit(name, digest))
    }

    fn discard(self: Box<Self>) -> BoxFuture<'static, io::Result<()>> {
        Box::pin(self.remove())
    }
}
