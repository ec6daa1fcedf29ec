//! Why a step could not be carried out.

use std::error::Error as _;
use std::io;

use rustix::io::Errno;

use crate::hooks::HookError;

/// The reason of a failed step, as it goes to the launching process.
#[derive(Debug)]
pub(crate) struct StepError {
    pub(crate) errno: Option<i32>,
    pub(crate) detail: Option<String>,
}

impl StepError {
    /// A reason in words.
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

impl From<HookError> for StepError {
    fn from(error: HookError) -> Self {
        let text = error.to_string();
        let reason = error.source().and_then(|source| source.downcast_ref::<io::Error>());
        match reason.map(|reason| (reason.raw_os_error(), reason)) {
            Some((errno @ Some(_), _)) => Self { errno, detail: Some(text) },
            Some((None, reason)) => Self::new(format!("{text}: {reason}")),
            None => Self::new(text),
        }
    }
}

/// Says what could not be done.
pub(crate) trait Context<T> {
    /// Puts "cannot ACTION" before the reason.
    fn context(self, action: impl FnOnce() -> String) -> Result<T, StepError>;
}

impl<T, E: Into<StepError>> Context<T> for Result<T, E> {
    fn context(self, action: impl FnOnce() -> String) -> Result<T, StepError> {
        self.map_err(|error| {
            let StepError { errno, detail } = error.into();
            let detail = match detail {
                Some(detail) => format!("cannot {}: {detail}", action()),
                None => format!("cannot {}", action()),
            };
            StepError { errno, detail: Some(detail) }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_detail_says_what_cannot_be_done_and_keeps_the_error_number() {
        let refused = || Err::<(), _>(Errno::INVAL).context(|| "set option `x`".into());
        let run = |source| HookError::Run { path: "/hook".into(), source };
        for (error, errno, detail) in [
            (refused().unwrap_err(), Some(libc::EINVAL), "cannot set option `x`"),
            (
                refused().context(|| "mount it".into()).unwrap_err(),
                Some(libc::EINVAL),
                "cannot mount it: cannot set option `x`",
            ),
            (StepError::new("it is a link"), None, "it is a link"),
            (
                run(io::Error::from_raw_os_error(libc::ENOENT)).into(),
                Some(libc::ENOENT),
                "cannot run hook `/hook`",
            ),
            (run(io::Error::other("why")).into(), None, "cannot run hook `/hook`: why"),
            (
                HookError::TimedOut { path: "/hook".into(), seconds: 2 }.into(),
                None,
                "hook `/hook` was killed after its timeout of 2 s",
            ),
        ] {
            assert_eq!((error.errno, error.detail.as_deref()), (errno, Some(detail)));
        }
    }
}
