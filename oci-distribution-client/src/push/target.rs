use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::{Either, select};
use futures_util::stream;
use oci_image::{AnyDocument, Descriptor, RepositoryName, Tag};
use tokio::sync::watch;

use crate::auth::Access;
use crate::error::{Error, ErrorKind};
use crate::graph::Graph;
use crate::jobs::{Jobs, Stop, at_once};
use crate::progress::{Progress, Step};
use crate::repository::Repository;
use crate::retry::Retries;
use crate::source::Source;
use crate::transport::Body;
use crate::upload::{Manner, Mount, Upload};

/// How blobs are pushed.
#[derive(Clone, Debug, Default)]
pub(crate) struct Settings {
    pub(crate) jobs: Jobs,
    pub(crate) manner: Manner,
    pub(crate) mounts: Vec<RepositoryName>,
    pub(crate) deadline: Option<Duration>,
}

/// Where a push goes.
pub(crate) struct Target<'a> {
    pub(crate) repository: &'a Repository,
    pub(crate) source: &'a dyn Source,
    pub(crate) settings: &'a Settings,
    pub(crate) progress: &'a Progress<'a>,
}

impl Target<'_> {
    /// Sends all of a graph: what it is of gets the tags, last of all.
    pub(crate) async fn send(&self, graph: &Graph, tags: &[Tag], stop: &Stop) -> Result<(), Error> {
        let Graph { manifests, blobs, .. } = graph;
        self.progress.plan(blobs.iter().chain(manifests.iter().map(AnyDocument::descriptor)));
        let sent = blobs.iter().map(|blob| (blob.size, self.send_blob(blob, stop)));
        at_once(self.settings.jobs, stop, sent, || stopped("push the blobs")).await?;
        let sent = stop.unless_stopped(self.send_manifests(graph, tags)).await;
        sent.unwrap_or_else(|| Err(stopped("push the manifests")))
    }

    async fn send_manifests(&self, graph: &Graph, tags: &[Tag]) -> Result<(), Error> {
        let mut named = Vec::new();
        for manifest in &graph.manifests {
            let tags = graph.tags_of(manifest, tags);
            if tags.is_empty() {
                let send = async |target: Target<'_>| target.send_unnamed(manifest).await;
                let step = self.telling(manifest.descriptor(), send).await?;
                self.progress.tell(manifest.descriptor(), step);
                continue;
            }
            // What refers to it is sent after it, and before its tags.
            if graph.is_root(manifest) && !graph.along.is_empty() {
                let send = async |target: Target<'_>| target.send_manifest(None, manifest).await;
                self.telling(manifest.descriptor(), send).await?;
            }
            named.push((manifest, tags));
        }
        named.sort_by_key(|(manifest, _)| graph.is_root(manifest));
        for (manifest, tags) in named {
            let send = async |target: Target<'_>| target.send_tagged(manifest, &tags).await;
            self.telling(manifest.descriptor(), send).await?;
            self.progress.tell(manifest.descriptor(), Step::Done);
        }
        Ok(())
    }

    /// Sends a manifest by its tags, at once where the registry sets them so.
    async fn send_tagged(&self, manifest: &AnyDocument, tags: &[&Tag]) -> Result<(), Error> {
        let repository = self.repository;
        let digest = &manifest.descriptor().digest;
        let action = format!("push manifest `{digest}` with {} tags to `{repository}`", tags.len());
        // A subject is told by what is sent by tag, and by nothing twice.
        let is_plain = manifest.subject().is_none();
        let set = match is_plain {
            true => repository.put_tagged(manifest, tags, &action).await?,
            false => Vec::new(),
        };
        for tag in tags.iter().filter(|tag| !set.contains(tag)) {
            self.send_manifest(Some(tag), manifest).await?;
        }
        Ok(())
    }

    async fn send_unnamed(&self, manifest: &AnyDocument) -> Result<Step, Error> {
        if self.has(manifest).await {
            return Ok(Step::Present);
        }
        self.send_manifest(None, manifest).await?;
        Ok(Step::Done)
    }

    /// Whether a manifest need not be sent: the registry has it. One that refers to another is always sent, as the
    /// list of referrers may be what is missing.
    pub(super) async fn has(&self, manifest: &AnyDocument) -> bool {
        let Descriptor { digest, size, media_type, .. } = manifest.descriptor();
        if manifest.subject().is_some() {
            return false;
        }
        let action = format!("look for manifest `{digest}` in `{}`", self.repository);
        let found = self.repository.head(&digest.clone().into(), &action).await;
        // Where the registry does not say, it gets the manifest.
        let found = found.ok().flatten();
        found.is_some_and(|found| found.size == *size && found.media_type == *media_type)
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

    /// What `work` gives with this target, whose retries are told as those for `item`.
    async fn telling<T>(&self, item: &Descriptor, work: impl AsyncFnOnce(Target<'_>) -> T) -> T {
        let work = async |retries| {
            let repository = &self.repository.telling(retries);
            work(Target { repository, ..*self }).await
        };
        Retries::during(work, self.progress.retries(item)).await
    }

    pub(super) async fn send_blob(&self, blob: &Descriptor, stop: &Stop) -> Result<(), Error> {
        self.telling(blob, async |target| target.send_blob_now(blob, stop).await).await
    }

    async fn send_blob_now(&self, blob: &Descriptor, stop: &Stop) -> Result<(), Error> {
        if is_elsewhere(blob) {
            self.progress.tell(blob, Step::Foreign);
            return Ok(());
        }
        let (position, mut seen) = watch::channel(0);
        let position = Arc::new(position);
        let open = |offset| counted(self.source.open(blob, offset), offset, Arc::clone(&position));
        let upload = Upload::new(self.repository, blob, &open, self.settings.manner, stop);
        let is_there = stop.unless_stopped(self.is_there(blob)).await;
        if is_there.unwrap_or_else(|| Err(stopped(&upload.action)))? {
            self.progress.tell(blob, Step::Present);
            return Ok(());
        }
        for from in &self.settings.mounts {
            if let Some(Mount::Mounted) = stop.unless_stopped(upload.mount(from)).await {
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

    pub(super) async fn is_there(&self, blob: &Descriptor) -> Result<bool, Error> {
        let action = format!("push blob `{}` to `{}`", blob.digest, self.repository);
        match self.repository.has_blob_for(blob, Access::Push, &action).await {
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

/// Whether a registry does not get this blob.
pub(super) fn is_elsewhere(blob: &Descriptor) -> bool {
    blob.media_type.is_nondistributable() && !blob.urls.is_empty()
}

/// That an upload ends as others have failed or are late.
pub(crate) fn stopped(action: &str) -> Error {
    Error::new(ErrorKind::Source, action).because("another blob could not be pushed")
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
