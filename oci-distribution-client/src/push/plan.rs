use futures_util::StreamExt;
use futures_util::stream;
use oci_image::images::Entry;
use oci_image::{Descriptor, Tag};

use super::target::{Target, is_elsewhere};
use crate::error::Error;
use crate::graph::Graph;
use crate::progress::Total;
use crate::transport::BoxFuture;

/// What a push or a copy would do now: see [`Push::plan`](super::Push::plan).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Plan {
    /// What the tags are for: another descriptor than was asked for, if it is of a part of an index or in another
    /// format.
    pub image: Descriptor,
    /// Each blob and manifest, blobs first, in the order in which they go.
    pub items: Vec<Planned>,
    /// What goes along: see [`Summary::along`](crate::Summary::along).
    pub along: Vec<Entry>,
}

/// A blob or manifest of a [`Plan`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Planned {
    /// What names it.
    pub blob: Descriptor,
    /// What would be done for it.
    pub fate: Fate,
}

/// What would be done for a blob or manifest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Fate {
    /// Its bytes are sent.
    Move,
    /// The registry takes it from another of its repositories, if it still can then.
    Mount,
    /// Nothing: it is there.
    Present,
    /// Nothing: it may not be distributed, and stays where the URLs in its descriptor say.
    Foreign,
}

impl Plan {
    /// How much has this fate.
    pub fn total(&self, fate: Fate) -> Total {
        let such = self.items.iter().filter(|item| item.fate == fate);
        such.fold(Total::default(), |Total { items, bytes }, item| Total {
            items: items + 1,
            bytes: bytes.saturating_add(item.blob.size),
        })
    }
}

impl Target<'_> {
    /// What [`send`](Self::send) would do. Nothing is written.
    pub(super) async fn plan(&self, graph: &Graph, tags: &[Tag]) -> Result<Plan, Error> {
        let blobs = graph.blobs.iter().map(|blob| -> Planning<'_> {
            Box::pin(
                async move { Ok(Planned { blob: blob.clone(), fate: self.fate(blob).await? }) },
            )
        });
        let manifests = graph.manifests.iter().map(|manifest| -> Planning<'_> {
            Box::pin(async move {
                let is_named = !graph.tags_of(manifest, tags).is_empty();
                let fate = match !is_named && self.has(manifest).await {
                    true => Fate::Present,
                    false => Fate::Move,
                };
                Ok(Planned { blob: manifest.descriptor().clone(), fate })
            })
        });
        // Made here, so that nothing but futures is held while they run.
        let questions: Vec<_> = blobs.chain(manifests).collect();
        let mut answers = stream::iter(questions).buffered(self.settings.jobs.small());
        let (image, along) = (graph.root.clone(), graph.entries());
        let mut plan = Plan { image, items: Vec::new(), along };
        while let Some(answer) = answers.next().await {
            plan.items.push(answer?);
        }
        Ok(plan)
    }

    async fn fate(&self, blob: &Descriptor) -> Result<Fate, Error> {
        if is_elsewhere(blob) {
            return Ok(Fate::Foreign);
        }
        if self.is_there(blob).await? {
            return Ok(Fate::Present);
        }
        for from in &self.settings.mounts {
            // Where the registry does not say, it may not let it be mounted either.
            if self.repository.sibling(from).has_blob(blob).await.unwrap_or(false) {
                return Ok(Fate::Mount);
            }
        }
        Ok(Fate::Move)
    }
}

type Planning<'a> = BoxFuture<'a, Result<Planned, Error>>;
