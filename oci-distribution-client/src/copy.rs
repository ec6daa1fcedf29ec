use std::future::IntoFuture;

use bytes::Bytes;
use futures_util::stream;
use oci_image::Descriptor;

use crate::blob::BlobReader;
use crate::error::Error;
use crate::progress::{Event, Progress, Summary};
use crate::pull::graph;
use crate::push::{Settings, Target, parse_tags};
use crate::repository::Repository;
use crate::transport::{Body, BoxFuture, TransportError, TransportErrorKind};

/// A copy to be awaited: see [`Repository::copy_to`].
#[must_use = "nothing is copied before it is awaited"]
#[derive(Debug)]
pub struct Copy<'a> {
    source: &'a Repository,
    target: &'a Repository,
    image: &'a Descriptor,
    tags: Vec<String>,
    settings: Settings,
    progress: Progress<'a>,
}

impl Repository {
    /// Copies an image, or whatever `image` names with all that it points to, from here to `target`,
    /// which may be in another registry and of another client.
    ///
    /// Within one registry blobs are mounted, so their bytes do not travel. Otherwise they go from
    /// server to server through this program, verified, and are kept nowhere. The order is that of
    /// [`push`](Self::push).
    ///
    /// # Errors
    /// The first that happens. Tags are set one after the other when all else is there.
    pub fn copy_to<'a>(&'a self, target: &'a Self, image: &'a Descriptor) -> Copy<'a> {
        let mut settings = Settings::default();
        if self.registry.origin == target.registry.origin && self.name() != target.name() {
            settings.mounts.push(self.name().clone());
        }
        Copy {
            source: self,
            target,
            image,
            tags: Vec::new(),
            settings,
            progress: Progress::silent(),
        }
    }
}

impl<'a> Copy<'a> {
    /// Makes `tag` mean it, at the end. It may be called more than once.
    pub fn tag(mut self, tag: impl Into<String>) -> Self {
        self.tags.push(tag.into());
        self
    }

    /// How many blobs are copied at once. Default: 4.
    pub fn jobs(mut self, jobs: usize) -> Self {
        self.settings.jobs = jobs.max(1);
        self
    }

    /// Sends blobs in chunks of `bytes`, or larger if the registry wants that. By default each goes in
    /// one piece.
    pub fn chunks(mut self, bytes: u64) -> Self {
        self.settings.chunk = Some(bytes.max(1));
        self
    }

    /// Tells `listener` what happens. It must not block.
    pub fn progress(mut self, listener: impl Fn(Event<'_>) + Send + Sync + 'a) -> Self {
        self.progress.listen(listener);
        self
    }

    async fn run(self) -> Result<Summary, Error> {
        let Self { source, target, image, tags, settings, progress } = &self;
        let tags = parse_tags(tags, &format!("copy `{}` to `{target}`", image.digest))?;
        let graph = graph(source, image).await?;
        let open = |blob: &Descriptor, offset| remote(source.blob(blob), blob.size, offset);
        let target = Target { repository: target, settings, progress };
        target.send(&graph, &tags, &open).await?;
        let summary = *progress.summary();
        Ok(summary)
    }
}

impl<'a> IntoFuture for Copy<'a> {
    type Output = Result<Summary, Error>;
    type IntoFuture = BoxFuture<'a, Self::Output>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.run())
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
