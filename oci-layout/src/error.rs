use std::error::Error as StdError;
use std::{fmt, io};

/// Why an operation on a store failed.
///
/// What it was doing to what is its text; what went wrong below is its [`source`](StdError::source).
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
    /// There is no such layout, name, digest or platform.
    NotFound,
    /// More than one image has the name.
    Ambiguous,
    /// The name is none that an index may hold.
    Name,
    /// The layout is of another version.
    Version,
    /// Something in the store is not what the spec or a digest says.
    Invalid,
    /// The index was changed by another writer meanwhile.
    Changed,
    /// This store cannot do it.
    Unsupported,
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
        Self { kind: ErrorKind::Invalid, message: message.into(), source: Some(source.into()) }
    }

    /// Of the kind that `source` has.
    pub(crate) fn io(message: impl Into<String>, source: io::Error) -> Self {
        let kind = match source.kind() {
            io::ErrorKind::NotFound => ErrorKind::NotFound,
            io::ErrorKind::InvalidData => ErrorKind::Invalid,
            io::ErrorKind::Unsupported => ErrorKind::Unsupported,
            _ => ErrorKind::Io,
        };
        Self { kind, message: message.into(), source: Some(source.into()) }
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
            ErrorKind::Name => io::ErrorKind::InvalidInput,
            ErrorKind::Version | ErrorKind::Unsupported => io::ErrorKind::Unsupported,
            ErrorKind::Ambiguous | ErrorKind::Invalid => io::ErrorKind::InvalidData,
            ErrorKind::Changed => io::ErrorKind::ResourceBusy,
            ErrorKind::Io => io::ErrorKind::Other,
        };
        Self::new(kind, error)
    }
}
