use oci_digest::VerifyError;

use crate::{Digest, MediaType, json};

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
