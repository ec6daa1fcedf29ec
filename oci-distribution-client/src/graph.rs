mod part;
mod selection;

use oci_image::graph::{Content, Node, Order, Step, Walk};
use oci_image::images::Entry;
use oci_image::{AnyDocument, Descriptor, Tag};

use crate::error::{Error, ErrorKind};
use crate::limits::Limits;
use crate::progress::Progress;
use crate::source::Source;

use part::Part;
pub(crate) use selection::{Platforms, Selection};

/// All that a manifest or index is made of, and what was selected of and with it.
#[derive(Debug)]
pub(crate) struct Graph {
    /// What names it: something else than was asked for, if it was made of that.
    pub(crate) root: Descriptor,
    /// Each once, children before parents, what refers to one after it.
    pub(crate) manifests: Vec<AnyDocument>,
    /// What is not a manifest, each once, in the order of the manifests.
    pub(crate) blobs: Vec<Descriptor>,
    /// What is taken along and no part of it, with the tag that leads to it if that is how it was found.
    pub(crate) along: Vec<(Option<Tag>, Descriptor)>,
}

/// Where manifests are read, and what is told of that.
#[derive(Clone, Copy)]
pub(crate) struct Manifests<'a> {
    pub(crate) source: &'a dyn Source,
    pub(crate) progress: &'a Progress<'a>,
}

impl Manifests<'_> {
    async fn document(self, descriptor: &Descriptor) -> Result<AnyDocument, Error> {
        self.source.document(descriptor, self.progress).await
    }
}

impl Graph {
    /// What is selected of and with `image`, whose manifests `from` gives one after the other.
    ///
    /// # Errors
    /// If `image` is not a manifest or index, or is over a limit.
    pub(crate) async fn read(
        image: &Descriptor,
        selection: &Selection,
        from: Manifests<'_>,
        limits: &Limits,
        action: &str,
    ) -> Result<Self, Error> {
        if !image.media_type.is_manifest_or_index() {
            let reason = format!("it is of type `{}`, not a manifest or index", image.media_type);
            return Err(Error::new(ErrorKind::Document, action).because(reason));
        }
        selection.check(action)?;
        let part = Part::of(image, &selection.platforms, from, action).await?;
        let failed = |error| Error::new(ErrorKind::Limit, action).with_source(error);
        let walk = Walk::new([part.root.clone()]).order(Order::ChildrenFirst).without_subjects();
        let walk = walk.limits(limits.graph);
        let mut walk = if selection.takes_along() { walk.with_referrers() } else { walk };
        let (manifests, blobs, along) = Default::default();
        let mut graph = Self { root: part.root.clone(), manifests, blobs, along };
        while let Some(step) = walk.next_step().map_err(failed)? {
            match step {
                Step::Read(wanted) if part.leaves_out(&wanted) => walk.missing(),
                Step::Read(wanted) => {
                    let document = match part.made(&wanted) {
                        Some(document) => document.clone(),
                        None => from.document(&wanted).await?,
                    };
                    walk.found(document).map_err(failed)?;
                }
                // What was made now has none.
                Step::ListReferrers(subject) if part.made(&subject).is_some() => {
                    walk.referrers([]);
                }
                Step::ListReferrers(subject) => {
                    let found = selection.along(&subject, from).await?;
                    walk.referrers(found.iter().map(|(_, descriptor)| descriptor.clone()));
                    graph.take_along(found);
                }
                Step::Visit(Node { content: Content::Document(manifest), .. }) => {
                    graph.manifests.push(manifest);
                }
                Step::Visit(Node { content: Content::Missing, .. }) => {}
                Step::Visit(node) => graph.blobs.push(node.descriptor),
            }
        }
        if let Some(format) = selection.format {
            graph.convert(format, action)?;
        }
        Ok(graph)
    }

    fn take_along(&mut self, found: Vec<(Option<Tag>, Descriptor)>) {
        for (tag, descriptor) in found {
            let is_same = |(known, it): &&(Option<Tag>, Descriptor)| {
                *known == tag && it.digest == descriptor.digest
            };
            if !self.along.iter().any(|known| is_same(&known)) {
                self.along.push((tag, descriptor));
            }
        }
    }

    /// What is taken along, for callers.
    pub(crate) fn entries(&self) -> Vec<Entry> {
        let entry = |(tag, descriptor): &(Option<Tag>, Descriptor)| {
            Entry::new(tag.as_ref().map(Tag::to_string), descriptor.clone())
        };
        self.along.iter().map(entry).collect()
    }

    /// Whether this manifest is what the graph is of.
    pub(crate) fn is_root(&self, manifest: &AnyDocument) -> bool {
        manifest.descriptor().digest == self.root.digest
    }

    /// The tags that a manifest gets: one that it was found by, or `tags`, if it is what the graph is of.
    pub(crate) fn tags_of<'a>(&'a self, manifest: &AnyDocument, tags: &'a [Tag]) -> Vec<&'a Tag> {
        let digest = &manifest.descriptor().digest;
        let along = self.along.iter().filter(|(_, along)| along.digest == *digest);
        let own = if self.is_root(manifest) { tags } else { &[] };
        along.filter_map(|(tag, _)| tag.as_ref()).chain(own).collect()
    }
}
