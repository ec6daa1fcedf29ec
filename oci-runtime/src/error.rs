//! Why an operation on a container failed.

use std::error::Error as StdError;
use std::fmt;

/// An operation on a container that failed. Says what was being done to what; `source` says why.
#[derive(Debug)]
pub struct Error {
    kind: ErrorKind,
    doing: String,
    source: Option<Box<dyn StdError + Send + Sync>>,
}

/// The kinds of failure that a caller can act on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The specification cannot be carried out on this host. The source is a [`Refusals`](crate::Refusals).
    Refused,
    /// A step of the plan failed.
    Step,
    /// A hook failed.
    Hook,
    /// The id is none, or is in use.
    Id,
    /// There is no such container.
    NotFound,
    /// The container is not in a state that permits the operation.
    State,
    /// The bundle cannot be read.
    Bundle,
    /// The kernel refused something that is no step of a plan.
    System,
}

impl Error {
    #[cfg(target_os = "linux")]
    pub(crate) fn new(kind: ErrorKind, doing: impl Into<String>) -> Self {
        Self { kind, doing: doing.into(), source: None }
    }

    pub(crate) fn because(
        kind: ErrorKind,
        doing: impl Into<String>,
        source: impl Into<Box<dyn StdError + Send + Sync>>,
    ) -> Self {
        Self { kind, doing: doing.into(), source: Some(source.into()) }
    }

    /// A closure for `map_err` on what the kernel refused.
    #[cfg(target_os = "linux")]
    pub(crate) fn system<E: Into<std::io::Error>>(
        doing: impl Into<String>,
    ) -> impl FnOnce(E) -> Self {
        move |error| Self::because(ErrorKind::System, doing, error.into())
    }

    /// What kind of failure it is.
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.doing)
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.source.as_ref().map(|source| source.as_ref() as &(dyn StdError + 'static))
    }
}
