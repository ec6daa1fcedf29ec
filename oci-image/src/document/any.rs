use std::sync::Arc;

use oci_digest::Verified;

use super::{Document, DocumentError};
use crate::validate::{Findings, Lint};
use crate::{Descriptor, Index, Manifest, MediaType};

/// A manifest or an index, whichever its descriptor says. Closed by nature: a document that names
/// others is one of the two.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "closed by nature")]
#[expect(clippy::large_enum_variant, reason = "both are large, and both are moved rarely")]
pub enum AnyDocument {
    /// A manifest.
    Manifest(Document<Manifest>),
    /// An index.
    Index(Document<Index>),
}

impl AnyDocument {
    /// Reads the manifest or index that `descriptor` names.
    ///
    /// # Errors
    /// As [`Document::parse`].
    pub fn parse(
        bytes: impl Into<Arc<[u8]>>,
        descriptor: &Descriptor,
    ) -> Result<Self, DocumentError> {
        if descriptor.media_type.is_index() {
            Document::parse(bytes, descriptor).map(Self::Index)
        } else {
            Document::parse(bytes, descriptor).map(Self::Manifest)
        }
    }

    /// As [`parse`](Self::parse), of at most `limit` bytes that were verified: see [`Document::parse_verified`].
    ///
    /// # Errors
    /// As [`Document::parse`].
    pub fn parse_verified<B: AsRef<[u8]> + Into<Arc<[u8]>>>(
        bytes: Verified<B>,
        descriptor: &Descriptor,
        limit: usize,
    ) -> Result<Self, DocumentError> {
        if descriptor.media_type.is_index() {
            Document::parse_verified(bytes, descriptor, limit).map(Self::Index)
        } else {
            Document::parse_verified(bytes, descriptor, limit).map(Self::Manifest)
        }
    }

    /// The bytes, as they were received or written.
    pub fn bytes(&self) -> &[u8] {
        match self {
            Self::Manifest(document) => document.bytes(),
            Self::Index(document) => document.bytes(),
        }
    }

    /// The bytes, with the type that says that they have the digest of the descriptor.
    pub fn verified(&self) -> Verified<&[u8]> {
        match self {
            Self::Manifest(document) => document.verified(),
            Self::Index(document) => document.verified(),
        }
    }

    /// What names the bytes.
    pub fn descriptor(&self) -> &Descriptor {
        match self {
            Self::Manifest(document) => document.descriptor(),
            Self::Index(document) => document.descriptor(),
        }
    }

    /// The manifest that this one refers to.
    pub fn subject(&self) -> Option<&Descriptor> {
        match self {
            Self::Manifest(document) => document.subject.as_ref(),
            Self::Index(document) => document.subject.as_ref(),
        }
    }

    /// The entry that stands for it in a list of referrers ([spec.md]): what names it, its artifact
    /// type, which of a manifest without one is the type of its config, and its annotations.
    ///
    /// [spec.md]: https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#listing-referrers
    pub fn as_referrer(&self) -> Descriptor {
        let Descriptor { media_type, digest, size, .. } = self.descriptor().clone();
        let mut entry = Descriptor::new(media_type, digest, size);
        let stated = |artifact_type: &Option<MediaType>| {
            artifact_type.clone().filter(|artifact_type| !artifact_type.as_str().is_empty())
        };
        (entry.artifact_type, entry.annotations) = match self {
            Self::Manifest(manifest) => {
                let artifact_type = stated(&manifest.artifact_type);
                let config = || manifest.config.media_type.clone();
                (Some(artifact_type.unwrap_or_else(config)), manifest.annotations.clone())
            }
            Self::Index(index) => (stated(&index.artifact_type), index.annotations.clone()),
        };
        entry
    }

    /// What it points to: the manifests of an index, the config and layers of a manifest.
    pub fn children(&self) -> Vec<&Descriptor> {
        match self {
            Self::Manifest(document) => {
                std::iter::once(&document.config).chain(&document.layers).collect()
            }
            Self::Index(document) => document.manifests.iter().collect(),
        }
    }
}

impl From<Document<Manifest>> for AnyDocument {
    fn from(document: Document<Manifest>) -> Self {
        Self::Manifest(document)
    }
}

impl From<Document<Index>> for AnyDocument {
    fn from(document: Document<Index>) -> Self {
        Self::Index(document)
    }
}

impl Lint for AnyDocument {
    fn lint_into(&self, findings: &mut Findings) {
        match self {
            Self::Manifest(document) => document.lint_into(findings),
            Self::Index(document) => document.lint_into(findings),
        }
    }
}
