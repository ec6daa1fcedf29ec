//! Why a launch failed.

use std::io;
use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;

use super::RuntimeSteps;
use super::conversation::{Outcome, TALK};
use super::greeting::{self, Missing};
use crate::launcher::THREADS;
use crate::standard_error::StandardError;
use crate::wire::Failure;
use crate::{Error, ErrorKind, Launcher};

/// The error of an init that did not do what it was started for.
pub(super) fn failed(
    launcher: &Launcher,
    result: Result<Outcome, Error>,
    status: Option<ExitStatus>,
    errors: StandardError,
    runtime_steps: &dyn RuntimeSteps,
) -> Error {
    match result {
        Ok(Outcome::Missing(missing)) => no_init(launcher, missing, status, errors),
        Ok(Outcome::Closed | Outcome::Done) => {
            ended_early(status, errors, runtime_steps.is_out_of_memory())
        }
        Err(error) => error,
    }
}

/// The error of a program that did not become an init.
fn no_init(
    launcher: &Launcher,
    missing: Missing,
    status: Option<ExitStatus>,
    errors: StandardError,
) -> Error {
    let (how, said) = (how_ended(status), errors.saying());
    let rule = "its `main` must begin with `oci_runtime::init()`";
    let reason = match missing {
        Missing::Threads => THREADS.into(),
        Missing::Closed => format!("it ended before it was an init ({how}){said}: {rule}"),
        Missing::TimedOut => {
            format!("it was not an init within {} s{said}: {rule}", greeting::TIMEOUT.as_secs())
        }
    };
    Error::new(ErrorKind::System, launcher.action(), reason)
}

/// The error of an init that ended before its steps were done.
fn ended_early(status: Option<ExitStatus>, errors: StandardError, out_of_memory: bool) -> Error {
    let (how, said) = (how_ended(status), errors.saying());
    let is_killed = status.and_then(|status| status.signal()) == Some(libc::SIGKILL);
    let reason = match is_killed && out_of_memory {
        true => "the kernel killed it because the memory of its cgroup is used up: raise \
                 `/linux/resources/memory/limit`"
            .into(),
        false => format!("it ended without a report ({how}){said}"),
    };
    Error::new(ErrorKind::System, TALK, reason)
}

fn how_ended(status: Option<ExitStatus>) -> String {
    status.map_or_else(|| "for an unknown reason".into(), |status| status.to_string())
}

/// The error of a step: what the step is, what is known beyond that, and the kernel's reason.
pub(crate) fn step_error(failure: Failure) -> Error {
    let kind = if failure.is_hook { ErrorKind::Hook } else { ErrorKind::Step };
    let Failure { step, errno, detail, .. } = failure;
    match (errno.map(io::Error::from_raw_os_error), detail) {
        (Some(error), Some(detail)) => Error::because(kind, step, error).with_reason(detail),
        (Some(error), None) => Error::because(kind, step, error),
        (None, detail) => Error::new(kind, step, detail.unwrap_or_else(|| "unknown".into())),
    }
}

#[cfg(test)]
mod tests {
    use oci_testing::chain;

    use super::*;

    #[test]
    fn the_error_of_a_step_says_what_cannot_be_done_and_why() {
        let failure = |errno, detail: Option<&str>| {
            step_error(Failure {
                step: "mount proc on /proc".into(),
                is_hook: false,
                errno,
                detail: detail.map(Into::into),
            })
        };
        for (errno, detail, expected) in [
            (
                Some(libc::EPERM),
                None,
                "cannot mount proc on /proc: Operation not permitted (os error 1)",
            ),
            (
                Some(libc::EINVAL),
                Some("cannot set option `x`"),
                "cannot mount proc on /proc: cannot set option `x`: Invalid argument (os error 22)",
            ),
            (None, Some("it is a link"), "cannot mount proc on /proc: it is a link"),
        ] {
            assert_eq!(chain(&failure(errno, detail)), expected);
        }
    }
}
