//! A process that ends, or whose system calls fail, at each of them in turn.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use oci_layout::LayoutOptions;

use crate::commits::{commit_and_tell, committed, go_on, told};
use crate::fixture::directory;
use crate::worker::{command, job};

/// The calls that change files, and those that find them. Without `close`: what strace makes fail is
/// not done, but a file is closed whatever `close` says.
const CALLS: &str = "openat,mkdir,mkdirat,write,fsync,renameat,unlinkat,flock,newfstatat";

const COMMITS: usize = 2;

/// How many calls of all are tried. This variable says another number.
const SAMPLE: (&str, usize) = ("OCI_LAYOUT_KILLS", 60);

/// Commits in a process under strace.
fn traced<F: Fn()>(test: F, layout: &Path, arguments: &[&str]) -> Output {
    let inner = command(std::env::current_exe().unwrap(), test, "commit", layout);
    let mut strace = Command::new("timeout");
    strace
        .args(["60", "strace", "-f", "-q", "-s", "4096", "-e", &format!("trace={CALLS}")])
        .args(arguments);
    strace.arg("--").arg(inner.get_program()).args(inner.get_args());
    for (name, value) in inner.get_envs() {
        strace.env(name, value.unwrap());
    }
    strace.output().unwrap()
}

/// The numbers of the calls from the first that has to do with the layout to the last.
fn calls<F: Fn()>(test: F) -> std::ops::RangeInclusive<usize> {
    let directory = directory();
    let layout = directory.path().join("layout");
    let log = directory.path().join("log");
    let output = traced(test, &layout, &["-o", log.to_str().unwrap()]);
    assert_eq!(told(&output.stdout), COMMITS, "{output:?}");
    let log = fs::read_to_string(log).unwrap();
    // The harness runs the test in a thread, whose calls strace counts for themselves.
    let path = layout.to_str().unwrap();
    let thread = log.lines().find(|line| line.contains(path)).unwrap();
    let thread = thread.split_once(' ').unwrap().0;
    let lines: Vec<_> = log
        .lines()
        .filter(|line| line.starts_with(thread) && line.contains('(') && !line.contains("resumed>"))
        .collect();
    let first = lines.iter().position(|line| line.contains(path)).unwrap();
    let last = lines.iter().rposition(|line| line.contains("acknowledged")).unwrap();
    assert!(last - first > 80, "{log}");
    first + 1..=last + 1
}

/// Calls `check` for a sample of the calls with their number and its result under `inject`.
fn sweep<F: Fn() + Copy>(test: F, inject: impl Fn(usize) -> String) {
    let numbers = calls(test);
    let sample = std::env::var(SAMPLE.0).map_or(SAMPLE.1, |number| number.parse().unwrap());
    let step = (numbers.clone().count() / sample).max(1);
    let mut cut_off = 0;
    for number in numbers.step_by(step) {
        let directory = directory();
        let layout = directory.path().join("layout");
        let log = directory.path().join("log");
        let inject = inject(number);
        let arguments = ["-o", log.to_str().unwrap(), "-e", &inject];
        let told = told(&traced(test, &layout, &arguments).stdout);
        let there = committed(&layout);
        assert!((told..=told + 1).contains(&there), "{inject}: {told} told of, {there} there");
        cut_off += usize::from(told < COMMITS);
        go_on(&layout);
    }
    assert!(cut_off > 10, "only {cut_off} were cut off");
}

#[test]
#[ignore = "needs strace"]
fn a_process_killed_at_any_call_loses_nothing_it_told_of() {
    if let Some(job) = job() {
        return commit_and_tell(&LayoutOptions::new(), &job.layout, COMMITS).unwrap();
    }
    let this = a_process_killed_at_any_call_loses_nothing_it_told_of;
    sweep(this, |number| format!("inject={CALLS}:signal=KILL:when={number}"));
}

/// A call that fails and did nothing, of those that may.
#[test]
#[ignore = "needs strace"]
fn any_call_that_fails_is_an_error_and_loses_nothing() {
    if let Some(job) = job() {
        // An error is told of by telling no more.
        return drop(commit_and_tell(&LayoutOptions::new(), &job.layout, COMMITS));
    }
    let this = any_call_that_fails_is_an_error_and_loses_nothing;
    sweep(this, |number| format!("inject={CALLS}:error=EIO:when={number}"));
}
