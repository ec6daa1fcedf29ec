//! Runs of commands: wall time, CPU time, memory, and size of the result.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

/// A program that does the task.
#[derive(Debug)]
pub(crate) struct Contestant {
    pub(crate) name: &'static str,
    /// What is run before and not measured.
    pub(crate) prepare: String,
    line: String,
}

/// What one run took.
#[derive(Clone, Debug)]
pub(crate) struct Sample {
    /// In seconds.
    pub(crate) wall: f64,
    /// Of all processes and threads, in seconds.
    pub(crate) cpu: f64,
    /// Peak memory in MiB, where the program reports it.
    pub(crate) memory: Option<f64>,
    /// Bytes read from files and pipes, in MiB.
    pub(crate) read: f64,
    /// The size of the largest file made, in MiB.
    pub(crate) largest: f64,
}

impl Contestant {
    pub(crate) fn new(name: &'static str, line: &str) -> Self {
        Self { name, prepare: String::new(), line: line.to_owned() }
    }

    /// Runs it once; None if the program is not installed.
    pub(crate) fn run(&self, out: &Path) -> Option<Sample> {
        remove(out);
        let prepared = shell(&self.prepare, out).status().unwrap();
        assert!(prepared.success(), "{}: {prepared}", self.prepare);
        let (cpu, read, start) = (children(), read_by_children(), Instant::now());
        let output = shell(&self.line, out).output().unwrap();
        let (wall, cpu) = (start.elapsed().as_secs_f64(), children() - cpu);
        let read = read_by_children() - read;
        if output.status.code() == Some(127) {
            return None;
        }
        assert!(output.status.success(), "{}: {}", self.name, output.status);
        let memory = String::from_utf8_lossy(&output.stdout).trim().parse::<f64>().ok();
        let largest = largest(out) as f64 / f64::from(1 << 20);
        remove(out);
        Some(Sample { wall, cpu, memory: memory.map(|kib| kib / 1024.0), read, largest })
    }
}

/// The type of the filesystem that a directory is on.
pub fn filesystem(directory: &Path) -> String {
    let mut stat = Command::new("stat");
    let output = stat.args(["-f", "-c", "%T"]).arg(directory).output().unwrap();
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

fn shell(line: &str, out: &Path) -> Command {
    let mut shell = Command::new("bash");
    shell.args(["-o", "pipefail", "-c", line]).env("OUT", out).stderr(Stdio::null());
    shell
}

fn remove(out: &Path) {
    if out.exists() {
        fs::remove_dir_all(out).unwrap();
    }
}

/// The CPU time of the children that ended, in seconds; the clock ticks 100 times each.
fn children() -> f64 {
    let stat = fs::read_to_string("/proc/self/stat").unwrap();
    let (_, fields) = stat.rsplit_once(')').unwrap();
    let ticks = fields.split_whitespace().skip(13).take(2);
    ticks.map(|field| field.parse::<f64>().unwrap()).sum::<f64>() / 100.0
}

/// How much this process and the children that ended have read, in MiB, from the page cache too.
fn read_by_children() -> f64 {
    let io = fs::read_to_string("/proc/self/io").unwrap();
    let read = io.lines().find_map(|line| line.strip_prefix("rchar: ")).unwrap();
    read.parse::<f64>().unwrap() / f64::from(1 << 20)
}

fn largest(directory: &Path) -> u64 {
    let Ok(entries) = fs::read_dir(directory) else { return 0 };
    let size = |path: &Path| match path.symlink_metadata() {
        Ok(metadata) if metadata.is_dir() => largest(path),
        Ok(metadata) if metadata.is_file() => metadata.len(),
        _ => 0,
    };
    entries.map(|entry| size(&entry.unwrap().path())).max().unwrap_or(0)
}

/// Prints the peak memory of this process, in KiB, as contestants do at their end.
pub fn tell_memory() {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    println!("{}", peak.trim().trim_end_matches(" kB"));
}
