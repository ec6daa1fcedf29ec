mod plan;
mod target;

use std::fmt;
use std::future::IntoFuture;
use std::sync::Arc;
use std::time::Duration;

use http::HeaderName;
use oci_image::blob::BlobSource;
use oci_image::distribution::header as names;
use oci_image::docker::Format;
use oci_image::images::Images;
use oci_image::{AnyDocument, Descriptor, Platform, Tag, TagOrDigest};

use crate::error::Error;
use crate::graph::{Graph, Manifests, Platforms, Selection};
use crate::jobs::{Abort, Jobs, Stop, unless_aborted, within};
use crate::manifest::Condition;
use crate::progress::{Event, Progress, Summary};
use crate::repository::Repository;
use crate::source::{Source, Store};
use crate::transport::BoxFuture;

pub use plan::{Fate, Plan, Planned};
pub(crate) use target::stopped;
use target::{Settings, Target};

/// A push or a copy to be awaited: see [`Repository::push`] and [`Repository::copy_to`].
#[must_use = "nothing is pushed before it is awaited"]
pub struct Push<'a, S> {
    repository: &'a Repository,
    image: &'a Descriptor,
    from: Arc<S>,
    source: Arc<dyn Source>,
    action: String,
    tags: Vec<String>,
    mounts: Vec<String>,
    pub(crate) selection: Selection,
    settings: Settings,
    progress: Progress<'a>,
    abort: Abort<'a>,
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
        let action = format!("push `{}` to `{self}`", image.digest);
        let limits = &self.shared.wire.limits;
        let from = Arc::new(source.clone());
        let source = Store::new(Arc::clone(&from), limits, action.clone());
        Push::new(self, image, from, Arc::new(source), action)
    }

    /// Pushes one blob out of `source`, unless it is there, as [`push`](Self::push) does it.
    ///
    /// # Errors
    /// If it cannot be read, or if the registry refuses.
    pub async fn push_blob<S>(&self, source: &S, blob: &Descriptor) -> Result<(), Error>
    where
        S: BlobSource + Clone + Send + Sync + 'static,
    {
        let action = format!("push blob `{}` to `{self}`", blob.digest);
        let source = Store::new(Arc::new(source.clone()), &self.shared.wire.limits, action);
        let (settings, progress) = (Settings::default(), Progress::silent());
        let target =
            Target { repository: self, source: &source, settings: &settings, progress: &progress };
        target.send_blob(blob, &Stop::new()).await
    }

    /// Pushes one manifest or index, whose parts are there already, by its digest. With a name, it is
    /// [`tag`](Self::tag).
    ///
    /// # Errors
    /// If the registry refuses.
    pub async fn push_manifest(&self, document: &AnyDocument) -> Result<(), Error> {
        let digest = &document.descriptor().digest;
        let action = format!("push manifest `{digest}` to `{self}`");
        self.put_manifest(&digest.clone().into(), document, &action).await
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

impl<'a, S> Push<'a, S> {
    /// A push of `image` from `source` to `repository`, as `action` says.
    pub(crate) fn new(
        repository: &'a Repository,
        image: &'a Descriptor,
        from: Arc<S>,
        source: Arc<dyn Source>,
        action: String,
    ) -> Self {
        Self {
            repository,
            image,
            from,
            source,
            action,
            tags: Vec::new(),
            mounts: Vec::new(),
            selection: Selection::default(),
            settings: Settings::default(),
            progress: Progress::silent(),
            abort: Abort::never(),
        }
    }

    /// Makes `tag` mean it, at the end. It may be called more than once.
    pub fn tag(mut self, tag: impl Into<String>) -> Self {
        self.tags.push(tag.into());
        self
    }

    /// How many blobs are pushed at once. Default: 4, or 16 where they are smaller than 1 MiB.
    pub fn jobs(mut self, jobs: usize) -> Self {
        self.settings.jobs = Jobs::exactly(jobs);
        self
    }

    /// Sends blobs in chunks of `bytes`, or larger if the registry wants that. By default each goes in
    /// one piece. What a registry refuses for that is sent otherwise: in one piece where it takes no chunks, in chunks of
    /// 4 MiB where it takes no body so large.
    pub fn chunks(mut self, bytes: u64) -> Self {
        self.settings.manner.chunk = Some(bytes.max(1));
        self
    }

    /// Sends each blob with a single `POST` where the registry takes that ([spec.md]), and otherwise as if this was not
    /// said: one round trip less for each blob, and no upload that another request has to close, for which some
    /// registries want more rights.
    ///
    /// Most registries begin an upload instead and want the bytes once more, so by default no blob is sent like this, and
    /// with this no other one to a registry that did so.
    ///
    /// [spec.md]: https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#single-post
    pub fn single_post(mut self) -> Self {
        self.settings.manner.is_single = true;
        self
    }

    /// Lets the registry take blobs from its repository `name` if they are there. It may be called
    /// more than once. A copy within a registry begins with the repository that it is from.
    pub fn mount_from(mut self, name: impl Into<String>) -> Self {
        self.mounts.push(name.into());
        self
    }

    /// Takes no blob from another repository of the registry: neither from those that were named so far nor,
    /// in a copy, from the one that it is from. Who can read the target can otherwise learn that a blob is there.
    pub fn without_mounts(mut self) -> Self {
        self.mounts.clear();
        self
    }

    /// How long all of it may take. Then it fails with [`Timeout`](crate::ErrorKind::Timeout), and open uploads are
    /// cancelled. By default it may take any time while bytes move.
    pub fn deadline(mut self, deadline: Duration) -> Self {
        self.settings.deadline = Some(deadline);
        self
    }

    /// Tells `listener` what happens. It must not block.
    pub fn progress(mut self, listener: impl Fn(Event<'_>) + Send + Sync + 'a) -> Self {
        self.progress.listen(listener);
        self
    }

    /// Pushes of an index the images for these platforms, and in its place a new index of them, which
    /// [`Summary::image`] names. Its digest is another one, so what refers to the index does not refer to it.
    ///
    /// Entries that say no platform, such as attestations, are left out.
    pub fn platforms(mut self, platforms: impl IntoIterator<Item = Platform>) -> Self {
        self.selection.platforms = Platforms::Rewritten(platforms.into_iter().collect());
        self
    }

    /// Pushes of an index the images for these platforms, and the index as it is. Not every registry takes an
    /// index that names what it does not have.
    pub fn sparse_platforms(mut self, platforms: impl IntoIterator<Item = Platform>) -> Self {
        self.selection.platforms = Platforms::Sparse(platforms.into_iter().collect());
        self
    }

    /// Converts manifests and indexes to this format; what has it stays byte for byte. Layers and configs are
    /// sent as they are. What is converted has another digest, which [`Summary::image`] has. By default nothing is
    /// converted.
    ///
    /// Only images convert, not artifacts, nor layers that the format has no type for, as Docker's has none for zstd.
    pub fn format(mut self, format: Format) -> Self {
        self.selection.format = Some(format);
        self
    }

    /// What the push would do if it was awaited now, without writing anything: what it would move, what is
    /// there and what would be mounted.
    ///
    /// # Errors
    /// As those of the push until it sends.
    pub async fn plan(&self) -> Result<Plan, Error> {
        let (tags, settings) = self.parsed()?;
        let graph = self.graph().await?;
        self.target(&settings).plan(&graph, &tags).await
    }

    /// Aborts the push when `signal` ends, such as that of Ctrl-C: open uploads are cancelled at the registry, and the
    /// push waits for that. It is then an error of kind [`Aborted`](crate::ErrorKind::Aborted). Blobs and manifests that the
    /// registry has by then stay there, and the tags are not set.
    ///
    /// A push that is dropped cancels its uploads too, in the background. Either way, one that is just being begun may be
    /// left to the registry's own timeout.
    pub fn abort_when(mut self, signal: impl Future<Output = ()> + Send + 'a) -> Self {
        self.abort = Abort::when(signal);
        self
    }

    async fn run(mut self) -> Result<Summary, Error> {
        let signal = self.abort.take();
        let (tags, settings) = self.parsed()?;
        let stop = Stop::new();
        // On the heap: it is large, and each future around it would be as large.
        let work = Box::pin(async {
            let graph = stop.unless_stopped(self.graph()).await;
            let graph = graph.unwrap_or_else(|| Err(stopped(&self.action)))?;
            let sent = self.target(&settings).send(&graph, &tags, &stop).await;
            sent.map_err(|error| self.selection.explain(error))?;
            Ok(graph)
        });
        let late = |deadline| self.progress.overdue(&self.action, "Push::deadline", deadline);
        let work = within(settings.deadline, &stop, work, late);
        let graph = unless_aborted(signal, &stop, work, &self.action).await?;
        Ok(self.progress.summary(&graph))
    }

    /// The tags, and the settings with the repositories to mount from.
    fn parsed(&self) -> Result<(Vec<Tag>, Settings), Error> {
        let tags: Result<_, _> =
            self.tags.iter().map(|text| parse_tag(text, &self.action)).collect();
        let mut settings = self.settings.clone();
        for name in &self.mounts {
            let name = name.parse().map_err(|reason| Error::name(&*self.action, reason))?;
            settings.mounts.push(name);
        }
        Ok((tags?, settings))
    }

    async fn graph(&self) -> Result<Graph, Error> {
        let limits = &self.repository.shared.wire.limits;
        let from = Manifests { source: &*self.source, progress: &self.progress };
        Graph::read(self.image, &self.selection, from, limits, &self.action).await
    }

    fn target<'t>(&'t self, settings: &'t Settings) -> Target<'t> {
        let Self { repository, source, progress, .. } = self;
        Target { repository, source: &**source, settings, progress }
    }
}

impl<S: Images + Send + Sync + 'static> Push<'_, S> {
    /// Pushes what refers to each manifest, too, and what refers to that. Subjects are there before what refers to
    /// them, and the tags are set when all is.
    pub fn referrers(mut self) -> Self {
        self.selection.referrers = true;
        self.with_images()
    }

    /// Pushes what cosign keeps under the tags `sha256-….sig`, `.att` and `.sbom` of each manifest, too, under the
    /// same tags.
    pub fn digest_tags(mut self) -> Self {
        self.selection.digest_tags = true;
        self.with_images()
    }

    fn with_images(mut self) -> Self {
        let limits = &self.repository.shared.wire.limits;
        let source = Store::of_images(Arc::clone(&self.from), limits, self.action.clone());
        self.source = Arc::new(source);
        self
    }
}

impl<'a, S: Send + Sync + 'a> IntoFuture for Push<'a, S> {
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
