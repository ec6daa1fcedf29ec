mod assembly;
mod connections;
mod parts;

use std::fmt;
use std::future::IntoFuture;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use oci_digest::{Unverifiable, VerifyError};
use oci_image::blob::BlobSink;
use oci_image::{AnyDocument, Descriptor, Platform};

use crate::blob::Download;
use crate::bridge::Writing;
use crate::error::{Error, ErrorKind};
use crate::graph::{Graph, Manifests, Platforms, Selection};
use crate::jobs::{Abort, Jobs, Stop, at_once, unless_aborted, within};
use crate::progress::{Event, Progress, Step, Summary};
use crate::repository::Repository;
use crate::transport::BoxFuture;
use crate::worker;
use parts::Manner;

/// A pull to be awaited: see [`Repository::pull`].
#[must_use = "nothing is pulled before it is awaited"]
pub struct Pull<'a, S> {
    repository: &'a Repository,
    image: &'a Descriptor,
    sink: Arc<S>,
    jobs: Jobs,
    parts: usize,
    deadline: Option<Duration>,
    fetches_foreign: bool,
    selection: Selection,
    progress: Progress<'a>,
    abort: Abort<'a>,
}

impl Repository {
    /// Pulls an image, or whatever `image` names with all that it points to, into `sink`.
    ///
    /// Blobs are first, then manifests, children before parents: what is in the sink is whole. What
    /// the sink has already is not pulled again. Each blob is verified when it is committed; a cut
    /// connection is resumed where it broke.
    ///
    /// The sink works on threads for blocking work, so it is cloned: its clone must be a handle to the
    /// same store, as an [`Arc`] is. When the pull fails or the future is dropped, no part of a blob is
    /// visible in the sink. A sink that [keeps](oci_image::blob::BlobWriter::keep) what was received of a
    /// blob is asked for the rest alone by the next pull, in another process too.
    ///
    /// # Errors
    /// The first that happens; what was pulled whole by then stays.
    pub fn pull<'a, S>(&'a self, image: &'a Descriptor, sink: &S) -> Pull<'a, S>
    where
        S: BlobSink + Clone + Send + Sync + 'static,
    {
        let sink = Arc::new(sink.clone());
        Pull {
            repository: self,
            image,
            sink,
            jobs: Jobs::default(),
            parts: 4,
            deadline: None,
            fetches_foreign: false,
            selection: Selection::default(),
            progress: Progress::silent(),
            abort: Abort::never(),
        }
    }
}

impl<'a, S> Pull<'a, S>
where
    S: BlobSink + Send + Sync + 'static,
{
    /// How many blobs are pulled at once. Default: 4, or 16 where they are smaller than 1 MiB.
    pub fn jobs(mut self, jobs: usize) -> Self {
        self.jobs = Jobs::exactly(jobs);
        self
    }

    /// Over how many connections one large blob is pulled at once, each for another part of it. Default: 4; 1 is never
    /// in parts.
    ///
    /// What is large, how large a part is and how many connections there are to one registry is in
    /// [`Limits`](crate::Limits). Where a registry gives no parts, or parts that do not fit together, the blob is
    /// pulled over one connection.
    pub fn parts(mut self, parts: usize) -> Self {
        self.parts = parts.max(1);
        self
    }

    /// How long all of it may take. Then it fails with [`Timeout`](ErrorKind::Timeout), and what the sink keeps
    /// is resumed by the next pull. By default it may take any time while bytes are received.
    pub fn deadline(mut self, deadline: Duration) -> Self {
        self.deadline = Some(deadline);
        self
    }

    /// Fetches layers that the registry does not have, as it may not distribute them, from the URLs in
    /// their descriptors, without credentials. By default such an image is an error.
    pub fn fetch_foreign_layers(mut self) -> Self {
        self.fetches_foreign = true;
        self
    }

    /// Pulls what refers to each manifest, too, and what refers to that:
    /// [`Summary::along`] says what it was. A layout has to list it.
    pub fn referrers(mut self) -> Self {
        self.selection.referrers = true;
        self
    }

    /// Pulls what cosign keeps under the tags `sha256-….sig`, `.att` and `.sbom` of each manifest, too:
    /// [`Summary::along`] says what it was.
    pub fn digest_tags(mut self) -> Self {
        self.selection.digest_tags = true;
        self
    }

    /// Pulls of an index the images for these platforms, and in its place a new index of them, which
    /// [`Summary::image`] names. Its digest is another one, so what refers to the index does not refer to it.
    pub fn platforms(mut self, platforms: impl IntoIterator<Item = Platform>) -> Self {
        self.selection.platforms = Platforms::Rewritten(platforms.into_iter().collect());
        self
    }

    /// Pulls of an index the images for these platforms, and the index as it is: the sink then lacks images
    /// that it names.
    pub fn sparse_platforms(mut self, platforms: impl IntoIterator<Item = Platform>) -> Self {
        self.selection.platforms = Platforms::Sparse(platforms.into_iter().collect());
        self
    }

    /// Tells `listener` what happens. It must not block.
    pub fn progress(mut self, listener: impl Fn(Event<'_>) + Send + Sync + 'a) -> Self {
        self.progress.listen(listener);
        self
    }

    /// Aborts the pull when `signal` ends, such as that of Ctrl-C: it waits until the sink has settled what it keeps of
    /// blobs that are not whole, and is then an error of kind [`Aborted`](ErrorKind::Aborted). What was pulled whole by
    /// then stays.
    ///
    /// A pull that is dropped leaves that to a thread that may end with the program.
    pub fn abort_when(mut self, signal: impl Future<Output = ()> + Send + 'a) -> Self {
        self.abort = Abort::when(signal);
        self
    }

    async fn run(mut self) -> Result<Summary, Error> {
        let signal = self.abort.take();
        let action = format!("pull `{}` of `{}`", self.image.digest, self.repository);
        let stop = Stop::new();
        let late = |deadline| self.progress.overdue(&action, "Pull::deadline", deadline);
        // On the heap: it is large, and each future around it would be as large.
        let work = Box::pin(self.pull_all(&action, &stop));
        let work = within(self.deadline, &stop, work, late);
        let graph = unless_aborted(signal, &stop, work, &action).await?;
        Ok(self.progress.summary(&graph))
    }

    async fn pull_all(&self, action: &str, stop: &Stop) -> Result<Graph, Error> {
        let limits = &self.repository.shared.wire.limits;
        let from = Manifests { source: self.repository, progress: &self.progress };
        let graph = Graph::read(self.image, &self.selection, from, limits, action);
        let graph = stop.unless_stopped(graph).await.unwrap_or_else(|| Err(stopped(action)))?;
        let Graph { manifests, blobs, .. } = &graph;
        self.progress.plan(blobs.iter().chain(manifests.iter().map(AnyDocument::descriptor)));
        let pulls = blobs.iter().map(|blob| (blob.size, self.pull_blob(blob, stop)));
        at_once(self.jobs, stop, pulls, || stopped(action)).await?;
        for manifest in manifests {
            self.pull_manifest(manifest).await?;
        }
        Ok(graph)
    }

    async fn pull_blob(&self, blob: &Descriptor, stop: &Stop) -> Result<(), Error> {
        let mut failed = None;
        for mirror in self.repository.mirrors() {
            let download = Download::new(mirror.clone(), blob.clone());
            match self.transfer(blob, download, stop).await {
                Err(error) if error.kind() != ErrorKind::Sink => {
                    failed = mirror.mirror_failed(error)
                }
                result => return result,
            }
        }
        let download = Download::new(self.repository.source().clone(), blob.clone());
        let error = match self.transfer(blob, download, stop).await {
            Err(error) if error.kind() == ErrorKind::NotFound && !blob.urls.is_empty() => error,
            result => return result.map_err(|error| error.after_mirror(failed)),
        };
        if !self.fetches_foreign {
            return Err(error.because("it is kept elsewhere, and foreign layers are not fetched"));
        }
        let mut last = error;
        for url in &blob.urls {
            let foreign = Download::from_url(self.repository.clone(), blob.clone(), url);
            let result = match foreign {
                Ok(download) => self.transfer(blob, download, stop).await,
                Err(error) => Err(error),
            };
            match result {
                Ok(()) => return Ok(()),
                Err(error) => last = error,
            }
        }
        Err(last)
    }

    async fn transfer(
        &self,
        blob: &Descriptor,
        download: Download,
        stop: &Stop,
    ) -> Result<(), Error> {
        let mut manner = self.manner(blob);
        let mut again = false;
        loop {
            let begun = Writing::begin(&self.sink, blob).await;
            let Some(writing) = begun.map_err(|error| sink_error(download.action(), error))? else {
                self.progress.tell(blob, Step::Present);
                return Ok(());
            };
            let was_begun = writing.missing.first() != Some(&(0..blob.size));
            let received = self.receive(&download, &writing, manner);
            let received = stop.unless_stopped(received).await;
            if let Err(error) = received.unwrap_or_else(|| Err(stopped(download.action()))) {
                // When the error is returned, the sink has settled what it keeps.
                let _ = writing.finish().await;
                return Err(error);
            }
            let committed = writing.commit().await;
            match committed.map_err(|error| sink_error(download.action(), error)) {
                // What was held, or one of several parts, may be wrong, and is dropped now: all of it is pulled then.
                Err(error)
                    if (was_begun || manner != Manner::WHOLE)
                        && !again
                        && error.kind() == ErrorKind::Verification =>
                {
                    again = true;
                    manner = Manner::WHOLE;
                }
                Err(error) => return Err(error),
                Ok(()) => break,
            }
        }
        self.progress.tell(blob, Step::Done);
        Ok(())
    }

    fn manner(&self, blob: &Descriptor) -> Manner {
        let limits = &self.repository.shared.wire.limits;
        if self.parts == 1 || blob.size < limits.large {
            return Manner::WHOLE;
        }
        Manner { connections: self.parts, part: Some(limits.part.max(1)) }
    }

    async fn pull_manifest(&self, manifest: &AnyDocument) -> Result<(), Error> {
        let descriptor = manifest.descriptor();
        let action = format!("pull manifest `{}` of `{}`", descriptor.digest, self.repository);
        let (sink, manifest) = (Arc::clone(&self.sink), manifest.clone());
        let write =
            worker::blocking(move || sink.put_verified(manifest.descriptor(), manifest.verified()));
        let written = write.await.map_err(|error| sink_error(&action, error))?;
        let step = if written { Step::Done } else { Step::Present };
        self.progress.tell(descriptor, step);
        Ok(())
    }
}

/// Of a kind after which no other place for the blob is tried.
fn stopped(action: &str) -> Error {
    Error::new(ErrorKind::Sink, action).because("another blob could not be pulled")
}

/// A sink that finds other content than it was told blames the registry.
fn sink_error(action: &str, error: io::Error) -> Error {
    let is_other_content = error
        .get_ref()
        .is_some_and(|inner| inner.is::<VerifyError>() || inner.is::<Unverifiable>());
    if !is_other_content {
        return Error::new(ErrorKind::Sink, action)
            .because("it cannot be stored")
            .with_source(error);
    }
    let wrong = Error::new(ErrorKind::Verification, action)
        .because("the content received is not what its descriptor says");
    match error.into_inner() {
        Some(source) => wrong.with_source(source),
        None => wrong,
    }
}

impl<'a, S> IntoFuture for Pull<'a, S>
where
    S: BlobSink + Send + Sync + 'static,
{
    type Output = Result<Summary, Error>;
    type IntoFuture = BoxFuture<'a, Self::Output>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.run())
    }
}

impl<S> fmt::Debug for Pull<'_, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pull")
            .field("repository", self.repository)
            .field("image", &self.image.digest)
            .field("jobs", &self.jobs)
            .field("parts", &self.parts)
            .field("deadline", &self.deadline)
            .finish_non_exhaustive()
    }
}
