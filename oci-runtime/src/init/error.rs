//! Why a step could not be carried out.

use std::io;

use rustix::io::Errno;

/// The reason of a failed step, as it goes over the wire.
#[derive(Debug)]
pub(crate) struct StepError {
    pub(crate) errno: Option<i32>,
    pub(crate) detail: Option<String>,
}

impl StepError {
    /// A reason of our own.
    pub(crate) fn new(detail: impl Into<String>) -> Self {
        Self { errno: None, detail: Some(detail.into()) }
    }
}

impl From<Errno> for StepError {
    fn from(error: Errno) -> Self {
        Self { errno: Some(error.raw_os_error()), detail: None }
    }
}

impl From<io::Error> for StepError {
    fn from(error: io::Error) -> Self {
        match error.raw_os_error() {
            Some(errno) => Self { errno: Some(errno), detail: None },
            None => Self::new(error.to_string()),
        }
    }
}

/// Says what was being done when an error came.
pub(crate) trait Context<T> {
    /// Adds `what` in front of the reason.
    fn context(self, what: impl FnOnce() -> String) -> Result<T, StepError>;
}

impl<T, E: Into<StepError>> Context<T> for Result<T, E> {
    fn context(self, what: impl FnOnce() -> String) -> Result<T, StepError> {
        self.map_err(|error| {
            let error = error.into();
            let detail = match error.detail {
                Some(detail) => format!("{}: {detail}", what()),
                None => what(),
            };
            StepError { errno: error.errno, detail: Some(detail) }
        })
    }
}
