use std::io;

use super::{Codec, EntryPath, LimitExceeded};
use crate::archive::{self, Defect};

/// Why a layer cannot be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReadError {
    /// The bytes of the blob cannot be read, or are not the ones that its digest names.
    #[error("cannot read beyond byte {read}")]
    Source {
        /// The number of bytes read before.
        read: u64,
        /// What the source said.
        source: io::Error,
    },
    /// The compressed stream is broken, or something follows it.
    #[error("it is not a valid {codec} stream")]
    Decompress {
        /// The compression.
        codec: Codec,
        /// What the decompressor said.
        source: io::Error,
    },
    /// The media type names another compression than the content has.
    #[error(
        "its media type says {declared}, its content is {found}; `Limits::codec` can have the content decide"
    )]
    Mismatch {
        /// The compression by the media type.
        declared: Codec,
        /// The compression by the first bytes.
        found: Codec,
    },
    /// This build cannot read the compression, or no layer can have it.
    #[error("it is compressed by {0}, which this build cannot read: {remedy}", remedy = .0.remedy())]
    Unsupported(Codec),
    /// The layer goes beyond a limit.
    #[error(transparent)]
    Limit(#[from] LimitExceeded),
    /// The archive is broken, or other tools would read it differently.
    #[error("cannot read it at byte {offset} of the uncompressed archive")]
    Archive {
        /// Where the header is that is wrong, or the first one of its entry.
        offset: u64,
        /// What is wrong.
        #[source]
        defect: Defect,
    },
    /// A name is reserved for markers and is not one of them.
    #[error("cannot read the entry at byte {offset} of the uncompressed archive")]
    Marker {
        /// Where the first header of the entry is.
        offset: u64,
        /// What is wrong.
        #[source]
        defect: MarkerDefect,
    },
    /// The reader was used after it failed.
    #[error("cannot continue after an error")]
    FailedBefore,
}

/// What is wrong with a name that looks like a marker.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum MarkerDefect {
    /// All names that begin with `.wh.` are reserved, and this one marks nothing that is known.
    #[error("the name `{}` is reserved for whiteouts", .0.escape_ascii())]
    ReservedName(Vec<u8>),
    /// A hard link has a whiteout as its target.
    #[error("the target `{0}` of a hard link is reserved for whiteouts")]
    HardlinkTarget(EntryPath),
}

impl From<archive::Error> for ReadError {
    fn from(error: archive::Error) -> Self {
        match error {
            archive::Error::Read { offset, source } => Self::Source { read: offset, source },
            archive::Error::Limit(limit) => LimitExceeded::from(limit).into(),
            archive::Error::Refused { offset, defect } => Self::Archive { offset, defect },
            archive::Error::FailedBefore => Self::FailedBefore,
        }
    }
}

impl From<ReadError> for io::Error {
    fn from(error: ReadError) -> Self {
        let kind = match &error {
            ReadError::Source { source, .. } => source.kind(),
            ReadError::Archive { defect: Defect::Truncated, .. } => io::ErrorKind::UnexpectedEof,
            _ => io::ErrorKind::InvalidData,
        };
        Self::new(kind, error)
    }
}
