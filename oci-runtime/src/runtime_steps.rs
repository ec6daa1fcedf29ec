//! The steps of a plan that the launching process carries out.

use std::path::Path;
use std::process::{Command, Stdio};

use crate::cgroup::Cgroup;
use crate::child::Child;
use crate::deadline::Deadline;
use crate::host::IdRange;
use crate::launch::{Launched, RuntimeSteps, run_hook};
use crate::plan::{MapIds, RuntimeStep};
use crate::record::Entry;
use crate::standard_error::StandardError;
use crate::{Error, ErrorKind, Launcher};

/// What the launching process does for a new container.
pub(crate) struct Creation<'a> {
    pub(crate) entry: &'a mut Entry,
    pub(crate) bundle: &'a Path,
    pub(crate) launcher: &'a Launcher,
    pub(crate) deadline: Deadline,
}

impl RuntimeSteps for Creation<'_> {
    fn run(&mut self, step: &RuntimeStep, pid: i32) -> Result<(), Error> {
        let doing = || step.to_string();
        match step {
            RuntimeStep::MakeCgroup(plan) => {
                let cgroup = Cgroup::of(plan, &self.entry.record.id);
                // The record first: if this process is killed after making the cgroup, the record says what to remove.
                if let Some(existing) = cgroup.existing() {
                    let reason = format!("`{}` exists already", existing.display());
                    return Err(Error::new(ErrorKind::Step, doing(), reason));
                }
                self.entry.record.cgroup = cgroup;
                self.entry.save()?;
                let made = self.entry.record.cgroup.make(plan, pid);
                made.map_err(|error| Error::because(ErrorKind::Step, doing(), error))?;
                if plan.unit.is_some() {
                    // systemd has said where it is.
                    self.entry.save()?;
                }
                // The process would be frozen with it, and this one wait for it.
                match self.entry.record.cgroup.frozen_above() {
                    None => Ok(()),
                    Some(above) => {
                        let reason = format!("cgroup `{}` is frozen: thaw it", above.display());
                        Err(Error::new(ErrorKind::Step, doing(), reason))
                    }
                }
            }
            RuntimeStep::EnterCgroup => {
                let entered = self.entry.record.cgroup.enter(pid);
                entered.map_err(|error| Error::because(ErrorKind::Step, doing(), error))
            }
            RuntimeStep::MapIds(ids) => map_ids(ids, pid, &doing()),
            RuntimeStep::Hooks(list) => {
                let state = self.entry.record.state_as(crate::spec::Status::Creating);
                let state = serde_json::to_value(state)
                    .map_err(|error| Error::because(ErrorKind::Hook, doing(), error))?;
                list.hooks.iter().try_for_each(|hook| {
                    run_hook(self.launcher, (list.kind, hook), &state, self.bundle, self.deadline)
                })
            }
        }
    }

    fn process_created(&mut self, launched: &Launched) -> Result<(), Error> {
        let doing = || format!("note process {}", launched.pid);
        let record = &mut self.entry.record;
        record.set_process(launched.pid, &launched.pidfd).map_err(Error::system(doing()))?;
        self.entry.save()
    }

    fn is_out_of_memory(&self) -> bool {
        self.entry.record.cgroup.oom_kills() > Some(0)
    }

    fn is_frozen(&self) -> bool {
        self.entry.record.cgroup.is_frozen_or_below()
    }

    fn thaw(&self) {
        let _ = self.entry.record.cgroup.thaw_all();
    }
}

/// Writes the id mappings of a process's user namespace.
pub(crate) fn map_ids(ids: &MapIds, pid: i32, doing: &str) -> Result<(), Error> {
    if let Some((users, groups)) = &ids.helpers {
        run_helper((users, "uid_map"), pid, &ids.uids, doing)?;
        return run_helper((groups, "gid_map"), pid, &ids.gids, doing);
    }
    let write = |file: &str, text: &str| {
        let path = format!("/proc/{pid}/{file}");
        std::fs::write(&path, text).map_err(|error| {
            Error::because(ErrorKind::Step, doing, error)
                .with_reason(format!("cannot write `{path}`"))
        })
    };
    // Without CAP_SETGID a gid_map is taken only after this: a process could drop a group that denies it access to a
    // file (CVE-2014-8989).
    if ids.deny_setgroups {
        write("setgroups", "deny")?;
    }
    write("uid_map", &crate::init::lines(&ids.uids))?;
    write("gid_map", &crate::init::lines(&ids.gids))
}

/// Has newuidmap or newgidmap, which are set-user-ID programs, write a mapping.
fn run_helper(
    (program, file): (&Path, &str),
    pid: i32,
    ranges: &[IdRange],
    doing: &str,
) -> Result<(), Error> {
    let mut command = Command::new(program);
    command.arg(pid.to_string());
    for range in ranges {
        command.args([range.inside, range.outside, range.size].map(|number| number.to_string()));
    }
    let started = StandardError::new().and_then(|errors| {
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(errors.stdio()?);
        Ok((Child::spawn(&mut command)?, errors))
    });
    let (child, errors) = started.map_err(|error| {
        Error::because(ErrorKind::Step, doing, error)
            .with_reason(format!("cannot run `{}`", program.display()))
    })?;
    let status = child.wait();
    // How it ended is not known where the caller ignores SIGCHLD or waits for any child; what it wrote is.
    let is_written =
        || std::fs::read(format!("/proc/{pid}/{file}")).is_ok_and(|text| !text.is_empty());
    if status.map_or_else(is_written, |status| status.success()) {
        return Ok(());
    }
    let how = status.map_or_else(|| "an unknown status".into(), |status| status.to_string());
    let reason = format!("`{}` ended with {how}{}", program.display(), errors.saying());
    Err(Error::new(ErrorKind::Step, doing, reason))
}
