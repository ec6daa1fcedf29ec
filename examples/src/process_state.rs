//! The state of a process that a library must not change.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::io;
use std::path::PathBuf;

/// The parts of a process that all its threads share, and the signal mask of the calling thread.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProcessState {
    /// The working directory.
    pub working_directory: PathBuf,
    /// The environment.
    pub environment: BTreeMap<OsString, OsString>,
    /// The file mode creation mask, as `/proc/self/status` has it.
    pub umask: String,
    /// The blocked, ignored and caught signals, as `/proc/self/status` has them.
    pub signals: Vec<String>,
    /// The adjustment of the score by which the kernel picks a process to kill when memory runs out.
    pub oom_score_adj: String,
    /// The open file descriptors and what they are open on.
    pub descriptors: BTreeMap<u32, PathBuf>,
}

impl ProcessState {
    /// The state of this process as it is now.
    ///
    /// # Errors
    /// If `/proc` cannot be read.
    pub fn capture() -> io::Result<Self> {
        let status = fs::read_to_string("/proc/thread-self/status")?;
        let line = |name: &str| {
            status.lines().find(|line| line.starts_with(name)).unwrap_or_default().to_owned()
        };
        Ok(Self {
            working_directory: std::env::current_dir()?,
            environment: std::env::vars_os().collect(),
            umask: line("Umask:"),
            signals: ["SigBlk:", "SigIgn:", "SigCgt:"].map(line).to_vec(),
            oom_score_adj: fs::read_to_string("/proc/self/oom_score_adj")?,
            descriptors: descriptors()?,
        })
    }

    /// The name of each part, and whether it is the same in `after`.
    pub fn compare(&self, after: &Self) -> [(&'static str, bool); 6] {
        [
            ("working directory", self.working_directory == after.working_directory),
            ("environment", self.environment == after.environment),
            ("umask", self.umask == after.umask),
            ("signals", self.signals == after.signals),
            ("oom_score_adj", self.oom_score_adj == after.oom_score_adj),
            ("descriptors", self.descriptors == after.descriptors),
        ]
    }
}

fn descriptors() -> io::Result<BTreeMap<u32, PathBuf>> {
    let mut open = BTreeMap::new();
    for entry in fs::read_dir("/proc/self/fd")? {
        let entry = entry?;
        let number = entry.file_name().to_string_lossy().parse().map_err(io::Error::other)?;
        // The descriptor that this listing itself uses is gone by now, or leads to the listed directory.
        match fs::read_link(entry.path()) {
            Ok(target) if !target.ends_with(format!("{}/fd", std::process::id())) => {
                open.insert(number, target);
            }
            _ => {}
        }
    }
    Ok(open)
}
