//! Running the programs of `hooks`: in order, with the state on standard input, within their time.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, Read, Seek, Write};
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{MemfdFlags, memfd_create};
use rustix::process::{Pid, PidfdFlags, pidfd_open};

use crate::plan::Hook;
use crate::trace;

/// What a failed hook wrote to standard error is reported up to this many bytes.
const MAX_STDERR: u64 = 1024;

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
    #[error("hook `{}` ended with {status}{}", path.display(), saying(stderr))]
    Ended { path: PathBuf, status: ExitStatus, stderr: String },
    /// It ran longer than its `timeout`.
    #[error("hook `{}` was killed after its timeout of {seconds} s", path.display())]
    TimedOut { path: PathBuf, seconds: u64 },
}

fn saying(stderr: &str) -> String {
    if stderr.is_empty() { String::new() } else { format!(", saying `{stderr}`") }
}

/// Runs all, in order, up to the first that fails: the others must not run (runtime-spec, `runtime.md#lifecycle`).
///
/// Their working directory is `directory`, or the caller's if there is none.
pub(crate) fn run(
    hooks: &[Hook],
    state: &serde_json::Value,
    directory: Option<&Path>,
) -> Result<(), HookError> {
    hooks.iter().try_for_each(|hook| run_one(hook, state, directory))
}

/// Runs one hook.
pub(crate) fn run_one(
    hook: &Hook,
    state: &serde_json::Value,
    directory: Option<&Path>,
) -> Result<(), HookError> {
    let failed = |source| HookError::Run { path: hook.path.clone(), source };
    let begun = Instant::now();
    let (mut child, mut errors) = spawn(hook, state, directory).map_err(failed)?;
    let status = wait(&mut child, hook.timeout).map_err(failed)?;
    trace::hook_ended(&hook.path, status, begun.elapsed());
    let Some(status) = status else {
        return Err(HookError::TimedOut {
            path: hook.path.clone(),
            seconds: hook.timeout.unwrap_or_default(),
        });
    };
    if status.success() {
        return Ok(());
    }
    let mut stderr = Vec::new();
    let _ = errors.rewind().and_then(|()| errors.take(MAX_STDERR).read_to_end(&mut stderr));
    let stderr = String::from_utf8_lossy(&stderr).trim().replace('\n', "; ");
    Err(HookError::Ended { path: hook.path.clone(), status, stderr })
}

/// Starts a hook. Its standard input and error are files in memory: with pipes, a hook that does not read its input, or
/// writes much, would block until the other side reads or writes.
fn spawn(
    hook: &Hook,
    state: &serde_json::Value,
    directory: Option<&Path>,
) -> io::Result<(Child, File)> {
    let mut input = File::from(memfd_create("state", MemfdFlags::CLOEXEC)?);
    input.write_all(&serde_json::to_vec(state)?)?;
    input.rewind()?;
    let errors = File::from(memfd_create("errors", MemfdFlags::CLOEXEC)?);
    let mut command = Command::new(&hook.path);
    if let Some((name, rest)) = hook.arguments.split_first() {
        std::os::unix::process::CommandExt::arg0(&mut command, name);
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
    command.stdin(input).stdout(Stdio::null()).stderr(errors.try_clone()?);
    Ok((crate::spawn::spawn(&mut command)?, errors))
}

/// Waits for the end. None: it was killed at the end of its timeout.
fn wait(child: &mut Child, timeout: Option<u64>) -> io::Result<Option<ExitStatus>> {
    // A timeout beyond what the clock can hold is none.
    let end = timeout.and_then(|seconds| Instant::now().checked_add(Duration::from_secs(seconds)));
    let Some(end) = end else { return child.wait().map(Some) };
    let pid = i32::try_from(child.id())
        .ok()
        .and_then(Pid::from_raw)
        .ok_or(io::ErrorKind::InvalidInput)?;
    let pidfd = pidfd_open(pid, PidfdFlags::empty())?;
    loop {
        let left = end.saturating_duration_since(Instant::now());
        let left =
            Timespec { tv_sec: left.as_secs() as i64, tv_nsec: i64::from(left.subsec_nanos()) };
        match poll(&mut [PollFd::new(&pidfd.as_fd(), PollFlags::IN)], Some(&left)) {
            Ok(0) => break,
            Ok(_) => return child.wait().map(Some),
            // A signal handler of the caller ran; the time that is left bounds the loop.
            Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
    child.kill()?;
    child.wait()?;
    Ok(None)
}
