use std::error::Error as StdError;
use std::fmt;
use std::io;

use http::StatusCode;
use oci_image::distribution::RegistryError;

use crate::transport::{TransportError, TransportErrorKind};

/// Why an operation on a registry failed.
///
/// Its text is one line that says what was being done to what, and why that failed; the cause below,
/// if there is one, is the [source](StdError::source). It never holds a credential.
pub struct Error(Box<Parts>);

struct Parts {
    kind: ErrorKind,
    action: String,
    reason: Option<String>,
    status: Option<StatusCode>,
    codes: Vec<RegistryError>,
    attempts: u32,
    source: Option<Box<dyn StdError + Send + Sync>>,
    mirror: Option<Error>,
}

/// The kinds of [`Error`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The configuration cannot be used, or a name is not one.
    Configuration,
    /// No connection to the server could be made.
    Unreachable,
    /// The server is there, and no secure connection to it could be made.
    Tls,
    /// The connection failed on the way.
    Transport,
    /// The server took too long or sent too slowly.
    Timeout,
    /// The registry wants credentials, or refuses those it got.
    Unauthorized,
    /// The registry knows its caller, and refuses.
    Denied,
    /// What was requested is not there.
    NotFound,
    /// The registry wants fewer requests, for longer than the client waits.
    RateLimited,
    /// The registry does not do this.
    Unsupported,
    /// The registry refused the request for another reason.
    Refused,
    /// The registry failed.
    Server,
    /// The registry broke the protocol, or asked for something that is not safe.
    Protocol,
    /// Content is not what its descriptor says: digest or size.
    Verification,
    /// A manifest or index is not a valid one, or not of the kind that its descriptor says.
    Document,
    /// A limit of [`Limits`](crate::Limits) was passed.
    Limit,
    /// A [`Policy`](crate::Policy) refused it, or the configuration of the machine blocks it.
    Policy,
    /// The content that was to be sent could not be read, or is missing.
    Source,
    /// The content received could not be written.
    Sink,
    /// The caller aborted it.
    Aborted,
}

impl Error {
    /// What kind of failure it is.
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// The HTTP status of the answer that is the reason, if an answer is.
    pub fn status(&self) -> Option<u16> {
        let own = self.0.status.map(|status| status.as_u16());
        own.or_else(|| self.inner()?.status())
    }

    /// What the registry itself says went wrong, if it does: at most five entries, printable and
    /// shortened, without the credentials of the request.
    pub fn codes(&self) -> &[RegistryError] {
        match self.inner() {
            Some(inner) if self.0.codes.is_empty() => inner.codes(),
            _ => &self.0.codes,
        }
    }

    /// How often the request was sent that failed last, at least 1.
    pub fn attempts(&self) -> u32 {
        self.0.attempts.max(self.inner().map_or(1, Self::attempts))
    }

    /// The error of a part of the action that is the reason for this one, such as of logging in.
    fn inner(&self) -> Option<&Self> {
        self.0.source.as_deref()?.downcast_ref()
    }

    /// Whether the same may succeed later, with nothing changed here: the registry was out of reach, too slow, too
    /// busy, or failed.
    pub fn is_transient(&self) -> bool {
        match self.0.kind {
            ErrorKind::Unreachable
            | ErrorKind::Transport
            | ErrorKind::Timeout
            | ErrorKind::RateLimited
            | ErrorKind::Server => true,
            _ => matches!(self.status(), Some(408 | 425)),
        }
    }

    /// What was being done, such as ``resolve `v1` in `ghcr.io/owner/app` ``.
    pub fn action(&self) -> &str {
        &self.0.action
    }

    /// A text of the caller's that is not the name that it should be; `reason` says why.
    pub(crate) fn name(
        action: impl Into<String>,
        reason: impl Into<Box<dyn StdError + Send + Sync>>,
    ) -> Self {
        Self::new(ErrorKind::Configuration, action).with_source(reason)
    }

    pub(crate) fn new(kind: ErrorKind, action: impl Into<String>) -> Self {
        Self(Box::new(Parts {
            kind,
            action: action.into(),
            reason: None,
            status: None,
            codes: Vec::new(),
            attempts: 1,
            source: None,
            mirror: None,
        }))
    }

    /// With what went wrong before at a mirror.
    pub(crate) fn after_mirror(mut self, mirror: Option<Self>) -> Self {
        self.0.mirror = mirror;
        self
    }

    pub(crate) fn because(mut self, reason: impl Into<String>) -> Self {
        self.0.reason = Some(reason.into());
        self
    }

    pub(crate) fn of_kind(mut self, kind: ErrorKind) -> Self {
        self.0.kind = kind;
        self
    }

    pub(crate) fn with_status(mut self, status: StatusCode) -> Self {
        self.0.status = Some(status);
        self
    }

    pub(crate) fn with_codes(mut self, codes: Vec<RegistryError>) -> Self {
        self.0.codes = codes;
        self
    }

    pub(crate) fn after_attempts(mut self, attempts: u32) -> Self {
        self.0.attempts = attempts;
        self
    }

    pub(crate) fn with_source(
        mut self,
        source: impl Into<Box<dyn StdError + Send + Sync>>,
    ) -> Self {
        self.0.source = Some(source.into());
        self
    }

    /// The same for callers of what reads and writes.
    pub(crate) fn into_io(self) -> io::Error {
        let kind = match self.kind() {
            ErrorKind::NotFound => io::ErrorKind::NotFound,
            ErrorKind::Denied | ErrorKind::Unauthorized | ErrorKind::Policy => {
                io::ErrorKind::PermissionDenied
            }
            ErrorKind::Unsupported => io::ErrorKind::Unsupported,
            ErrorKind::Configuration => io::ErrorKind::InvalidInput,
            ErrorKind::Verification
            | ErrorKind::Document
            | ErrorKind::Protocol
            | ErrorKind::Limit => io::ErrorKind::InvalidData,
            ErrorKind::Timeout => io::ErrorKind::TimedOut,
            _ => io::ErrorKind::Other,
        };
        io::Error::new(kind, self)
    }

    pub(crate) fn transport(action: &str, error: TransportError) -> Self {
        let kind = match error.kind() {
            TransportErrorKind::Connect => ErrorKind::Unreachable,
            TransportErrorKind::Tls | TransportErrorKind::NotTls => ErrorKind::Tls,
            TransportErrorKind::Exchange | TransportErrorKind::Unprocessed => ErrorKind::Transport,
            TransportErrorKind::NotHttp => ErrorKind::Protocol,
            TransportErrorKind::Body => ErrorKind::Source,
        };
        let hint = match error.kind() {
            TransportErrorKind::NotTls => {
                "; a registry that is asked over http is named with `Config::plain_http` \
                 (`danger_plain_http` if it is not on this machine)"
            }
            TransportErrorKind::NotHttp => {
                "; a registry that is asked over https is not named with `Config::plain_http`"
            }
            _ => "",
        };
        let reason = format!("{error}{hint}");
        Self::new(kind, action).because(reason).with_source(error.into_source())
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Parts { action, reason, status, codes, mirror, .. } = &*self.0;
        write!(f, "cannot {action}")?;
        if let Some(reason) = reason {
            write!(f, ": {reason}")?;
        }
        if let Some(status) = status {
            write!(f, ": the answer was {}", status.as_u16())?;
            if let Some(words) = status.canonical_reason() {
                write!(f, " {words}")?;
            }
        }
        for error in codes {
            write!(f, "; {error}")?;
        }
        if let Some(mirror) = mirror {
            write!(f, "; before that a mirror failed: {mirror}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Parts { kind, action, reason, status, codes, attempts, source, mirror } = &*self.0;
        f.debug_struct("Error")
            .field("kind", kind)
            .field("action", action)
            .field("reason", reason)
            .field("status", status)
            .field("codes", codes)
            .field("attempts", attempts)
            .field("source", source)
            .field("mirror", mirror)
            .finish()
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.0.source.as_deref().map(|source| source as _)
    }
}
