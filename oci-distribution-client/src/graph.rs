use oci_image::graph::{Content, Node, Order, Step, Walk};
use oci_image::{AnyDocument, Descriptor};

use crate::error::{Error, ErrorKind};
use crate::limits::Limits;

/// All that a manifest or index is made of.
#[derive(Debug, Default)]
pub(crate) struct Graph {
    /// Each once, children before parents.
    pub(crate) manifests: Vec<AnyDocument>,
    /// What is not a manifest, each once, in the order of the manifests.
    pub(crate) blobs: Vec<Descriptor>,
}

impl Graph {
    /// All from `image` on, whose manifests `read` gets one after the other.
    ///
    /// # Errors
    /// If `image` is not a manifest or index, or is over a limit.
    pub(crate) async fn read<F>(
        image: &Descriptor,
        limits: &Limits,
        action: &str,
        read: impl Fn(Descriptor) -> F,
    ) -> Result<Self, Error>
    where
        F: Future<Output = Result<AnyDocument, Error>>,
    {
        if !image.media_type.is_manifest_or_index() {
            let reason = format!("it is of type `{}`, not a manifest or index", image.media_type);
            return Err(Error::new(ErrorKind::Document, action).because(reason));
        }
        let failed = |error| Error::new(ErrorKind::Limit, action).with_source(error);
        let walk = Walk::new([image.clone()]).order(Order::ChildrenFirst).without_subjects();
        let mut walk = walk.limits(limits.graph);
        let mut graph = Self::default();
        while let Some(step) = walk.next_step().map_err(failed)? {
            match step {
                Step::Read(manifest) => walk.found(read(manifest).await?).map_err(failed)?,
                Step::ListReferrers(_) => walk.referrers([]),
                Step::Visit(Node { content: Content::Document(manifest), .. }) => {
                    graph.manifests.push(manifest);
                }
                Step::Visit(node) => graph.blobs.push(node.descriptor),
            }
        }
        Ok(graph)
    }
}
