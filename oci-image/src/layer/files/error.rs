use std::io;

use oci_digest::Digest;

use crate::MediaType;
use crate::layer::{EntryPath, ReadError, WriteError};

/// Why the files of an image cannot be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FilesError {
    /// The config has not as many diff IDs as the manifest has layers.
    #[error("cannot read the layers of the image: it has {layers} layers and {diff_ids} diff IDs")]
    DiffIdCount {
        /// The number of layers in the manifest.
        layers: usize,
        /// The number of diff IDs in the config.
        diff_ids: usize,
    },
    /// Something is wrong with a layer.
    #[error("cannot read layer {number} of {count}, `{digest}`")]
    Layer {
        /// Which one, from 1.
        number: usize,
        /// How many there are.
        count: usize,
        /// The digest of its blob.
        digest: Digest,
        /// What is wrong.
        source: Box<FilesError>,
    },
    /// It is not a layer of a known kind.
    #[error("`{media_type}` is not the type of a layer of a known kind")]
    NotALayer {
        /// What its descriptor says.
        media_type: MediaType,
    },
    /// The blob cannot be opened.
    #[error("cannot open the blob")]
    Open {
        /// What the source of blobs said.
        source: io::Error,
    },
    /// The blob is missing.
    #[error("the blob is missing")]
    NoBlob,
    /// The diff ID is of an algorithm that is not known here, so nothing could be verified.
    #[error("the diff ID `{diff_id}` cannot be verified")]
    Unverifiable {
        /// The diff ID.
        diff_id: Digest,
    },
    /// The content is not that of the diff ID.
    #[error("the uncompressed layer has digest `{actual}`, not `{expected}`")]
    DiffId {
        /// The diff ID.
        expected: Digest,
        /// The digest that it has.
        actual: Digest,
    },
    /// The layer is refused.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// A path cannot be followed or used.
    #[error("cannot reach `{path}`")]
    Path {
        /// The path.
        path: EntryPath,
        /// What it is.
        #[source]
        obstacle: Obstacle,
    },
    /// The archive cannot be written.
    #[error(transparent)]
    Write(#[from] WriteError),
}

/// Why a path of an image cannot be followed or used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum Obstacle {
    /// There is nothing.
    #[error("it does not exist")]
    NotFound,
    /// What the path leads through is not a directory.
    #[error("it leads through something that is not a directory")]
    NotADirectory,
    /// It is not a regular file.
    #[error("it is not a regular file")]
    NotAFile,
    /// A directory cannot have another name.
    #[error("it is linked to a directory")]
    LinkToDirectory,
    /// The way leads through too many symbolic links.
    #[error("it leads through more than 40 symbolic links")]
    Loop,
    /// [`Limits::files_bytes`](crate::layer::Limits::files_bytes).
    #[error("the files up to there take more than {0} bytes of memory, see `Limits::files_bytes`")]
    TooMuch(u64),
    /// The file is too large.
    #[error("it has {size} bytes, more than {limit}")]
    TooLarge {
        /// Its size in bytes.
        size: u64,
        /// The limit in bytes.
        limit: u64,
    },
}
