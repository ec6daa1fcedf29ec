use std::collections::HashSet;

use oci_image::{AnyDocument, Descriptor, Digest};

use crate::error::{Error, ErrorKind};
use crate::limits::Limits;

/// All that a manifest or index is made of.
#[derive(Debug, Default)]
pub(crate) struct Graph {
    /// Each once, children before parents.
    pub(crate) manifests: Vec<AnyDocument>,
    /// What is no manifest, each once, in the order of the manifests.
    pub(crate) blobs: Vec<Descriptor>,
}

/// A walk from a root to all that it points to. It asks for one manifest after the other.
#[derive(Debug)]
pub(crate) struct Walk<'a> {
    limits: &'a Limits,
    action: &'a str,
    graph: Graph,
    /// What was visited, and whether as a manifest: who names a manifest as a layer must not hide what
    /// stands below it.
    seen: HashSet<(Digest, bool)>,
    bytes: u64,
    count: usize,
    stack: Vec<Level>,
}

/// A manifest whose children are being visited.
#[derive(Debug)]
struct Level {
    manifest: AnyDocument,
    /// In reverse.
    left: Vec<Descriptor>,
}

impl<'a> Walk<'a> {
    pub(crate) fn new(limits: &'a Limits, action: &'a str) -> Self {
        Self {
            limits,
            action,
            graph: Graph::default(),
            seen: HashSet::new(),
            bytes: 0,
            count: 0,
            stack: Vec::new(),
        }
    }

    /// Takes the manifest that was asked for last, the root first.
    pub(crate) fn enter(&mut self, manifest: AnyDocument) -> Result<(), Error> {
        self.bytes = self.bytes.saturating_add(manifest.bytes().len() as u64);
        self.count += 1;
        let limits = self.limits;
        self.limit(self.count > limits.manifests, "manifests", limits.manifests as u64)?;
        self.limit(
            self.bytes > limits.manifest_bytes,
            "bytes of manifests",
            limits.manifest_bytes,
        )?;
        self.limit(self.stack.len() >= limits.depth, "levels of indexes", limits.depth as u64)?;
        self.seen.insert((manifest.descriptor().digest.clone(), true));
        let mut left: Vec<_> = manifest.children().into_iter().cloned().collect();
        left.reverse();
        self.stack.push(Level { manifest, left });
        Ok(())
    }

    /// The manifest to [`enter`](Self::enter) next; `None`: all were visited.
    pub(crate) fn next(&mut self) -> Option<Descriptor> {
        while let Some(level) = self.stack.last_mut() {
            let is_index = matches!(level.manifest, AnyDocument::Index(_));
            match level.left.pop() {
                Some(child) => {
                    let is_manifest = is_index && child.media_type.is_manifest_or_index();
                    if !self.seen.insert((child.digest.clone(), is_manifest)) {
                        continue;
                    }
                    if is_manifest {
                        return Some(child);
                    }
                    self.graph.blobs.push(child);
                }
                None => {
                    let level = self.stack.pop();
                    self.graph.manifests.extend(level.map(|level| level.manifest));
                }
            }
        }
        None
    }

    pub(crate) fn finish(self) -> Graph {
        self.graph
    }

    fn limit(&self, is_over: bool, of: &str, limit: u64) -> Result<(), Error> {
        if is_over {
            return Err(Error::new(ErrorKind::Limit, self.action)
                .because(format!("it has more than {limit} {of}")));
        }
        Ok(())
    }
}
