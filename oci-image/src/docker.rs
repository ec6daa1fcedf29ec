//! Between OCI's formats and Docker's schema 2, both ways.
//!
//! A manifest names its config and its layers by the types of one [`Format`]: programs refuse others.
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

mod format;

pub use format::Format;

use crate::{Descriptor, Digest, Document, DocumentError, Index, Manifest, MediaType, Model};

/// The annotation of an entry of an index that names another entry, which it is about.
pub(crate) const REFERENCE_DIGEST: &str = "vnd.docker.reference.digest";

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
    convert_manifest(manifest, Format::Docker)
}

/// Makes a manifest of Docker's schema 2 an OCI manifest.
///
/// # Errors
/// If the config or a layer has a type that OCI has no name for.
pub fn manifest_to_oci(
    manifest: &Document<Manifest>,
) -> Result<Converted<Manifest>, ConversionError> {
    convert_manifest(manifest, Format::Oci)
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
    format: Format,
) -> Result<Converted<Manifest>, ConversionError> {
    let mut value = manifest.value().clone();
    for blob in std::iter::once(&mut value.config).chain(&mut value.layers) {
        rename(blob, format)?;
    }
    let media_type = match format {
        Format::Oci => MediaType::IMAGE_MANIFEST,
        Format::Docker => MediaType::DOCKER_MANIFEST,
    };
    if manifest.descriptor().media_type != media_type {
        value.media_type = Some(media_type);
    }
    converted(value, manifest)
}

/// Gives what a manifest names the type that a format has for it.
fn rename(blob: &mut Descriptor, format: Format) -> Result<(), ConversionError> {
    blob.media_type = format.name(&blob.media_type).ok_or_else(|| ConversionError::NoName {
        digest: blob.digest.clone(),
        media_type: blob.media_type.clone(),
    })?;
    Ok(())
}

/// Gives the config and the layers of a manifest the types of its own format; `own` is the type by its
/// descriptor. What has one name for both formats stays.
pub(crate) fn settle_format(
    manifest: &mut Manifest,
    own: &MediaType,
) -> Result<(), ConversionError> {
    let own = manifest.media_type.as_ref().unwrap_or(own);
    let format = Format::of(own).unwrap_or(Format::Oci);
    std::iter::once(&mut manifest.config)
        .chain(&mut manifest.layers)
        .filter(|blob| Format::of(&blob.media_type).is_some())
        .try_for_each(|blob| rename(blob, format))
}

fn convert_index(
    index: &Document<Index>,
    media_type: MediaType,
    entries: &[Converted<Manifest>],
) -> Result<Converted<Index>, ConversionError> {
    let mut value = index.value().clone();
    for entry in &mut value.manifests {
        let converted = converted_from(entries, entry.digest.as_str())
            .ok_or_else(|| ConversionError::NotConverted { digest: entry.digest.clone() })?;
        *entry = entry.with_bytes_of(converted.document.descriptor());
        // BuildKit's attestations say so which entry they are about.
        if let Some(subject) = entry.annotations.get_mut(REFERENCE_DIGEST)
            && let Some(converted) = converted_from(entries, subject)
        {
            *subject = converted.document.descriptor().digest.to_string();
        }
    }
    if index.descriptor().media_type != media_type {
        value.media_type = Some(media_type);
    }
    converted(value, index)
}

fn converted_from<'a>(
    entries: &'a [Converted<Manifest>],
    digest: &str,
) -> Option<&'a Converted<Manifest>> {
    entries.iter().find(|converted| converted.replaces.digest.as_str() == digest)
}

/// Where nothing changes, the bytes stay.
fn converted<T: Model + Clone + PartialEq>(
    value: T,
    original: &Document<T>,
) -> Result<Converted<T>, ConversionError> {
    let document = match value == *original.value() {
        true => original.clone(),
        false => Document::new(value)?,
    };
    Ok(Converted { document, replaces: original.descriptor().clone() })
}

/// Why a document has no counterpart in the other format.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ConversionError {
    /// The other format has no name for the type of a blob. Docker's has none for zstd: convert the image
    /// to OCI's format ([`Image::to_oci`](crate::build::Image::to_oci)), or compress the layer by gzip.
    #[error(
        "cannot convert `{digest}`: its type `{media_type}` has no counterpart in the other format"
    )]
    NoName {
        /// The digest of the blob.
        digest: Digest,
        /// Its type.
        media_type: MediaType,
    },
    /// An entry of an index has not been converted.
    #[error(
        "cannot convert the index: its entry `{digest}` has not been converted, so its new digest is not known"
    )]
    NotConverted {
        /// The entry's digest.
        digest: Digest,
    },
    /// The converted document is over a limit.
    #[error("cannot write the converted document")]
    Document(#[from] DocumentError),
}
