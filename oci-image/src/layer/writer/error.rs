use std::io;

use crate::layer::EntryPath;

/// Why a layer cannot be written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WriteError {
    /// The stream below failed, or has no such compression.
    #[error("cannot write the layer")]
    Write(#[from] io::Error),
    /// The content of a file cannot be read.
    #[error("cannot read the content of `{path}`")]
    Content {
        /// The file.
        path: EntryPath,
        /// What its reader said.
        source: io::Error,
    },
    /// The content of a file is shorter than its entry says.
    #[error("cannot write `{path}`: only {written} of its {size} bytes were received")]
    TooShort {
        /// The file.
        path: EntryPath,
        /// The size that the entry states, in bytes.
        size: u64,
        /// The number of bytes received.
        written: u64,
    },
    /// The content of a file is longer than its entry says.
    #[error("cannot write `{path}`: more than its {size} bytes were received")]
    TooLong {
        /// The file.
        path: EntryPath,
        /// The size that the entry states, in bytes.
        size: u64,
    },
    /// The change belongs before one that was written.
    #[error("cannot write `{path}` after `{before}`: that is not the order, see `Writer::order`")]
    Order {
        /// What the change is of.
        path: EntryPath,
        /// What the change before is of.
        before: EntryPath,
    },
    /// There is a change of this kind for the path already.
    #[error("cannot write `{0}` twice")]
    Duplicate(EntryPath),
    /// A part of the change cannot be written in an archive.
    #[error("cannot write `{path}`: its {part} cannot be written in a layer")]
    Unrepresentable {
        /// What the change is of.
        path: EntryPath,
        /// The part.
        part: &'static str,
    },
    /// The writer was used after it failed.
    #[error("cannot continue a layer after an error")]
    FailedBefore,
}
