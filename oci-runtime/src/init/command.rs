//! A command of another runtime, which makes a process.

use std::fs;
use std::io;
use std::process::Command;

use rustix::process::set_child_subreaper;

use super::error::{Context, StepError};
use super::steps::{Init, Stop};
use super::supervisor;
use crate::plan::CommandStep;

/// The longest reason of another runtime that is passed on, in bytes.
const REASON_LIMIT: usize = 1024;

impl Init<'_> {
    /// Runs the command, reports the process that it made, waits for it, and ends as it did.
    pub(super) fn command(&mut self, step: &CommandStep) -> Result<(), Stop> {
        let pid = self.run_command(step)?;
        self.report_process(pid).map_err(|_| Stop::Told)?;
        // Before the socket is closed, into which the other side writes it.
        self.reply()?;
        supervisor::supervise(pid)
    }

    fn run_command(&mut self, step: &CommandStep) -> Result<i32, StepError> {
        // The process becomes the child of this one when the command, its parent, ends.
        set_child_subreaper(Some(rustix::process::getpid()))?;
        let mut command = Command::new(&step.program);
        command.args(&step.arguments).env("PATH", &step.search);
        command.current_dir(self.directory.as_deref().unwrap_or("/".as_ref()));
        rustix::process::umask(self.callers_umask);
        let status = command.status().context(|| format!("run `{}`", step.program.display()))?;
        if !status.success() {
            return Err(StepError::new(format!("it ended with {status}{}", reason(step))));
        }
        let text = fs::read_to_string(&step.pid_file)
            .context(|| format!("read `{}`", step.pid_file.display()))?;
        let not_a_number = |_| io::Error::from(io::ErrorKind::InvalidData);
        Ok(text.trim().parse().map_err(not_a_number)?)
    }
}

/// The last line of the runtime's log, which is also in the program's standard error.
fn reason(step: &CommandStep) -> String {
    let log = fs::read_to_string(&step.log).unwrap_or_default();
    let Some(line) = log.lines().rev().find(|line| !line.trim().is_empty()) else {
        return String::new();
    };
    let end = line.char_indices().map(|(at, _)| at).find(|at| *at >= REASON_LIMIT);
    format!(", saying `{}`", &line[..end.unwrap_or(line.len())])
}
