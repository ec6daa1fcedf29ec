use std::cmp::Ordering;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use oci_digest::{Unverifiable, Verified, Verifier, VerifyError};

use crate::annotations::is_of_representation;
use crate::json::{Int63, Map, model};
use crate::{Digest, MediaType, Platform};

model! {
    /// Names some content: its type, digest and size ([descriptor.md]).
    ///
    /// [descriptor.md]: https://github.com/opencontainers/image-spec/blob/v1.1.1/descriptor.md
    pub struct Descriptor {
        /// The type of the content.
        required media_type: MediaType = "mediaType";
        /// The digest of the content.
        required digest: Digest = "digest";
        /// The size of the content in bytes, at most 2^63-1.
        required size: u64 as Int63 = "size";
        /// Places from which the content may be fetched.
        list urls: Vec<String> = "urls";
        /// Annotations.
        list annotations: Map<String> = "annotations";
        /// The content itself, in base64; [`embedded`](Self::embedded) reads it.
        optional data: String = "data";
        /// What the image that is named needs to run.
        optional platform: Platform = "platform";
        /// The type of the artifact that is named.
        optional artifact_type: MediaType = "artifactType";
    }
}

impl Descriptor {
    /// The descriptor of `{}`, which artifacts use where they have no config.
    pub fn empty_json() -> Self {
        Self::new(MediaType::EMPTY_JSON, Digest::EMPTY_JSON, 2)
    }

    /// The descriptor of `content`, by SHA-256.
    pub fn of(media_type: MediaType, content: impl AsRef<[u8]>) -> Self {
        let content = content.as_ref();
        Self::new(media_type, Digest::sha256(content), content.len() as u64)
    }

    /// What names the same content, or its successor, that now has the bytes which `other` names, as a
    /// layer that was compressed anew or a config that was edited.
    ///
    /// What is said of the content stays: the platform, the type of the artifact, annotations, and members
    /// that are not known here. What is said of the bytes (type, digest, size, `data`, `urls`, and
    /// annotations [of a representation](crate::annotations::is_of_representation)) is as in `other`.
    #[must_use]
    pub fn with_bytes_of(&self, other: &Self) -> Self {
        let Self { media_type, digest, size, urls, data, .. } = other.clone();
        let mut annotations = self.annotations.clone();
        annotations.retain(|key, _| !is_of_representation(key));
        annotations.extend(other.annotations.clone());
        Self { media_type, digest, size, urls, annotations, data, ..self.clone() }
    }

    /// Whether a place that has all else may be without this content: it has `urls` to be fetched
    /// from, or is a [layer that must not be distributed].
    ///
    /// [layer that must not be distributed]: https://github.com/opencontainers/image-spec/blob/v1.1.1/layer.md#non-distributable-layers
    pub fn may_be_elsewhere(&self) -> bool {
        !self.urls.is_empty() || self.media_type.is_nondistributable()
    }

    /// A verifier of the content that is named.
    ///
    /// # Errors
    /// If the digest's algorithm cannot be computed.
    pub fn verifier(&self) -> Result<Verifier, Unverifiable> {
        Verifier::new(&self.digest, self.size)
    }

    /// Checks that `content` has the size and the digest.
    ///
    /// # Errors
    /// If one of them differs.
    pub fn verify<T: AsRef<[u8]>>(&self, content: T) -> Result<Verified<T>, VerifyError> {
        self.check_size(content.as_ref().len() as u64)?;
        self.digest.verify(content)
    }

    /// Checks that content that was verified is what is named. It is not hashed again.
    ///
    /// # Errors
    /// If size or digest differ.
    pub fn check_names<T: AsRef<[u8]>>(&self, content: &Verified<T>) -> Result<(), VerifyError> {
        self.check_size(content.size())?;
        if *content.digest() != self.digest {
            let (expected, actual) = (self.digest.clone(), content.digest().clone());
            return Err(VerifyError::Mismatch { expected, actual });
        }
        Ok(())
    }

    fn check_size(&self, actual: u64) -> Result<(), VerifyError> {
        let (digest, size) = (self.digest.clone(), self.size);
        match actual.cmp(&size) {
            Ordering::Less => Err(VerifyError::TooShort { digest, size, seen: actual }),
            Ordering::Equal => Ok(()),
            Ordering::Greater => Err(VerifyError::TooLong { digest, size }),
        }
    }

    /// The content that `data` holds, if it holds any and it is what is named.
    ///
    /// # Errors
    /// If `data` is not base64 or not the content.
    pub fn embedded(&self) -> Result<Option<Vec<u8>>, EmbeddedError> {
        let Some(data) = &self.data else { return Ok(None) };
        let content = STANDARD
            .decode(data)
            .map_err(|_| EmbeddedError::Encoding { digest: self.digest.clone() })?;
        Ok(Some(self.verify(content)?.into_inner()))
    }
}

/// Why the data embedded in a descriptor is not its content.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EmbeddedError {
    /// It is not base64 by RFC 4648 section 4.
    #[error("cannot read the data embedded in the descriptor of `{digest}`: it is not base64")]
    Encoding {
        /// The digest.
        digest: Digest,
    },
    /// It is other content.
    #[error("cannot use the data embedded in a descriptor: it is not the content that is named")]
    Content(#[from] VerifyError),
}
