use std::error::Error;
use std::fmt;
use std::io;

use oci_image::layer::{EntryPath, OverlayError, ReadError};
use oci_image::{Digest, MediaType};
use rustix::io::Errno;

/// Why an image or a layer was not unpacked.
#[derive(Debug)]
pub struct UnpackError(Box<Reason>);

/// The kind of failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum UnpackErrorKind {
    /// The directory cannot be used: it is not empty, or a change of it was interrupted.
    Target,
    /// The image's documents do not fit together, or name layers of a kind that is not known.
    Image,
    /// A blob is missing or cannot be read.
    Source,
    /// Bytes are not the ones that their digest or diff ID names.
    Digest,
    /// A layer is refused: its archive or compression is broken, ambiguous or too large.
    Layer,
    /// A layer has something that this process may not make or this form of tree cannot hold.
    Entry,
    /// The operating system refused.
    Filesystem,
}

#[derive(Debug, thiserror::Error)]
pub(crate) enum Reason {
    #[error("cannot use `{path}` as a root")]
    Root { path: String, source: io::Error },
    #[error("cannot unpack to `{path}`: it is not empty")]
    NotEmpty { path: String },
    #[error("cannot apply a layer to `{path}`: it is incomplete, as {what} was interrupted")]
    Incomplete { path: String, what: String },
    #[error("cannot read the config `{digest}`")]
    Config { digest: Digest, source: io::Error },
    #[error("cannot unpack the image: its root filesystem is of type `{found}`, not `layers`")]
    RootFsType { found: String },
    #[error("cannot unpack the image: it has {layers} layers and {diff_ids} diff IDs")]
    DiffIdCount { layers: usize, diff_ids: usize },
    #[error("cannot read `{digest}`: `{media_type}` is not a media type of layers")]
    NotALayer { digest: Digest, media_type: MediaType },
    #[error("cannot open the blob `{digest}`: it is missing")]
    NoBlob { digest: Digest },
    #[error("cannot open the blob `{digest}`")]
    Open { digest: Digest, source: io::Error },
    #[error("cannot verify the layer: its content has digest `{actual}`, not `{expected}`")]
    DiffId { expected: Digest, actual: Digest },
    #[error("cannot verify the diff ID `{diff_id}`: its algorithm is not known")]
    Unverifiable { diff_id: Digest },
    #[error(transparent)]
    Read(#[from] ReadError),
    #[error("cannot apply layer {number} of {count}, `{digest}`")]
    Layer { number: usize, count: usize, digest: Digest, source: UnpackError },
    #[error("cannot {action} `{path}`")]
    File { action: String, path: EntryPath, source: io::Error },
    #[error("cannot make `{path}`: no range of `Owners::Mapped` has its {what} {id}")]
    Unmapped { path: EntryPath, what: &'static str, id: u32 },
    #[error(
        "cannot make `{path}`: the filesystem takes the name for that of `{found}`, which is there"
    )]
    Folded { path: EntryPath, found: String },
    #[error("cannot make `{path}`: Linux has no device {device}")]
    DeviceNumber { path: EntryPath, device: String },
    #[error(transparent)]
    Overlay(#[from] OverlayError),
    #[error("cannot {action} `{path}` of the store of layers")]
    Store { action: &'static str, path: String, source: io::Error },
    #[error("cannot make the directory `{path}`")]
    Bundle { path: String, source: io::Error },
}

impl UnpackError {
    /// The kind of failure.
    pub fn kind(&self) -> UnpackErrorKind {
        use UnpackErrorKind as Kind;
        match &*self.0 {
            Reason::Root { .. } | Reason::NotEmpty { .. } | Reason::Incomplete { .. } => {
                Kind::Target
            }
            Reason::RootFsType { .. } | Reason::DiffIdCount { .. } | Reason::NotALayer { .. } => {
                Kind::Image
            }
            Reason::Config { .. } | Reason::NoBlob { .. } | Reason::Open { .. } => Kind::Source,
            Reason::DiffId { .. } | Reason::Unverifiable { .. } => Kind::Digest,
            Reason::Read(ReadError::Source { source, .. }) if is_mismatch(source) => Kind::Digest,
            Reason::Read(ReadError::Source { .. }) => Kind::Source,
            Reason::Read(_) => Kind::Layer,
            Reason::Layer { source, .. } => source.kind(),
            Reason::File { .. } | Reason::Bundle { .. } | Reason::Store { .. } => Kind::Filesystem,
            Reason::Unmapped { .. }
            | Reason::DeviceNumber { .. }
            | Reason::Folded { .. }
            | Reason::Overlay(_) => Kind::Entry,
        }
    }

    /// The error of the operating system, if there is one.
    pub fn io_kind(&self) -> Option<io::ErrorKind> {
        match &*self.0 {
            Reason::Root { source, .. }
            | Reason::File { source, .. }
            | Reason::Store { source, .. }
            | Reason::Bundle { source, .. } => Some(source.kind()),
            Reason::Layer { source, .. } => source.io_kind(),
            _ => None,
        }
    }

    /// The system's refusal to make a bundle's directory.
    pub(crate) fn bundle(path: &std::path::Path, source: io::Error) -> Self {
        Reason::Bundle { path: path.display().to_string(), source }.into()
    }

    /// The system's refusal to do something to a file.
    pub(crate) fn file(action: impl Into<String>, path: &EntryPath, error: Errno) -> Self {
        let (action, path) = (action.into(), path.clone());
        Reason::File { action, path, source: error.into() }.into()
    }
}

fn is_mismatch(error: &io::Error) -> bool {
    error.get_ref().is_some_and(|inner| inner.is::<oci_image::oci_digest::VerifyError>())
}

impl fmt::Display for UnpackError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Error for UnpackError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.0.source()
    }
}

impl From<Reason> for UnpackError {
    fn from(reason: Reason) -> Self {
        Self(Box::new(reason))
    }
}

impl From<ReadError> for UnpackError {
    fn from(error: ReadError) -> Self {
        Reason::Read(error).into()
    }
}
