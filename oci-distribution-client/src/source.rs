use std::fmt;
use std::io;
use std::sync::Arc;

use bytes::Bytes;
use oci_image::blob::{BlobSource, BlobSourceExt};
use oci_image::images::Images;
use oci_image::{AnyDocument, Descriptor, Tag};

use crate::bridge;
use crate::error::{Error, ErrorKind};
use crate::limits::Limits;
use crate::manifest::parse;
use crate::progress::Progress;
use crate::transport::{Body, BoxFuture};
use crate::worker;

/// Where what is pushed comes from.
pub(crate) trait Source: Send + Sync {
    /// The manifest or index that `descriptor` names, verified.
    fn document<'a>(
        &'a self,
        descriptor: &'a Descriptor,
        progress: &'a Progress<'_>,
    ) -> BoxFuture<'a, Result<AnyDocument, Error>>;

    /// What refers to `subject`.
    fn referrers<'a>(
        &'a self,
        subject: &'a Descriptor,
        progress: &'a Progress<'_>,
    ) -> BoxFuture<'a, Result<Vec<Descriptor>, Error>>;

    /// What `tag`, which is one of `subject`, means, if it means something.
    fn named<'a>(
        &'a self,
        tag: &'a Tag,
        subject: &'a Descriptor,
        progress: &'a Progress<'_>,
    ) -> BoxFuture<'a, Result<Option<Descriptor>, Error>>;

    /// The bytes of a blob from `offset` on. The last of them are given only if the whole is verified.
    fn open(&self, blob: &Descriptor, offset: u64) -> Body;
}

/// A store of the caller's.
pub(crate) struct Store<S> {
    blobs: Arc<S>,
    /// What it has as images; nothing, if it is a store of blobs alone.
    images: Option<Arc<dyn Images + Send + Sync>>,
    limit: u64,
    action: String,
}

impl<S> Store<S> {
    /// The store `blobs` for what `action` says.
    pub(crate) fn new(blobs: Arc<S>, limits: &Limits, action: String) -> Self {
        Self { blobs, images: None, limit: limits.manifest, action }
    }

    fn unreadable(&self, what: impl fmt::Display, error: io::Error) -> Error {
        Error::new(ErrorKind::Source, &*self.action)
            .because(format!("{what} cannot be read"))
            .with_source(error)
    }

    /// Asks the images, if it has them.
    async fn ask(
        &self,
        what: impl fmt::Display,
        question: impl FnOnce(&dyn Images) -> io::Result<Vec<Descriptor>> + Send + 'static,
    ) -> Result<Vec<Descriptor>, Error> {
        let Some(images) = self.images.clone() else { return Ok(Vec::new()) };
        let answer = worker::blocking(move || question(&*images)).await;
        answer.map_err(|error| self.unreadable(what, error))
    }
}

impl<S: Images + Send + Sync + 'static> Store<S> {
    /// The store, whose images are known.
    pub(crate) fn of_images(images: Arc<S>, limits: &Limits, action: String) -> Self {
        let known: Arc<dyn Images + Send + Sync> = images.clone();
        Self { images: Some(known), ..Self::new(images, limits, action) }
    }
}

impl<S> Source for Store<S>
where
    S: BlobSource + Send + Sync + 'static,
{
    fn document<'a>(
        &'a self,
        descriptor: &'a Descriptor,
        _: &'a Progress<'_>,
    ) -> BoxFuture<'a, Result<AnyDocument, Error>> {
        let limit = usize::try_from(self.limit).unwrap_or(usize::MAX);
        Box::pin(async move {
            let (blobs, wanted) = (Arc::clone(&self.blobs), descriptor.clone());
            let read = worker::blocking(move || blobs.read(&wanted, limit)).await;
            let verified = read.and_then(|bytes| Ok(descriptor.verify(Bytes::from(bytes))?));
            let content = verified.map_err(|error| {
                self.unreadable(format_args!("manifest `{}`", descriptor.digest), error)
            })?;
            parse(content, descriptor, self.limit, &self.action)
        })
    }

    fn referrers<'a>(
        &'a self,
        subject: &'a Descriptor,
        _: &'a Progress<'_>,
    ) -> BoxFuture<'a, Result<Vec<Descriptor>, Error>> {
        let wanted = subject.digest.clone();
        let what = format!("what refers to `{wanted}`");
        Box::pin(self.ask(what, move |images| images.referrers(&wanted)))
    }

    fn named<'a>(
        &'a self,
        tag: &'a Tag,
        _: &'a Descriptor,
        _: &'a Progress<'_>,
    ) -> BoxFuture<'a, Result<Option<Descriptor>, Error>> {
        let wanted = tag.clone();
        Box::pin(async move {
            let question = move |images: &dyn Images| images.named(wanted.as_str());
            let mut meant = self.ask(format!("tag `{tag}`"), question).await?;
            Ok(meant.pop())
        })
    }

    fn open(&self, blob: &Descriptor, offset: u64) -> Body {
        bridge::reading(&self.blobs, blob, offset)
    }
}
