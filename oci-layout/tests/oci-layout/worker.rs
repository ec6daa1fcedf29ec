//! Tests that run in several processes: a test starts its own executable again, as a worker.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

const ROLE: &str = "OCI_LAYOUT_TEST_ROLE";
const LAYOUT: &str = "OCI_LAYOUT_TEST_LAYOUT";

/// What a worker is to do, and with which layout.
pub(crate) struct Job {
    pub(crate) role: String,
    pub(crate) layout: PathBuf,
}

/// The job of this process, if it is a worker.
pub(crate) fn job() -> Option<Job> {
    let layout = std::env::var_os(LAYOUT)?.into();
    Some(Job { role: std::env::var(ROLE).unwrap(), layout })
}

/// The arguments and variables that make `program` run `test` alone, as a worker.
///
/// `test` begins with a look at [`job`].
pub(crate) fn command<F: Fn()>(
    program: impl AsRef<std::ffi::OsStr>,
    test: F,
    role: &str,
    layout: &Path,
) -> Command {
    let _ = test;
    let (_, name) = std::any::type_name::<F>().split_once("::").unwrap();
    let mut command = Command::new(program);
    command.args(["--exact", name, "--test-threads=1", "--nocapture"]);
    command.env(ROLE, role).env(LAYOUT, layout).stdin(Stdio::null()).stdout(Stdio::piped());
    command
}

/// A worker, ended when it is dropped.
pub(crate) struct Worker(Child);

impl Worker {
    pub(crate) fn spawn<F: Fn()>(test: F, role: &str, layout: &Path) -> Self {
        let program = std::env::current_exe().unwrap();
        Self(command(program, test, role, layout).spawn().unwrap())
    }

    /// Waits for its end, which must be a good one.
    pub(crate) fn join(mut self) {
        let status = self.0.wait().unwrap();
        assert!(status.success(), "a worker failed: {status}");
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
