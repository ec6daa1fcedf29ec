//! A process that ends, or whose system calls fail, at each of them in turn.

mod changes;
mod commits;
mod copies;

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use oci_layout::Layout;
use tempfile::TempDir;

use crate::commits::told;
use crate::fixture::directory;
use crate::worker::{command, job};

/// The calls that change files, and those that find them. Without `close`: what strace makes fail is
/// not done, but a file is closed whatever `close` says.
const CALLS: &str =
    "openat,mkdir,mkdirat,write,fsync,ioctl,linkat,renameat,unlinkat,flock,newfstatat";

/// How many calls of all are tried. This variable says another number.
const SAMPLE: (&str, usize) = ("OCI_LAYOUT_KILLS", 32);

/// What a worker does, and what must be true wherever it is cut off.
struct Scenario {
    /// Makes what the worker finds.
    prepare: fn(&Path),
    /// What it does; it reports each step that is done.
    steps: &'static [fn(&Path) -> io::Result<()>],
    /// Checks what must be true if so many steps were reported, and perhaps the next is done.
    check: fn(&Path, usize),
    /// Does all that is not done, and checks that nothing is left half done.
    go_on: fn(&Path),
}

/// What happens at a call.
#[derive(Clone, Copy)]
enum Injection {
    Kill,
    /// The call fails and does nothing.
    Fail,
}

/// A call of the worker: its name, and how many of that name there were with it.
///
/// That is how strace counts, for each thread.
struct Call {
    name: String,
    number: usize,
}

impl Injection {
    fn at(self, call: &Call) -> String {
        let what = match self {
            Self::Kill => "signal=KILL",
            Self::Fail => "error=EIO",
        };
        format!("inject={}:{what}:when={}", call.name, call.number)
    }
}

/// Does the steps in order and ends at an error, of which it tells by telling no more.
fn work(scenario: &Scenario, place: &Path) {
    outnumber();
    for step in scenario.steps {
        if step(place).is_err() {
            return;
        }
        io::stdout().write_all(b"\nacknowledged \n").unwrap();
    }
}

/// Makes more of the calls that any program makes at its start than the harness does in its thread, so
/// that it is not that one which comes to a number first.
fn outnumber() {
    for _ in 0..64 {
        let mut null = fs::File::options().write(true).open("/dev/null").unwrap();
        null.write_all(b"x").unwrap();
        let _ = null.is_terminal();
        // Not by `statx`, as the standard library does.
        rustix::fs::statat(rustix::fs::CWD, "/dev/null", rustix::fs::AtFlags::empty()).unwrap();
    }
}

/// Works in a process under strace.
fn traced<F: Fn()>(test: F, place: &Path, arguments: &[&str]) -> Output {
    let inner = command(std::env::current_exe().unwrap(), test, "work", place);
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

/// The calls from the first that has to do with the place to the last.
fn calls<F: Fn()>(test: F, scenario: &Scenario) -> Vec<Call> {
    let directory = directory();
    let place = prepared(scenario, &directory);
    let log = directory.path().join("log");
    let output = traced(test, &place, &["-o", log.to_str().unwrap()]);
    assert_eq!(told(&output.stdout), scenario.steps.len(), "{output:?}");
    (scenario.check)(&place, scenario.steps.len());
    let log = fs::read_to_string(log).unwrap();
    // The harness runs the test in a thread.
    let path = place.to_str().unwrap();
    let thread = log.lines().find(|line| line.contains(path)).unwrap();
    let thread = thread.split_once(' ').unwrap().0;
    let mut numbers = BTreeMap::<&str, usize>::new();
    let mut calls = Vec::new();
    let mut after_last = 0;
    for line in log.lines().filter(|line| line.starts_with(thread)) {
        let Some((call, _)) = line.split_once('(') else { continue };
        let name = call.rsplit_once(' ').unwrap().1;
        let number = numbers.entry(name).and_modify(|number| *number += 1).or_insert(1);
        if !calls.is_empty() || line.contains(path) {
            calls.push(Call { name: name.into(), number: *number });
        }
        if line.contains("acknowledged") {
            after_last = calls.len();
        }
    }
    calls.truncate(after_last);
    assert!(calls.len() > 25, "{log}");
    calls
}

fn prepared(scenario: &Scenario, directory: &TempDir) -> PathBuf {
    let place = directory.path().join("place");
    fs::create_dir(&place).unwrap();
    (scenario.prepare)(&place);
    place
}

/// Tries a sample of the calls. In the worker's process it does the work.
#[expect(clippy::print_stdout, reason = "a test that fails shows which call it was")]
fn sweep<F: Fn() + Copy>(test: F, scenario: &Scenario, injection: Injection) {
    if let Some(job) = job() {
        return work(scenario, &job.layout);
    }
    let calls = calls(test, scenario);
    let sample = std::env::var(SAMPLE.0).map_or(SAMPLE.1, |number| number.parse().unwrap());
    let (mut tried, mut cut_off) = (0, 0);
    for call in calls.iter().step_by(calls.len().div_ceil(sample)) {
        let directory = directory();
        let place = prepared(scenario, &directory);
        let log = directory.path().join("log");
        let inject = injection.at(call);
        let output = traced(test, &place, &["-o", log.to_str().unwrap(), "-e", &inject]);
        let told = told(&output.stdout);
        println!("{inject}: told of {told} steps");
        (scenario.check)(&place, told);
        tried += 1;
        cut_off += usize::from(told < scenario.steps.len());
        (scenario.go_on)(&place);
    }
    println!("{cut_off} of {tried} were cut off");
    let enough = match injection {
        // Which of two threads makes a call is not always the same.
        Injection::Kill => tried * 3 / 4,
        // There is another way, or nothing to do about it.
        Injection::Fail => tried / 4,
    };
    assert!(cut_off >= enough, "only {cut_off} of {tried} were cut off");
}

/// The layout that most of it is about.
fn layout(place: &Path) -> Layout {
    Layout::open(place.join("layout")).unwrap()
}

/// Collects the garbage of a layout; nothing else is wrong with it then, nor left of the work.
fn tidy(layout: Layout) {
    let path = layout.path().to_owned();
    drop(layout);
    let layout = Layout::open(&path).unwrap();
    layout.collect_garbage().unwrap();
    assert_eq!(layout.fsck().unwrap(), []);
    let left = fs::read_dir(path.join(".in-flight")).unwrap().map(|it| it.unwrap().file_name());
    assert_eq!(left.collect::<Vec<_>>(), ["lock"]);
}
