use std::error::Error;
use std::{fmt, io};

use oci_image::Digest;
use oci_image::build::Layer;
use oci_image::layer::{EntryPath, WriteError};
use rustix::io::Errno;

/// Why a tree was not packed.
#[derive(Debug)]
pub struct PackError(Box<Reason>);

/// The kind of failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum PackErrorKind {
    /// The tree is incomplete, or cannot be read.
    Tree,
    /// The tree holds something that a layer cannot, or that was changed while it was read.
    Entry,
    /// The layer cannot be written or stored.
    Store,
}

#[derive(Debug, thiserror::Error)]
pub(crate) enum Reason {
    #[error("cannot use `{path}` as a root")]
    Root { path: String, source: io::Error },
    #[error("cannot pack `{path}`: it is incomplete, as {what} was interrupted")]
    Incomplete { path: String, what: String },
    #[error("cannot {action} `{path}`")]
    File { action: &'static str, path: EntryPath, source: io::Error },
    #[error("cannot pack `{path}`: it is nested too deep")]
    Depth { path: EntryPath },
    #[error("cannot pack `{path}`: no range of `Owners::Mapped` has its {what} {id}")]
    Unmapped { path: EntryPath, what: &'static str, id: u32 },
    #[error(
        "cannot pack `{path}`: its attribute `{xattr}` leads to a lower directory of an overlay; pack \
         the upper directory by `Pack::overlay`"
    )]
    NeedsOverlay { path: EntryPath, xattr: String },
    #[error(
        "cannot pack `{path}`: its attribute `{xattr}` leads to a lower directory of the overlay; \
         give the lower directories to `Pack::overlay`"
    )]
    NeedsLower { path: EntryPath, xattr: String },
    #[error(
        "cannot pack `{path}`: what its attribute `{xattr}` leads to is not in the lower directories; \
         give those to `Pack::overlay` that the overlay was mounted with"
    )]
    NotBelow { path: EntryPath, xattr: String },
    #[error(
        "cannot pack `{path}`: another name of it was removed, and what it was changed to by that one \
         is in the index of the overlay; mount it with `index=off`, or pack what it shows by \
         `Pack::difference`"
    )]
    Index { path: EntryPath },
    #[error("cannot pack `{path}`: the attribute `{xattr}` of overlays is not known")]
    UnknownOverlay { path: EntryPath, xattr: String },
    #[error(transparent)]
    Write(#[from] WriteError),
    #[error("cannot begin to store the layer")]
    Begin { source: io::Error },
    #[error("cannot write the layer to a temporary file")]
    Temporary { source: io::Error },
    #[error("cannot store the layer `{digest}`")]
    Store { digest: Digest, source: io::Error },
}

impl Reason {
    pub(super) fn store(layer: &Layer, source: io::Error) -> Self {
        Self::Store { digest: layer.descriptor.digest.clone(), source }
    }
}

impl PackError {
    /// The kind of failure.
    pub fn kind(&self) -> PackErrorKind {
        use PackErrorKind as Kind;
        match &*self.0 {
            Reason::Root { .. } | Reason::Incomplete { .. } | Reason::File { .. } => Kind::Tree,
            Reason::Write(WriteError::Content { .. }) => Kind::Tree,
            Reason::Depth { .. }
            | Reason::Unmapped { .. }
            | Reason::NeedsOverlay { .. }
            | Reason::NeedsLower { .. }
            | Reason::NotBelow { .. }
            | Reason::Index { .. }
            | Reason::UnknownOverlay { .. } => Kind::Entry,
            Reason::Write(
                WriteError::TooShort { .. }
                | WriteError::TooLong { .. }
                | WriteError::Unrepresentable { .. },
            ) => Kind::Entry,
            Reason::Write(_)
            | Reason::Begin { .. }
            | Reason::Temporary { .. }
            | Reason::Store { .. } => Kind::Store,
        }
    }

    /// The error of the operating system, if there is one.
    pub fn io_kind(&self) -> Option<io::ErrorKind> {
        match &*self.0 {
            Reason::Root { source, .. }
            | Reason::File { source, .. }
            | Reason::Begin { source }
            | Reason::Temporary { source }
            | Reason::Store { source, .. }
            | Reason::Write(WriteError::Write(source) | WriteError::Content { source, .. }) => {
                Some(source.kind())
            }
            _ => None,
        }
    }

    pub(crate) fn file(action: &'static str, path: &EntryPath, error: Errno) -> Self {
        Reason::File { action, path: path.clone(), source: error.into() }.into()
    }
}

impl fmt::Display for PackError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Error for PackError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.0.source()
    }
}

impl From<Reason> for PackError {
    fn from(reason: Reason) -> Self {
        Self(Box::new(reason))
    }
}

impl From<WriteError> for PackError {
    fn from(error: WriteError) -> Self {
        Reason::Write(error).into()
    }
}
