use std::sync::Arc;

use bytes::Bytes;
use futures_util::stream;
use oci_image::{AnyDocument, Descriptor, Tag};

use crate::blob::BlobReader;
use crate::error::{Error, ErrorKind};
use crate::progress::Progress;
use crate::push::Push;
use crate::repository::Repository;
use crate::retry::Retries;
use crate::source::Source;
use crate::transport::{Body, BoxFuture, TransportError, TransportErrorKind};

impl Repository {
    /// Copies an image, or whatever `image` names with all that it points to, from here to `target`,
    /// which may be in another registry and of another client.
    ///
    /// Within one registry blobs are mounted, so their bytes do not travel. Otherwise they go from
    /// server to server through this program, verified, and are kept nowhere. The order is that of
    /// [`push`](Self::push). Digests are kept, unless the copy is of [a part](Push::platforms) or in another
    /// [format](Push::format).
    ///
    /// # Errors
    /// The first that happens. Tags are set one after the other when all else is there.
    pub fn copy_to<'a>(&'a self, target: &'a Self, image: &'a Descriptor) -> Push<'a, Self> {
        let action = format!("copy `{}` to `{target}`", image.digest);
        let from = Arc::new(self.clone());
        let copy = Push::new(target, image, Arc::clone(&from), from, action);
        match self.registry.origin == target.registry.origin {
            true => copy.mount_from(self.name().as_str()),
            false => copy,
        }
    }
}

impl Push<'_, Repository> {
    /// Copies what refers to each manifest, too, and what refers to that. Subjects are there before what refers to
    /// them, and the tags are set when all is.
    pub fn referrers(mut self) -> Self {
        self.selection.referrers = true;
        self
    }

    /// Copies what cosign keeps under the tags `sha256-….sig`, `.att` and `.sbom` of each manifest, too, under the
    /// same tags.
    pub fn digest_tags(mut self) -> Self {
        self.selection.digest_tags = true;
        self
    }
}

impl Source for Repository {
    fn document<'a>(
        &'a self,
        descriptor: &'a Descriptor,
        progress: &'a Progress<'_>,
    ) -> BoxFuture<'a, Result<AnyDocument, Error>> {
        let read = async move |retries| self.telling(retries).manifest(descriptor).await;
        Box::pin(Retries::during(read, progress.retries(descriptor)))
    }

    fn referrers<'a>(
        &'a self,
        subject: &'a Descriptor,
        progress: &'a Progress<'_>,
    ) -> BoxFuture<'a, Result<Vec<Descriptor>, Error>> {
        let digest = &subject.digest;
        let list = async move |retries| self.telling(retries).referrers(digest, None).await;
        Box::pin(Retries::during(list, progress.retries(subject)))
    }

    fn named<'a>(
        &'a self,
        tag: &'a Tag,
        subject: &'a Descriptor,
        progress: &'a Progress<'_>,
    ) -> BoxFuture<'a, Result<Option<Descriptor>, Error>> {
        let resolve =
            async move |retries| self.telling(retries).resolve_name(tag.clone().into()).await;
        let resolved = Retries::during(resolve, progress.retries(subject));
        Box::pin(async move {
            match resolved.await {
                Ok(resolved) => Ok(Some(resolved.descriptor().clone())),
                // Some registries deny what is not there.
                Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::Denied) => {
                    Ok(None)
                }
                Err(error) => Err(error),
            }
        })
    }

    fn open(&self, blob: &Descriptor, offset: u64) -> Body {
        remote(self.blob(blob), blob.size, offset)
    }
}

/// The bytes of a blob elsewhere from `offset` on. All of them are read, as the whole is verified; the
/// last piece goes out only after that.
fn remote(reader: Result<BlobReader, Error>, size: u64, offset: u64) -> Body {
    let reader = match reader {
        Ok(reader) => reader,
        Err(error) => return failed(error, size),
    };
    let state = State { reader, skip: offset, held: None };
    let stream = stream::unfold(Some(state), |state| async move {
        let mut state = state?;
        match state.next().await {
            Ok(chunk) => Some((Ok(chunk?), Some(state))),
            Err(error) => Some((Err(TransportError::new(TransportErrorKind::Body, error)), None)),
        }
    });
    Body::stream(stream, Some(size.saturating_sub(offset)))
}

fn failed(error: Error, size: u64) -> Body {
    let error = TransportError::new(TransportErrorKind::Body, error);
    Body::stream(stream::iter([Err(error)]), Some(size))
}

struct State {
    reader: BlobReader,
    skip: u64,
    held: Option<Bytes>,
}

impl State {
    async fn next(&mut self) -> Result<Option<Bytes>, Error> {
        loop {
            let Some(mut chunk) = self.reader.chunk().await? else { return Ok(self.held.take()) };
            let skipped = usize::try_from(self.skip).unwrap_or(usize::MAX).min(chunk.len());
            self.skip -= skipped as u64;
            let chunk = chunk.split_off(skipped);
            if chunk.is_empty() {
                continue;
            }
            if let Some(ready) = self.held.replace(chunk) {
                return Ok(Some(ready));
            }
        }
    }
}
