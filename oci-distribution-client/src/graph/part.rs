use std::collections::HashSet;

use oci_image::docker::{self, Format};
use oci_image::{AnyDocument, Descriptor, Digest, Document, Index, Platform, build};

use super::{Graph, Manifests, Platforms};
use crate::error::{Error, ErrorKind};

/// What is taken of an image.
pub(super) struct Part {
    /// What names it.
    pub(super) root: Descriptor,
    made: Option<AnyDocument>,
    left_out: HashSet<Digest>,
}

impl Part {
    /// What `platforms` selects of `image`: all of it, if it is not an index.
    pub(super) async fn of(
        image: &Descriptor,
        platforms: &Platforms,
        from: Manifests<'_>,
        action: &str,
    ) -> Result<Self, Error> {
        let (wanted, is_sparse) = match platforms {
            Platforms::Rewritten(wanted) => (wanted, false),
            Platforms::Sparse(wanted) => (wanted, true),
            Platforms::All => return Ok(Self::whole(image)),
        };
        let AnyDocument::Index(index) = from.document(image).await? else {
            return Ok(Self::whole(image));
        };
        let part = selected(&index, wanted, action)?;
        let mut selected = Self::whole(image);
        if is_sparse {
            let digests = |index: &Index| -> HashSet<Digest> {
                index.manifests.iter().map(|entry| entry.digest.clone()).collect()
            };
            selected.left_out = &digests(&index) - &digests(&part);
        } else if part.descriptor().digest != image.digest {
            selected.root = part.descriptor().clone();
            selected.made = Some(AnyDocument::Index(part));
        }
        Ok(selected)
    }

    fn whole(image: &Descriptor) -> Self {
        Self { root: image.clone(), made: None, left_out: HashSet::new() }
    }

    pub(super) fn leaves_out(&self, document: &Descriptor) -> bool {
        self.left_out.contains(&document.digest)
    }

    /// The document of this descriptor, if it is not in the source but was made of what is.
    pub(super) fn made(&self, document: &Descriptor) -> Option<&AnyDocument> {
        self.made.as_ref().filter(|made| made.descriptor().digest == document.digest)
    }
}

/// The part of an index for these platforms, if it has one.
fn selected(
    index: &Document<Index>,
    wanted: &[Platform],
    action: &str,
) -> Result<Document<Index>, Error> {
    let part = build::split(index, wanted)
        .map_err(|source| Error::new(ErrorKind::Document, action).with_source(source))?;
    if part.manifests.is_empty() {
        let wanted: Vec<_> = wanted.iter().map(|platform| format!("`{platform}`")).collect();
        let reason = format!("the index has no image for {}", wanted.join(", "));
        return Err(Error::new(ErrorKind::NotFound, action).because(reason));
    }
    Ok(part)
}

impl Graph {
    /// Converts all documents to `format`; those that have it stay as they are.
    pub(super) fn convert(&mut self, format: Format, action: &str) -> Result<(), Error> {
        let failed = |source| Error::new(ErrorKind::Document, action).with_source(source);
        let mut manifests = Vec::new();
        for document in &mut self.manifests {
            *document = match document {
                AnyDocument::Manifest(manifest) => {
                    let converted = match format {
                        Format::Oci => docker::manifest_to_oci(manifest),
                        Format::Docker => docker::manifest_to_docker(manifest),
                    };
                    let converted = converted.map_err(failed)?;
                    let document = converted.document.clone();
                    manifests.push(converted);
                    AnyDocument::Manifest(document)
                }
                AnyDocument::Index(index) => {
                    let converted = match format {
                        Format::Oci => docker::index_to_oci(index, &manifests),
                        Format::Docker => docker::index_to_docker(index, &manifests),
                    };
                    AnyDocument::Index(converted.map_err(failed)?.document)
                }
            };
        }
        // Nothing is taken along, so the last is what all others belong to.
        if let Some(root) = self.manifests.last() {
            self.root = root.descriptor().clone();
        }
        Ok(())
    }
}
