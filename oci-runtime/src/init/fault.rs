//! Why a step could not be carried out.

use std::io;

use rustix::io::Errno;

/// The reason of a failed step, as it goes over the wire.
#[derive(Debug)]
pub(crate) struct Fault {
    pub(crate) errno: Option<i32>,
    pub(crate) detail: Option<String>,
}

impl Fault {
    /// A reason of our own.
    pub(crate) fn new(detail: impl Into<String>) -> Self {
        Self { errno: None, detail: Some(detail.into()) }
    }
}

impl From<Errno> for Fault {
    fn from(error: Errno) -> Self {
        Self { errno: Some(error.raw_os_error()), detail: None }
    }
}

impl From<io::Error> for Fault {
    fn from(error: io::Error) -> Self {
        match error.raw_os_error() {
            Some(errno) => Self { errno: Some(errno), detail: None },
            None => Self::new(error.to_string()),
        }
    }
}

/// Says what was being done when an error came.
pub(crate) trait Doing<T> {
    /// Adds `what` in front of the reason.
    fn doing(self, what: impl FnOnce() -> String) -> Result<T, Fault>;
}

impl<T, E: Into<Fault>> Doing<T> for Result<T, E> {
    fn doing(self, what: impl FnOnce() -> String) -> Result<T, Fault> {
        self.map_err(|error| {
            let fault = error.into();
            let detail = match fault.detail {
                Some(detail) => format!("{}: {detail}", what()),
                None => what(),
            };
            Fault { errno: fault.errno, detail: Some(detail) }
        })
    }
}
