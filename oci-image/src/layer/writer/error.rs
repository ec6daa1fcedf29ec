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
    #[error("`{path}` has {written} of the {size} bytes that were announced")]
    TooShort {
        /// The file.
        path: EntryPath,
        /// The announced number of bytes.
        size: u64,
        /// The number of bytes received.
        written: u64,
    },
    /// The content of a file is longer than its entry says.
    #[error("`{path}` has more than the {size} bytes that were announced")]
    TooLong {
        /// The file.
        path: EntryPath,
        /// The announced number of bytes.
        size: u64,
    },
    /// The change belongs before one that was written.
    #[error("the change of `{path}` comes after that of `{before}`, against the order")]
    Order {
        /// What the change is of.
        path: EntryPath,
        /// What the change before is of.
        before: EntryPath,
    },
    /// There is a change of this kind for the path already.
    #[error("there are two changes of `{0}`")]
    Duplicate(EntryPath),
    /// A part of the change cannot stand in an archive.
    #[error("the {part} of `{path}` cannot stand in a layer")]
    Unrepresentable {
        /// What the change is of.
        path: EntryPath,
        /// The part.
        part: &'static str,
    },
    /// The writer was used after it failed.
    #[error("cannot write on in a layer after an error")]
    FailedBefore,
}
