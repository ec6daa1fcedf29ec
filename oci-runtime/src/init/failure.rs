//! What is reported of a step that failed.

use super::error::StepError;
use super::hint::hint;
use crate::plan::Step;
use crate::wire::Failure;

/// What is reported of a failed step: its text, the reason, and what helps.
pub(super) fn failure(step: &Step, StepError { errno, detail }: StepError) -> Failure {
    let hint = errno.and_then(|errno| hint(step, errno)).map(String::from);
    let detail = match (detail, hint) {
        (Some(detail), Some(hint)) => Some(format!("{detail}: {hint}")),
        (detail, hint) => detail.or(hint),
    };
    Failure { step: step.to_string(), is_hook: matches!(step, Step::Hooks(_)), errno, detail }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::FilesystemStep;
    use rustix::io::Errno;

    #[test]
    fn a_failure_names_the_step_the_reason_and_what_helps() {
        let refused = |detail: Option<&str>| StepError {
            errno: Some(Errno::INVAL.raw_os_error()),
            detail: detail.map(Into::into),
        };
        let step = Step::from(FilesystemStep::PivotRoot);
        let help = hint(&step, Errno::INVAL.raw_os_error()).unwrap();
        for (step, error, detail) in [
            (&step, refused(None), Some(help.into())),
            (&step, refused(Some("cannot unmount it")), Some(format!("cannot unmount it: {help}"))),
            (&step, StepError::new("it is a link"), Some("it is a link".into())),
            (&Step::AwaitStart, refused(None), None),
        ] {
            let errno = error.errno;
            let expected = Failure { step: step.to_string(), is_hook: false, errno, detail };
            assert_eq!(failure(step, error), expected);
        }
    }
}
