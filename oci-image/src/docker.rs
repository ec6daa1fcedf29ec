//! Between OCI's formats and Docker's schema 2, both ways.
//!
//! Only media types change: members that Docker's format does not have are kept, as Docker reads past
//! them, so that the way back restores them. A config stays as it is, byte for byte. What is converted
//! has another digest, and whoever names it must learn so: a [`Converted`] holds both names, and an index
//! converts only with the conversions of its entries.
//!
//! ```
//! use oci_image::{Descriptor, Document, Manifest, MediaType, docker};
//!
//! let config = Descriptor::new(MediaType::IMAGE_CONFIG, oci_image::Digest::sha256("…"), 3);
//! let manifest = Document::new(Manifest::new(config))?;
//! let converted = docker::manifest_to_docker(&manifest)?;
//! assert_ne!(converted.document.descriptor().digest, converted.replaces.digest);
//! assert_eq!(converted.document.descriptor().media_type, MediaType::DOCKER_MANIFEST);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod names;

use crate::{Descriptor, Digest, Document, DocumentError, Index, Manifest, MediaType, Model};

/// A document in the other format, and the name of the one that it was made from.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Converted<T> {
    /// The document in the other format.
    pub document: Document<T>,
    /// What named it before.
    pub replaces: Descriptor,
}

/// Makes an OCI manifest of an image one of Docker's schema 2.
///
/// # Errors
/// If the config or a layer has a type that Docker has no name for: only images convert.
pub fn manifest_to_docker(
    manifest: &Document<Manifest>,
) -> Result<Converted<Manifest>, ConversionError> {
    convert_manifest(manifest, MediaType::DOCKER_MANIFEST, names::to_docker)
}

/// Makes a manifest of Docker's schema 2 an OCI manifest.
///
/// # Errors
/// If the config or a layer has a type that OCI has no name for.
pub fn manifest_to_oci(
    manifest: &Document<Manifest>,
) -> Result<Converted<Manifest>, ConversionError> {
    convert_manifest(manifest, MediaType::IMAGE_MANIFEST, names::to_oci)
}

/// Makes an OCI index one of Docker's manifest lists. `entries` are the conversions of its manifests.
///
/// # Errors
/// If an entry is not among `entries`: its new digest is not known.
pub fn index_to_docker(
    index: &Document<Index>,
    entries: &[Converted<Manifest>],
) -> Result<Converted<Index>, ConversionError> {
    convert_index(index, MediaType::DOCKER_MANIFEST_LIST, entries)
}

/// Makes one of Docker's manifest lists an OCI index. `entries` are the conversions of its manifests.
///
/// # Errors
/// If an entry is not among `entries`: its new digest is not known.
pub fn index_to_oci(
    index: &Document<Index>,
    entries: &[Converted<Manifest>],
) -> Result<Converted<Index>, ConversionError> {
    convert_index(index, MediaType::IMAGE_INDEX, entries)
}

fn convert_manifest(
    manifest: &Document<Manifest>,
    media_type: MediaType,
    rename: fn(&MediaType) -> Option<MediaType>,
) -> Result<Converted<Manifest>, ConversionError> {
    let mut value = manifest.value().clone();
    for blob in std::iter::once(&mut value.config).chain(&mut value.layers) {
        blob.media_type = rename(&blob.media_type).ok_or_else(|| ConversionError::NoName {
            digest: blob.digest.clone(),
            media_type: blob.media_type.clone(),
        })?;
    }
    value.media_type = Some(media_type);
    converted(value, manifest.descriptor())
}

fn convert_index(
    index: &Document<Index>,
    media_type: MediaType,
    entries: &[Converted<Manifest>],
) -> Result<Converted<Index>, ConversionError> {
    let mut value = index.value().clone();
    for entry in &mut value.manifests {
        let converted = entries
            .iter()
            .find(|converted| converted.replaces.digest == entry.digest)
            .ok_or_else(|| ConversionError::NotConverted { digest: entry.digest.clone() })?;
        let Descriptor { media_type, digest, size, .. } = converted.document.descriptor();
        entry.media_type = media_type.clone();
        entry.digest = digest.clone();
        entry.size = *size;
        entry.data = None;
    }
    value.media_type = Some(media_type);
    converted(value, index.descriptor())
}

fn converted<T: Model>(value: T, replaces: &Descriptor) -> Result<Converted<T>, ConversionError> {
    Ok(Converted { document: Document::new(value)?, replaces: replaces.clone() })
}

/// Why a document has no counterpart in the other format.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ConversionError {
    /// The other format has no name for the type of a blob.
    #[error("the type `{media_type}` of `{digest}` has no counterpart in the other format")]
    NoName {
        /// The digest of the blob.
        digest: Digest,
        /// Its type.
        media_type: MediaType,
    },
    /// An entry of an index has not been converted.
    #[error(
        "the entry `{digest}` of the index has not been converted, its new digest is not known"
    )]
    NotConverted {
        /// The entry's digest.
        digest: Digest,
    },
    /// The converted document is over a limit.
    #[error("the converted document cannot be written")]
    Document(#[from] DocumentError),
}
