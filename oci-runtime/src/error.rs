//! Why an operation on a container failed.

use std::error::Error as StdError;
use std::fmt;

/// An operation on a container that failed.
///
/// Its text is one line, "cannot ACTION" or "cannot ACTION: REASON"; the cause below, if there is one, is the
/// [source](StdError::source) and is not repeated in the text. `{:#}` prints the line with all causes:
///
/// ```
/// let error = oci_runtime::Bundle::open("/no/such/bundle").unwrap_err();
/// assert_eq!(
///     format!("{error:#}"),
///     "cannot read `/no/such/bundle/config.json`: No such file or directory (os error 2)"
/// );
/// ```
#[derive(Debug)]
pub struct Error {
    kind: ErrorKind,
    action: String,
    reason: Option<String>,
    source: Option<Box<dyn StdError + Send + Sync>>,
}

/// The kinds of failure that a caller can act on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The specification cannot be carried out on this host: the source is a [`Refusals`](crate::Refusals). Or it and the
    /// standard input and output that were given disagree about a terminal.
    Refused,
    /// A step of the plan failed.
    Step,
    /// A hook failed.
    Hook,
    /// The text is not a container ID, or the ID is in use.
    Id,
    /// There is no such container.
    NotFound,
    /// The container is not in a state that permits the operation.
    State,
    /// The bundle cannot be read or written.
    Bundle,
    /// The kernel refused something that is not a step of a plan.
    System,
}

impl Error {
    /// With the reason in words.
    #[cfg(target_os = "linux")]
    pub(crate) fn new(
        kind: ErrorKind,
        action: impl Into<String>,
        reason: impl Into<String>,
    ) -> Self {
        Self { kind, action: action.into(), reason: Some(reason.into()), source: None }
    }

    /// With the error that is the reason.
    pub(crate) fn because(
        kind: ErrorKind,
        action: impl Into<String>,
        source: impl Into<Box<dyn StdError + Send + Sync>>,
    ) -> Self {
        Self { kind, action: action.into(), reason: None, source: Some(source.into()) }
    }

    /// A closure for `map_err` on what the kernel refused.
    #[cfg(target_os = "linux")]
    pub(crate) fn system<E: Into<std::io::Error>>(
        action: impl Into<String>,
    ) -> impl FnOnce(E) -> Self {
        move |error| Self::because(ErrorKind::System, action, error.into())
    }

    /// The same with a reason in words, which stands before the source.
    #[cfg(target_os = "linux")]
    pub(crate) fn with_reason(mut self, reason: impl Into<String>) -> Self {
        self.reason = Some(reason.into());
        self
    }

    /// What kind of failure it is.
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// What was being done, such as ``start container `web-1` `` or `mount proc on /proc (nosuid)`.
    pub fn action(&self) -> &str {
        &self.action
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cannot {}", self.action)?;
        self.reason.as_ref().map_or(Ok(()), |reason| write!(f, ": {reason}"))?;
        if !f.alternate() {
            return Ok(());
        }
        let mut causes = std::iter::successors(self.source(), |&cause| cause.source());
        causes.try_for_each(|cause| write!(f, ": {cause}"))
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.source.as_deref().map(|source| source as _)
    }
}
