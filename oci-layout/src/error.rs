use std::error::Error as StdError;
use std::{fmt, io};

/// Why an operation on a store failed.
///
/// Its text says what was being done to what; the reason is its [`source`](StdError::source). The kinds have
/// counterparts of [`io::ErrorKind`], as which it passes through the traits of `oci-image`.
#[derive(Debug)]
pub struct Error {
    kind: ErrorKind,
    message: String,
    source: Option<Box<dyn StdError + Send + Sync>>,
}

/// The kinds of failure that a caller may want to tell apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The layout, name, digest or platform does not exist.
    NotFound,
    /// The directory of a new layout holds other files.
    NotEmpty,
    /// More than one image has the name.
    Ambiguous,
    /// The name breaks the rules for names in an index.
    Name,
    /// The layout is of another version.
    Version,
    /// Something in the store breaks the specification, or does not have its digest.
    Invalid,
    /// The index was changed by another writer meanwhile.
    Changed,
    /// The garbage of layouts that share their blobs is collected by
    /// [`collect_shared_garbage`](crate::Layout::collect_shared_garbage), all at once, that of others by
    /// [`collect_garbage`](crate::Layout::collect_garbage).
    Shared,
    /// This store cannot do it.
    Unsupported,
    /// It is done and every reader sees it, but the disk did not confirm that it survives a power cut.
    ///
    /// A retry proves little: the system may report an error of the disk once and then forget it. Writing to a [`BlobSink`](oci_image::blob::BlobSink) gives an [`io::Error`] around it.
    NotDurable,
    /// The operating system refused a file operation.
    Io,
}

impl Error {
    pub(crate) fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), source: None }
    }

    /// Of kind [`ErrorKind::Invalid`], with what is wrong.
    pub(crate) fn invalid(
        message: impl Into<String>,
        source: impl Into<Box<dyn StdError + Send + Sync>>,
    ) -> Self {
        Self::because(ErrorKind::Invalid, message, source)
    }

    /// With what is wrong, or what to do, in words.
    pub(crate) fn because(
        kind: ErrorKind,
        message: impl Into<String>,
        reason: impl Into<Box<dyn StdError + Send + Sync>>,
    ) -> Self {
        Self { kind, message: message.into(), source: Some(reason.into()) }
    }

    /// Of the kind that `source` has.
    pub(crate) fn io(message: impl Into<String>, source: io::Error) -> Self {
        let inner = source.get_ref().and_then(|inner| inner.downcast_ref::<Self>());
        let kind = match (inner, source.kind()) {
            (Some(inner), _) => inner.kind,
            (None, io::ErrorKind::NotFound) => ErrorKind::NotFound,
            (None, io::ErrorKind::InvalidData) => ErrorKind::Invalid,
            (None, io::ErrorKind::Unsupported) => ErrorKind::Unsupported,
            (None, _) => ErrorKind::Io,
        };
        Self { kind, message: message.into(), source: Some(source.into()) }
    }

    /// `path` has its new content, and the sync of its name failed.
    pub(crate) fn not_durable(path: &str, source: io::Error) -> Self {
        let message = format!(
            "cannot make `{path}` durable: it is in its place, but may not survive a power cut"
        );
        Self { kind: ErrorKind::NotDurable, message, source: Some(source.into()) }
    }

    /// What kind of failure it is.
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.source.as_ref().map(|source| &**source as &(dyn StdError + 'static))
    }
}

impl From<Error> for io::Error {
    fn from(error: Error) -> Self {
        let kind = match error.kind {
            ErrorKind::NotFound => io::ErrorKind::NotFound,
            ErrorKind::NotEmpty => io::ErrorKind::DirectoryNotEmpty,
            ErrorKind::Name => io::ErrorKind::InvalidInput,
            ErrorKind::Version | ErrorKind::Shared | ErrorKind::Unsupported => {
                io::ErrorKind::Unsupported
            }
            ErrorKind::Ambiguous | ErrorKind::Invalid => io::ErrorKind::InvalidData,
            ErrorKind::Changed => io::ErrorKind::ResourceBusy,
            ErrorKind::NotDurable | ErrorKind::Io => io::ErrorKind::Other,
        };
        Self::new(kind, error)
    }
}
