use oci_digest::VerifyError;

use crate::{Digest, MediaType, json};

/// Why a document cannot be read or written.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DocumentError {
    /// The bytes do not have the size or the digest of the descriptor.
    #[error("cannot read the document: its bytes are not those that its descriptor names")]
    Content(#[from] VerifyError),
    /// The descriptor names a document of another kind than the caller asked for.
    #[error(
        "cannot read document `{digest}`: its type `{media_type}` is not of the requested kind"
    )]
    WrongKind {
        /// The digest.
        digest: Digest,
        /// The media type by the descriptor.
        media_type: MediaType,
    },
    /// The document says that it is of another type.
    #[error(
        "cannot read document `{digest}`: it says that it is `{actual}`, its descriptor says `{expected}`"
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
    #[error(
        "cannot read document `{digest}`: it has the member `{member}` of another kind of document"
    )]
    BothKinds {
        /// The digest.
        digest: Digest,
        /// The member's name.
        member: &'static str,
    },
    /// The document has no reading, or more than one.
    #[error("cannot read document `{digest}`")]
    Unreadable {
        /// The digest.
        digest: Digest,
        /// What is wrong where.
        source: json::Error,
    },
    /// The value cannot be written.
    #[error("cannot write a document of type `{media_type}`")]
    Unwritable {
        /// The media type.
        media_type: MediaType,
        /// What is wrong.
        source: json::Error,
    },
}
