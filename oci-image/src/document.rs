use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

use oci_digest::{Algorithm, Verified, VerifyError};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::json::{self, Members};
use crate::validate::{Findings, Lint};
use crate::{Descriptor, Digest, Index, Manifest, MediaType};

/// A kind of document that descriptors name.
pub trait Model: Serialize + DeserializeOwned {
    /// The media types of such documents, the usual one first.
    const MEDIA_TYPES: &'static [MediaType];

    /// Members that another kind of document has: one that has both has two readings. Their names
    /// are compared without letter case, as Go's decoder does.
    const FOREIGN: &'static [&'static str] = &[];

    /// The type that the document says of itself.
    fn media_type(&self) -> Option<&MediaType> {
        None
    }

    /// The members that the model does not know.
    fn unknown(&self) -> &Members;

    /// Reads a document that no descriptor names, such as `index.json`, if it has at most `limit` bytes.
    ///
    /// It has the one reading that it would have as a [`Document`]; nothing vouches for its bytes.
    ///
    /// # Errors
    /// If the document has no reading or more than one, or says that it is of another kind.
    fn read(bytes: &[u8], limit: usize) -> Result<Self, ModelError> {
        let value: Self = json::from_slice_with_limit(bytes, limit)?;
        if let Some(media_type) = value.media_type().filter(|it| !Self::MEDIA_TYPES.contains(it)) {
            return Err(ModelError::MediaType(media_type.clone()));
        }
        let mut unknown = value.unknown().iter();
        match unknown.find_map(|(name, _)| json::fold(name, Self::FOREIGN)) {
            Some(member) => Err(ModelError::BothKinds(member)),
            None => Ok(value),
        }
    }
}

/// Why bytes are not a document of a kind.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ModelError {
    /// It is not JSON of this kind, or has more than one reading.
    #[error(transparent)]
    Json(#[from] json::Error),
    /// It says that it is of a type of another kind.
    #[error("the document says that it is of type `{0}`")]
    MediaType(MediaType),
    /// It has a member of another kind of document, and so two readings.
    #[error("the document has the member `{0}` of another kind of document")]
    BothKinds(&'static str),
}

/// A document: its bytes as they were received, their descriptor, and what they say.
///
/// The bytes are the truth. They are what is stored, pushed and hashed, never what a serialiser would
/// make of the value.
///
/// ```
/// use oci_image::{Descriptor, Document, Manifest, MediaType};
///
/// let bytes = br#"{"schemaVersion":2,"config":{"mediaType":"application/vnd.oci.empty.v1+json",
///     "digest":"sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a","size":2},
///     "layers":[],"com.example.new":1}"#;
/// let descriptor = Descriptor::of(MediaType::IMAGE_MANIFEST, bytes);
/// let manifest = Document::<Manifest>::parse(bytes.as_slice(), &descriptor)?;
/// let edited = manifest.edit(|manifest| {
///     manifest.annotations.insert("org.example.team".into(), "core".into());
/// })?;
/// assert_ne!(edited.descriptor().digest, manifest.descriptor().digest);
/// assert!(edited.unknown.get("com.example.new").is_some());
/// # Ok::<(), oci_image::DocumentError>(())
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Document<T> {
    content: Verified<Arc<[u8]>>,
    descriptor: Descriptor,
    value: T,
}

impl<T: Model> Document<T> {
    /// Reads the document that `descriptor` names.
    ///
    /// # Errors
    /// If size, digest or media type are not those of the descriptor, if a document of this kind is
    /// not what the descriptor names, or if the document has no reading or more than one.
    pub fn parse(
        bytes: impl Into<Arc<[u8]>>,
        descriptor: &Descriptor,
    ) -> Result<Self, DocumentError> {
        Self::parse_with_limit(bytes, descriptor, json::DOCUMENT_LIMIT)
    }

    /// Reads the document that `descriptor` names if it has at most `limit` bytes.
    ///
    /// # Errors
    /// As [`parse`](Self::parse).
    pub fn parse_with_limit(
        bytes: impl Into<Arc<[u8]>>,
        descriptor: &Descriptor,
        limit: usize,
    ) -> Result<Self, DocumentError> {
        Self::from_verified(descriptor.verify(bytes.into())?, descriptor, limit)
    }

    /// Reads the document that `descriptor` names of bytes that were verified: they are not hashed again.
    ///
    /// # Errors
    /// As [`parse`](Self::parse).
    pub fn parse_verified<B: AsRef<[u8]> + Into<Arc<[u8]>>>(
        bytes: Verified<B>,
        descriptor: &Descriptor,
    ) -> Result<Self, DocumentError> {
        Self::parse_verified_with_limit(bytes, descriptor, json::DOCUMENT_LIMIT)
    }

    /// As [`parse_verified`](Self::parse_verified), if they are at most `limit` bytes.
    ///
    /// # Errors
    /// As [`parse`](Self::parse).
    pub fn parse_verified_with_limit<B: AsRef<[u8]> + Into<Arc<[u8]>>>(
        bytes: Verified<B>,
        descriptor: &Descriptor,
        limit: usize,
    ) -> Result<Self, DocumentError> {
        descriptor.check_names(&bytes)?;
        Self::from_verified(bytes.convert(), descriptor, limit)
    }

    fn from_verified(
        content: Verified<Arc<[u8]>>,
        descriptor: &Descriptor,
        limit: usize,
    ) -> Result<Self, DocumentError> {
        let digest = || descriptor.digest.clone();
        if !T::MEDIA_TYPES.contains(&descriptor.media_type) {
            return Err(DocumentError::WrongKind {
                digest: digest(),
                media_type: descriptor.media_type.clone(),
            });
        }
        let value = T::read(&content, limit).map_err(|error| match error {
            ModelError::Json(source) => DocumentError::Unreadable { digest: digest(), source },
            ModelError::BothKinds(member) => DocumentError::BothKinds { digest: digest(), member },
            ModelError::MediaType(actual) => DocumentError::MediaType {
                digest: digest(),
                expected: descriptor.media_type.clone(),
                actual,
            },
        })?;
        if let Some(media_type) = value.media_type()
            && *media_type != descriptor.media_type
        {
            return Err(DocumentError::MediaType {
                digest: digest(),
                expected: descriptor.media_type.clone(),
                actual: media_type.clone(),
            });
        }
        Ok(Self { content, descriptor: descriptor.clone(), value })
    }

    /// Reads a document of the caller's own, such as a file that the caller has written.
    ///
    /// It is read as strictly as any other. Its descriptor is computed from the bytes, so it says what
    /// they are and proves nothing about where they come from: what others send is read by
    /// [`parse`](Self::parse), with the descriptor that names it.
    ///
    /// # Errors
    /// As [`parse`](Self::parse), but for size and digest.
    pub fn from_own_bytes(
        bytes: impl Into<Arc<[u8]>>,
        media_type: MediaType,
    ) -> Result<Self, DocumentError> {
        let content = Verified::hash(bytes.into(), Algorithm::Sha256);
        let descriptor = Descriptor::new(media_type, content.digest().clone(), content.size());
        Self::from_verified(content, &descriptor, json::DOCUMENT_LIMIT)
    }

    /// A document of this value, in the usual serialisation.
    ///
    /// # Errors
    /// If what is written would be refused when read, such as a document over the size limit.
    pub fn new(value: T) -> Result<Self, DocumentError> {
        let media_type = value.media_type().unwrap_or(&T::MEDIA_TYPES[0]).clone();
        let bytes = json::to_vec(&value).map_err(|source| DocumentError::Unwritable {
            media_type: media_type.clone(),
            source,
        })?;
        Self::from_own_bytes(bytes, media_type)
    }

    /// A new document that differs as `change` says and keeps what it does not know.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn edit(&self, change: impl FnOnce(&mut T)) -> Result<Self, DocumentError>
    where
        T: Clone,
    {
        let mut value = self.value.clone();
        change(&mut value);
        let media_type = value.media_type().unwrap_or(&self.descriptor.media_type).clone();
        let bytes = json::to_vec(&value).map_err(|source| DocumentError::Unwritable {
            media_type: media_type.clone(),
            source,
        })?;
        Self::from_own_bytes(bytes, media_type)
    }
}

impl<T: Lint> Lint for Document<T> {
    fn lint_into(&self, findings: &mut Findings) {
        self.value.lint_into(findings);
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

impl<T> Document<T> {
    /// The bytes, as they were received or written.
    pub fn bytes(&self) -> &[u8] {
        &self.content
    }

    /// The bytes with the witness that they have the digest of the descriptor.
    pub fn verified(&self) -> Verified<&[u8]> {
        self.content.as_bytes()
    }

    /// What names the bytes.
    pub fn descriptor(&self) -> &Descriptor {
        &self.descriptor
    }

    /// What the bytes say.
    pub fn value(&self) -> &T {
        &self.value
    }

    /// What the bytes say, alone.
    pub fn into_value(self) -> T {
        self.value
    }
}

impl<T> Deref for Document<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.value
    }
}

impl<T: fmt::Debug> fmt::Debug for Document<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Document")
            .field("descriptor", &self.descriptor)
            .field("value", &self.value)
            .finish_non_exhaustive()
    }
}

/// A manifest or an index, whichever its descriptor says.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(clippy::large_enum_variant)] // both are large, and both are moved rarely
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

    /// As [`parse`](Self::parse), of bytes that were verified: see [`Document::parse_verified`].
    ///
    /// # Errors
    /// As [`Document::parse`].
    pub fn parse_verified<B: AsRef<[u8]> + Into<Arc<[u8]>>>(
        bytes: Verified<B>,
        descriptor: &Descriptor,
    ) -> Result<Self, DocumentError> {
        Self::parse_verified_with_limit(bytes, descriptor, json::DOCUMENT_LIMIT)
    }

    /// As [`parse_verified`](Self::parse_verified), if they are at most `limit` bytes.
    ///
    /// # Errors
    /// As [`Document::parse`].
    pub fn parse_verified_with_limit<B: AsRef<[u8]> + Into<Arc<[u8]>>>(
        bytes: Verified<B>,
        descriptor: &Descriptor,
        limit: usize,
    ) -> Result<Self, DocumentError> {
        if descriptor.media_type.is_index() {
            Document::parse_verified_with_limit(bytes, descriptor, limit).map(Self::Index)
        } else {
            Document::parse_verified_with_limit(bytes, descriptor, limit).map(Self::Manifest)
        }
    }

    /// The bytes, as they were received or written.
    pub fn bytes(&self) -> &[u8] {
        match self {
            Self::Manifest(document) => document.bytes(),
            Self::Index(document) => document.bytes(),
        }
    }

    /// The bytes with the witness that they have the digest of the descriptor.
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

/// Why bytes are not the document that their descriptor names.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DocumentError {
    /// Size or digest are others.
    #[error("bytes are not the document that was asked for")]
    Content(#[from] VerifyError),
    /// The descriptor names no document of this kind.
    #[error("`{digest}` of type `{media_type}` is not a document of the kind asked for")]
    WrongKind {
        /// The digest.
        digest: Digest,
        /// The media type by the descriptor.
        media_type: MediaType,
    },
    /// The document says that it is of another type.
    #[error(
        "document `{digest}` says that it is `{actual}` where its descriptor says `{expected}`"
    )]
    MediaType {
        /// The digest.
        digest: Digest,
        /// The type by the descriptor.
        expected: MediaType,
        /// The type by the document.
        actual: MediaType,
    },
    /// The document has members of two kinds, and so two readings.
    #[error("document `{digest}` has the member `{member}` of another kind of document")]
    BothKinds {
        /// The digest.
        digest: Digest,
        /// The member's name.
        member: &'static str,
    },
    /// The document has no reading, or more than one.
    #[error("document `{digest}` cannot be read")]
    Unreadable {
        /// The digest.
        digest: Digest,
        /// What is wrong where.
        source: json::Error,
    },
    /// The value cannot be written.
    #[error("document of type `{media_type}` cannot be written")]
    Unwritable {
        /// The media type.
        media_type: MediaType,
        /// What is wrong.
        source: json::Error,
    },
}
