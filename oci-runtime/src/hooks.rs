//! Running the programs of `hooks`: in order, with the state on standard input, within their time. In an init, whose
//! children nobody else waits for.

use std::ffi::OsStr;
use std::io::{self, Seek, Write};
use std::os::fd::AsFd;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use rustix::process::{Pid, PidfdFlags, Signal, kill_process_group, pidfd_open};

use crate::plan::{Hook, ProcessStep};
use crate::standard_error::StandardError;
use crate::wait::until_ended;
use crate::{memory_file, sys};

/// A hook that failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum HookError {
    /// It could not be run.
    #[error("cannot run hook `{}`", path.display())]
    Run {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    /// It ended without success.
    #[error("hook `{}` ended with {status}{saying}", path.display())]
    Ended { path: PathBuf, status: ExitStatus, saying: String },
    /// It ran longer than its `timeout`.
    #[error("hook `{}` was killed after its timeout of {seconds} s", path.display())]
    TimedOut { path: PathBuf, seconds: u64 },
}

/// Runs all, in order, up to the first that fails: the others must not run (runtime-spec, `runtime.md#lifecycle`).
///
/// Their working directory is `directory`, or the caller's if there is none. Each gives up `rights` before it is executed.
pub(crate) fn run(
    hooks: &[Hook],
    state: &serde_json::Value,
    directory: Option<&Path>,
    rights: &[ProcessStep],
) -> Result<(), HookError> {
    hooks.iter().try_for_each(|hook| run_one(hook, state, directory, rights))
}

/// Runs one hook.
fn run_one(
    hook: &Hook,
    state: &serde_json::Value,
    directory: Option<&Path>,
    rights: &[ProcessStep],
) -> Result<(), HookError> {
    let failed = |source| HookError::Run { path: hook.path.clone(), source };
    let (mut child, errors) = spawn(hook, state, directory, rights).map_err(failed)?;
    let status = wait(&mut child, hook.timeout).map_err(failed)?;
    let Some(status) = status else {
        return Err(HookError::TimedOut {
            path: hook.path.clone(),
            seconds: hook.timeout.unwrap_or_default(),
        });
    };
    if status.success() {
        return Ok(());
    }
    Err(HookError::Ended { path: hook.path.clone(), status, saying: errors.saying() })
}

/// Starts a hook. Its standard input and error are files in memory: with pipes, a hook that does not read its input, or
/// writes much, would block until the other side reads or writes.
fn spawn(
    hook: &Hook,
    state: &serde_json::Value,
    directory: Option<&Path>,
    rights: &[ProcessStep],
) -> io::Result<(Child, StandardError)> {
    let mut input = memory_file::create("state")?;
    input.write_all(&serde_json::to_vec(state)?)?;
    input.rewind()?;
    let errors = StandardError::new()?;
    let mut command = Command::new(&hook.path);
    if let Some((name, rest)) = hook.arguments.split_first() {
        command.arg0(name);
        command.args(rest);
    }
    command.env_clear();
    for entry in &hook.environment {
        let (name, value) = entry.split_once('=').unwrap_or((entry, ""));
        command.env(OsStr::new(name), OsStr::new(value));
    }
    if let Some(directory) = directory {
        command.current_dir(directory);
    }
    if !rights.is_empty() {
        let rights = rights.to_vec();
        sys::execute::before_exec(&mut command, move || crate::init::give_up(&rights));
    }
    // A group of its own, which ends with it when its time is over.
    command.process_group(0);
    command.stdin(input).stdout(Stdio::null()).stderr(errors.stdio()?);
    Ok((crate::spawn::spawn(&mut command)?, errors))
}

/// Waits for the end. None: it was killed at the end of its timeout, with its process group.
fn wait(child: &mut Child, timeout: Option<u64>) -> io::Result<Option<ExitStatus>> {
    let Some(timeout) = timeout else { return child.wait().map(Some) };
    let pid = Pid::from_child(child);
    let pidfd = pidfd_open(pid, PidfdFlags::empty())?;
    if until_ended(pidfd.as_fd(), Some(Duration::from_secs(timeout)))? {
        return child.wait().map(Some);
    }
    // Not waited for yet, so that the number is still its group's.
    kill_process_group(pid, Signal::KILL)?;
    child.wait()?;
    Ok(None)
}
