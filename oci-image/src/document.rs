mod any;
mod error;
mod model;

use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

use oci_digest::{Algorithm, Verified};

use crate::validate::{Findings, Lint};
use crate::{Descriptor, MediaType, json};

pub use any::AnyDocument;
pub use error::DocumentError;
pub use model::{Model, ModelError};

/// A document: its bytes as they were received, their descriptor, and what they say.
///
/// The bytes are authoritative: they are what is stored, pushed and hashed, never what a serialiser would
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

    /// Reads the document that `descriptor` names, of at most `limit` bytes that were verified: they are not hashed again.
    ///
    /// # Errors
    /// As [`parse`](Self::parse).
    pub fn parse_verified<B: AsRef<[u8]> + Into<Arc<[u8]>>>(
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

impl<T> Document<T> {
    /// The bytes, as they were received or written.
    pub fn bytes(&self) -> &[u8] {
        &self.content
    }

    /// The bytes, with the type that says that they have the digest of the descriptor.
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
