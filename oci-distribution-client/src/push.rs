use std::fmt;
use std::future::IntoFuture;
use std::io;
use std::pin::pin;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::future::{Either, select};
use futures_util::stream;
use http::HeaderName;
use oci_image::blob::{BlobSource, BlobSourceExt};
use oci_image::distribution::header as names;
use oci_image::{AnyDocument, Descriptor, RepositoryName, Tag, TagOrDigest};
use tokio::sync::watch;

use crate::auth::Access;
use crate::bridge;
use crate::error::{Error, ErrorKind};
use crate::graph::Graph;
use crate::jobs::{Stop, at_once};
use crate::manifest::{Condition, parse};
use crate::progress::{Event, Progress, Step, Summary};
use crate::repository::Repository;
use crate::transport::{Body, BoxFuture};
use crate::upload::{Mount, Upload};

/// A push to be awaited: see [`Repository::push`].
#[must_use = "nothing is pushed before it is awaited"]
pub struct Push<'a, S> {
    repository: &'a Repository,
    image: &'a Descriptor,
    source: Arc<S>,
    tags: Vec<String>,
    mounts: Vec<String>,
    settings: Settings,
    progress: Progress<'a>,
}

/// How blobs are pushed.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    pub(crate) jobs: usize,
    pub(crate) chunk: Option<u64>,
    pub(crate) mounts: Vec<RepositoryName>,
}

impl Default for Settings {
    fn default() -> Self {
        Self { jobs: 4, chunk: None, mounts: Vec::new() }
    }
}

impl Repository {
    /// Pushes an image, or whatever `image` names with all that it points to, out of `source`.
    ///
    /// Blobs go first, then manifests, children before parents, the tags last: nothing is named before
    /// it is there. Blobs that the repository has already are not sent. What is read is verified; a
    /// broken upload is resumed where the registry says that it stands, and cancelled at the registry when it
    /// fails.
    ///
    /// Layers that may not be distributed stay where the URLs in their descriptors say.
    ///
    /// The source works on threads for blocking work, so it is cloned: its clone must be a handle to
    /// the same store, as an [`Arc`] is.
    ///
    /// # Errors
    /// The first that happens. Tags are set one after the other when all else is there.
    pub fn push<'a, S>(&'a self, source: &S, image: &'a Descriptor) -> Push<'a, S>
    where
        S: BlobSource + Clone + Send + Sync + 'static,
    {
        Push {
            repository: self,
            image,
            source: Arc::new(source.clone()),
            tags: Vec::new(),
            mounts: Vec::new(),
            settings: Settings::default(),
            progress: Progress::silent(),
        }
    }

    /// Makes `tag` mean the manifest or index `document`, whose parts are there already.
    ///
    /// # Errors
    /// If the registry refuses, or `tag` is not one.
    pub async fn tag(&self, tag: &str, document: &AnyDocument) -> Result<(), Error> {
        let action = format!("tag `{}` as `{}`", document.descriptor().digest, named(self, tag));
        let tag = parse_tag(tag, &action)?;
        self.put_manifest(&tag.into(), document, &action).await
    }

    /// Sends a manifest as `name`, a tag or its digest, and sees to it that its subject knows it.
    pub(crate) async fn put_manifest(
        &self,
        name: &TagOrDigest,
        document: &AnyDocument,
        action: &str,
    ) -> Result<(), Error> {
        let answer = self.put_bytes(name, document, &Condition::None, action).await?;
        let knows_subjects = answer.header(&HeaderName::from_static(names::SUBJECT)).is_some();
        match document.subject() {
            Some(subject) if !knows_subjects => self.tag_referrer(&subject.digest, document).await,
            _ => Ok(()),
        }
    }
}

fn named(repository: &Repository, tag: &str) -> String {
    format!("{repository}:{}", crate::text::printable(tag, 200))
}

/// What a caller gave as a tag.
pub(crate) fn parse_tag(text: &str, action: &str) -> Result<Tag, Error> {
    text.parse().map_err(|reason| Error::name(action, reason))
}

pub(crate) fn parse_tags(texts: &[String], action: &str) -> Result<Vec<Tag>, Error> {
    texts.iter().map(|text| parse_tag(text, action)).collect()
}

impl<'a, S> Push<'a, S>
where
    S: BlobSource + Send + Sync + 'static,
{
    /// Makes `tag` mean it, at the end. It may be called more than once.
    pub fn tag(mut self, tag: impl Into<String>) -> Self {
        self.tags.push(tag.into());
        self
    }

    /// How many blobs are pushed at once. Default: 4.
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

    /// Lets the registry take blobs from its repository `name` if they are there. It may be called
    /// more than once.
    pub fn mount_from(mut self, name: impl Into<String>) -> Self {
        self.mounts.push(name.into());
        self
    }

    /// Tells `listener` what happens. It must not block.
    pub fn progress(mut self, listener: impl Fn(Event<'_>) + Send + Sync + 'a) -> Self {
        self.progress.listen(listener);
        self
    }

    async fn run(self) -> Result<Summary, Error> {
        let Self { repository, image, source, tags, mounts, mut settings, progress } = self;
        let action = format!("push `{}` to `{repository}`", image.digest);
        let tags = parse_tags(&tags, &action)?;
        for name in mounts {
            settings.mounts.push(name.parse().map_err(|reason| Error::name(&action, reason))?);
        }
        let (source, settings, progress) = (&source, &settings, &progress);
        let graph = read_graph(repository, source, image, &action).await?;
        let open = |blob: &Descriptor, offset| bridge::reading(source, blob, offset);
        let target = Target { repository, settings, progress };
        target.send(&graph, &tags, &open).await?;
        let summary = *progress.summary();
        Ok(summary)
    }
}

/// Where a push or a copy goes.
pub(crate) struct Target<'a> {
    pub(crate) repository: &'a Repository,
    pub(crate) settings: &'a Settings,
    pub(crate) progress: &'a Progress<'a>,
}

/// Gives the bytes of any blob from an offset on.
pub(crate) type OpenAny<'a> = &'a (dyn Fn(&Descriptor, u64) -> Body + Send + Sync);

impl Target<'_> {
    /// Sends all of a graph, whose last manifest gets the tags.
    pub(crate) async fn send(
        &self,
        graph: &Graph,
        tags: &[Tag],
        open: OpenAny<'_>,
    ) -> Result<(), Error> {
        let Graph { manifests, blobs } = graph;
        for blob in blobs.iter().chain(manifests.iter().map(AnyDocument::descriptor)) {
            self.progress.tell(blob, Step::Planned);
        }
        let stop = Stop::new();
        let sent = blobs.iter().map(|blob| self.send_blob(blob, open, &stop));
        at_once(self.settings.jobs, &stop, sent).await?;
        let Some((root, children)) = manifests.split_last() else { return Ok(()) };
        for manifest in children {
            self.send_manifest(None, manifest).await?;
            self.progress.tell(manifest.descriptor(), Step::Done);
        }
        if tags.is_empty() {
            self.send_manifest(None, root).await?;
        }
        for tag in tags {
            self.send_manifest(Some(tag), root).await?;
        }
        self.progress.tell(root.descriptor(), Step::Done);
        Ok(())
    }

    /// Sends a manifest by this tag, or else by its digest.
    async fn send_manifest(&self, tag: Option<&Tag>, manifest: &AnyDocument) -> Result<(), Error> {
        let repository = self.repository;
        let digest = &manifest.descriptor().digest;
        let (name, action) = match tag {
            None => (digest.clone().into(), format!("push manifest `{digest}` to `{repository}`")),
            Some(tag) => {
                (tag.clone().into(), format!("push manifest `{digest}` as `{repository}:{tag}`"))
            }
        };
        repository.put_manifest(&name, manifest, &action).await
    }

    async fn send_blob(
        &self,
        blob: &Descriptor,
        open: OpenAny<'_>,
        stop: &Stop,
    ) -> Result<(), Error> {
        if blob.media_type.is_nondistributable() && !blob.urls.is_empty() {
            self.progress.tell(blob, Step::Foreign);
            return Ok(());
        }
        let (position, mut seen) = watch::channel(0);
        let position = Arc::new(position);
        let open = |offset| counted(open(blob, offset), offset, Arc::clone(&position));
        let upload = Upload::new(self.repository, blob, &open, self.settings.chunk, stop);
        if self.is_there(&upload).await? {
            self.progress.tell(blob, Step::Present);
            return Ok(());
        }
        for from in &self.settings.mounts {
            if let Mount::Mounted = upload.mount(from).await {
                self.progress.tell(blob, Step::Mounted);
                return Ok(());
            }
        }
        let mut run = pin!(upload.run());
        loop {
            match select(run.as_mut(), pin!(seen.changed())).await {
                Either::Left((result, _)) => break result?,
                Either::Right(_) => {
                    let offset = *position.borrow();
                    self.progress.tell(blob, Step::Moved(offset));
                }
            }
        }
        self.progress.tell(blob, Step::Done);
        Ok(())
    }

    async fn is_there(&self, upload: &Upload<'_>) -> Result<bool, Error> {
        let look = self.repository.has_blob_for(upload.blob, Access::Push, &upload.action);
        match look.await {
            Ok(is_there) => Ok(is_there),
            // Where the registry does not say, it gets the bytes.
            Err(error) => match error.kind() {
                ErrorKind::Denied
                | ErrorKind::Unsupported
                | ErrorKind::Refused
                | ErrorKind::Protocol => Ok(false),
                _ => Err(error),
            },
        }
    }
}

/// `body`, that tells how far it is.
fn counted(body: Body, offset: u64, position: Arc<watch::Sender<u64>>) -> Body {
    let length = body.length();
    let state = (body, offset, position);
    let stream = stream::unfold(state, |(mut body, mut offset, position)| async move {
        let chunk = body.chunk().await.transpose()?;
        if let Ok(chunk) = &chunk {
            offset += chunk.len() as u64;
            position.send_replace(offset);
        }
        Some((chunk, (body, offset, position)))
    });
    Body::stream(stream, length)
}

/// Reads all manifests from `image` on.
async fn read_graph<S>(
    repository: &Repository,
    source: &Arc<S>,
    image: &Descriptor,
    action: &str,
) -> Result<Graph, Error>
where
    S: BlobSource + Send + Sync + 'static,
{
    let limits = &repository.shared.wire.limits;
    let limit = usize::try_from(limits.manifest).unwrap_or(usize::MAX);
    let read = |manifest: Descriptor| async move {
        let (from, wanted) = (Arc::clone(source), manifest.clone());
        let read = bridge::blocking(move || from.read(&wanted, limit)).await;
        let verified = read.and_then(|bytes| Ok(manifest.verify(Bytes::from(bytes))?));
        let content = verified.map_err(|error| {
            let reason = format!("manifest `{}` cannot be read", manifest.digest);
            source_error(action, reason, error)
        })?;
        parse(content, &manifest, limits.manifest, action)
    };
    Graph::read(image, limits, action, read).await
}

fn source_error(action: &str, reason: String, error: io::Error) -> Error {
    Error::new(ErrorKind::Source, action).because(reason).with_source(error)
}

impl<'a, S> IntoFuture for Push<'a, S>
where
    S: BlobSource + Send + Sync + 'static,
{
    type Output = Result<Summary, Error>;
    type IntoFuture = BoxFuture<'a, Self::Output>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.run())
    }
}

impl<S> fmt::Debug for Push<'_, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Push")
            .field("repository", self.repository)
            .field("image", &self.image.digest)
            .field("tags", &self.tags)
            .field("settings", &self.settings)
            .finish_non_exhaustive()
    }
}
