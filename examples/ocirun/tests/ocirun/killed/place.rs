//! A process namespace, in which nothing runs but what a test starts.

use std::fs::{self, File};
use std::io::Read;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use oci_testing::program::Done;

use crate::fixture::{Fixture, OCIRUN};

/// How long processes that nobody waits for may take to end.
const END_TIMEOUT: Duration = Duration::from_secs(10);

/// A process namespace whose first process waits for all that lose their parents.
pub(super) struct Place {
    unshare: Child,
    first: String,
}

impl Place {
    pub(super) fn new() -> Self {
        let mut unshare = Command::new("unshare")
            .args(["--pid", "--fork", "--kill-child", "--mount-proc", "sh", "-c"])
            .arg("sleep 100000 & echo begun; wait")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        unshare.stdout.as_mut().unwrap().read_exact(&mut [0; 6]).unwrap();
        let pid = unshare.id();
        let children = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap();
        Self { unshare, first: children.trim().into() }
    }

    /// Runs a command of the runtime in the namespace.
    pub(super) fn run(&self, fixture: &Fixture, arguments: &[&str]) -> Done {
        let state = fixture.path("state-ocirun").display().to_string();
        self.enter(fixture, &[&[OCIRUN, "--root", &state], arguments].concat())
    }

    /// Runs a program in the namespace. What it leaves running has no pipe whose end would be waited for.
    pub(super) fn enter(&self, fixture: &Fixture, program: &[&str]) -> Done {
        let (output, errors) = (fixture.path("output"), fixture.path("errors"));
        let status = Command::new("nsenter")
            .args(["--target", &self.first, "--pid", "--mount", "--wd=."])
            .args(program)
            .current_dir(fixture.dir.path())
            .stdin(Stdio::null())
            .stdout(File::create(&output).unwrap())
            .stderr(File::create(&errors).unwrap())
            .status()
            .unwrap();
        let text = |path| fs::read_to_string(path).unwrap();
        Done { code: status.code(), out: text(output), errors: text(errors) }
    }

    /// What is left of a container: mounts, cgroups, processes, its record.
    pub(super) fn residue(&self, fixture: &Fixture) -> Vec<String> {
        let mut found = self.processes();
        let end = Instant::now() + END_TIMEOUT;
        // An init that has lost its runtime ends by itself.
        while !found.is_empty() && Instant::now() < end {
            std::thread::yield_now();
            found = self.processes();
        }
        let own = fixture.dir.path().to_str().unwrap();
        for process in ["self", &self.first] {
            let mounts = fs::read_to_string(format!("/proc/{process}/mountinfo")).unwrap();
            found.extend(mounts.lines().filter(|line| line.contains(own)).map(String::from));
        }
        for hierarchy in fs::read_dir("/sys/fs/cgroup").into_iter().flatten().flatten() {
            let group = hierarchy.path().join("oci-test").join(&fixture.id);
            found.extend(group.exists().then(|| group.display().to_string()));
        }
        let records = fs::read_dir(fixture.path("state-ocirun")).into_iter().flatten().flatten();
        found.extend(records.map(|entry| entry.path().display().to_string()));
        found
    }

    /// The processes in the namespace, but the two that hold it and those that have ended.
    fn processes(&self) -> Vec<String> {
        let proc = PathBuf::from(format!("/proc/{}/root/proc", self.first));
        let numbers = fs::read_dir(proc).unwrap().flatten().filter(|entry| {
            entry
                .file_name()
                .to_str()
                .and_then(|name| name.parse().ok())
                .is_some_and(|pid: u32| pid > 2)
        });
        numbers
            .filter_map(|entry| fs::read_to_string(entry.path().join("stat")).ok())
            .filter(|stat| !stat.rsplit_once(')').is_some_and(|(_, rest)| rest.starts_with(" Z")))
            .collect()
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = self.unshare.kill();
        let _ = self.unshare.wait();
    }
}
