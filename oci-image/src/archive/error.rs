use std::io;

use super::{LimitExceeded, PathError};

/// Why an archive cannot be read. A layer is read with `layer::ReadError`, which has the same defects and more.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The bytes of the archive cannot be read.
    #[error("cannot read the archive beyond byte {offset}")]
    Read {
        /// The number of bytes read before.
        offset: u64,
        /// What the source said.
        source: io::Error,
    },
    /// The archive goes beyond a limit.
    #[error(transparent)]
    Limit(#[from] LimitExceeded),
    /// The archive is broken, or other tools would read it differently.
    #[error("cannot read the archive at byte {offset}")]
    Refused {
        /// Where the header is that is wrong, or the first one of its member.
        offset: u64,
        /// What is wrong.
        #[source]
        defect: Defect,
    },
    /// The reader was used after it failed.
    #[error("cannot continue after an error")]
    FailedBefore,
}

impl From<Error> for io::Error {
    fn from(error: Error) -> Self {
        let kind = match &error {
            Error::Read { source, .. } => source.kind(),
            Error::Refused { defect: Defect::Truncated, .. } => io::ErrorKind::UnexpectedEof,
            _ => io::ErrorKind::InvalidData,
        };
        Self::new(kind, error)
    }
}

/// What is wrong with a header, before its position is known.
pub(super) enum Fault {
    Defect(Defect),
    Limit(LimitExceeded),
}

impl Fault {
    pub(super) fn at(self, offset: u64) -> Error {
        match self {
            Self::Defect(defect) => Error::Refused { offset, defect },
            Self::Limit(limit) => limit.into(),
        }
    }
}

impl From<Defect> for Fault {
    fn from(defect: Defect) -> Self {
        Self::Defect(defect)
    }
}

impl From<LimitExceeded> for Fault {
    fn from(limit: LimitExceeded) -> Self {
        Self::Limit(limit)
    }
}

/// What is wrong with an archive.
///
/// Each is refused because the archive is broken, or because at least two of umoci, podman, GNU tar,
/// Python's `tarfile` and BusyBox read it differently, so that what one tool checks is not what another one
/// unpacks. `docs/archives.md` has what they make of an archive with each defect.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Defect {
    /// The stream ends within a header or a file.
    #[error("the archive ends in the middle of an entry")]
    Truncated,
    /// A block of zeros stands alone: some parsers stop at it and others do not.
    #[error("a single block of zeros is followed by something else")]
    LoneZeroBlock,
    /// A header's checksum is another than that of its bytes.
    #[error("the checksum of a header is wrong")]
    Checksum,
    /// A header's bytes are a part of the name to some parsers, and something else to others.
    #[error("a header has something other than a name where ustar has the name's beginning")]
    Prefix,
    /// A field of a header is not a number, or is out of range.
    #[error("the field `{0}` of a header is not a number in range")]
    Number(&'static str),
    /// The type of an entry is not supported.
    #[error("the entry type `{}` is not supported", .0.escape_ascii())]
    Type(u8),
    /// A sparse file: its real name and size are not in the header, and few parsers know where.
    #[error("sparse files are not supported")]
    Sparse,
    /// The mode of a device or a pipe says another type of file than the header.
    #[error("the mode `{0:o}` is that of another type of file than the header says")]
    ModeType(u32),
    /// The header and the PAX record have different sizes.
    #[error("the header has the size {header}, and the PAX record {record}")]
    SizeConflict {
        /// The size in the header.
        header: u64,
        /// The size in the PAX record.
        record: u64,
    },
    /// The name of an entry is not a path below the root.
    #[error("the name of an entry is refused")]
    Path(#[source] PathError),
    /// The name of a file ends in a slash.
    #[error("the name of a file ends in a slash")]
    TrailingSlash,
    /// The root is not a directory.
    #[error("the root is something other than a directory")]
    Root,
    /// A link has no target, or one with a NUL byte.
    #[error("the target of a symbolic link is empty or has a NUL byte")]
    SymlinkTarget,
    /// The target of a hard link is not a path below the root.
    #[error("the target of a hard link is refused")]
    HardlinkTarget(#[source] PathError),
    /// The target of a hard link is the root, which has no other name.
    #[error("the target of a hard link is the root")]
    HardlinkToRoot,
    /// A PAX header is not made of records.
    #[error("a PAX header is malformed")]
    PaxRecord,
    /// A PAX record that must have a value has none, or one that cannot be read.
    #[error("the value of the PAX record `{0}` cannot be used")]
    PaxValue(String),
    /// A global PAX header has a record that some parsers apply and others do not.
    #[error("a global PAX header sets `{0}`")]
    PaxGlobal(String),
    /// Two headers differ about one entry: two PAX headers, two long names, or both.
    #[error("an entry has two extension headers of one kind")]
    ExtensionTwice,
    /// An extension header is not followed by an entry.
    #[error("an extension header is not followed by an entry")]
    ExtensionAlone,
    /// A GNU long name is empty, or goes on in the padding.
    #[error("a GNU long name is malformed")]
    LongName,
}
