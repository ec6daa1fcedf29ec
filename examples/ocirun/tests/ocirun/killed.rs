//! The runtime killed at each of its system calls: a forced deletion leaves nothing.

mod place;

use std::collections::BTreeMap;
use std::fs;

use place::Place;

use super::fixture::{Fixture, OCIRUN};

/// How many calls of each command are tried. This variable says another number.
const SAMPLE: (&str, usize) = ("OCIRUN_KILLS", 8);

/// A command that is killed, and what goes before it.
struct Scenario {
    /// What the container runs.
    program: &'static str,
    before: &'static [&'static [&'static str]],
    command: &'static [&'static str],
    whom: Whom,
}

/// Which process is killed.
#[derive(Clone, Copy, PartialEq)]
enum Whom {
    /// The one that was started.
    Runtime,
    /// The first of all processes of the runtime to make the call.
    AnyOfIt,
}

/// A call: its name, and how many of that name there were with it in its process, as strace counts.
struct Call {
    name: String,
    number: usize,
}

const CREATE: &[&str] = &["create", "ID"];
const START: &[&str] = &["start", "ID"];
const SLEEP: &str = "exec sleep 1000";

#[test]
fn a_killed_create_is_undone() {
    oci_testing::needs!(root, cgroups, busybox, "strace", "nsenter");
    sweep(&Scenario { program: SLEEP, before: &[], command: CREATE, whom: Whom::Runtime });
}

#[test]
fn a_killed_start_is_undone() {
    oci_testing::needs!(root, cgroups, busybox, "strace", "nsenter");
    sweep(&Scenario { program: SLEEP, before: &[CREATE], command: START, whom: Whom::Runtime });
}

#[test]
fn a_killed_exec_is_undone() {
    oci_testing::needs!(root, cgroups, busybox, "strace", "nsenter");
    for whom in [Whom::Runtime, Whom::AnyOfIt] {
        let command = &["exec", "ID", "true"];
        sweep(&Scenario { program: SLEEP, before: &[CREATE, START], command, whom });
    }
}

#[test]
fn a_killed_delete_is_completed() {
    oci_testing::needs!(root, cgroups, busybox, "strace", "nsenter");
    let command = &["delete", "--force", "ID"];
    sweep(&Scenario { program: SLEEP, before: &[CREATE, START], command, whom: Whom::Runtime });
}

#[test]
fn a_killed_run_is_undone() {
    oci_testing::needs!(root, cgroups, busybox, "strace", "nsenter");
    for whom in [Whom::Runtime, Whom::AnyOfIt] {
        sweep(&Scenario { program: "true", before: &[], command: &["run", "ID"], whom });
    }
}

/// Kills the command at a sample of its calls, and deletes the container by force.
fn sweep(scenario: &Scenario) {
    let fixture = Fixture::shell(scenario.program);
    let place = Place::new();
    let sample = std::env::var(SAMPLE.0).map_or(SAMPLE.1, |number| number.parse().unwrap());
    let calls = calls(&fixture, &place, scenario);
    let tried = calls.iter().step_by(calls.len().div_ceil(sample));
    let found: Vec<String> = tried
        .flat_map(|Call { name, number }| {
            let inject = format!("inject={name}:signal=KILL:when={number}");
            let left = killed(&fixture, &place, scenario, &inject);
            left.into_iter().map(move |left| format!("{inject}: {left}"))
        })
        .collect();
    assert_eq!(found, Vec::<String>::new(), "of {} calls", calls.len());
}

/// What is left of a container whose command was killed.
fn killed(fixture: &Fixture, place: &Place, scenario: &Scenario, inject: &str) -> Vec<String> {
    trace(fixture, place, scenario, &["-o", "/dev/null", "-e", inject]);
    let deleted = place.run(fixture, &["delete", "--force", &fixture.id]);
    let mut left = place.residue(fixture);
    left.extend((deleted.code != Some(0)).then(|| format!("{deleted:?}")));
    left
}

/// Runs the command of a scenario under strace.
fn trace(fixture: &Fixture, place: &Place, scenario: &Scenario, options: &[&str]) {
    for arguments in scenario.before {
        place.run(fixture, &with_id(fixture, arguments)).good();
    }
    let mut strace = vec!["timeout", "60", "strace", "-qq"];
    strace.extend((scenario.whom == Whom::AnyOfIt).then_some("-f"));
    strace.extend(options);
    let state = fixture.path("state-ocirun").display().to_string();
    strace.extend(["--", OCIRUN, "--root", &state]);
    strace.extend(with_id(fixture, scenario.command));
    place.enter(fixture, &strace);
}

fn with_id<'a>(fixture: &'a Fixture, arguments: &[&'a str]) -> Vec<&'a str> {
    arguments.iter().map(|word| if *word == "ID" { fixture.id.as_str() } else { *word }).collect()
}

/// The calls of a command that nobody kills.
fn calls(fixture: &Fixture, place: &Place, scenario: &Scenario) -> Vec<Call> {
    let log = fixture.path("log");
    trace(fixture, place, scenario, &["-o", log.to_str().unwrap()]);
    place.run(fixture, &["delete", "--force", &fixture.id]).good();
    assert_eq!(place.residue(fixture), Vec::<String>::new());
    let mut seen = BTreeMap::<(&str, &str), usize>::new();
    let mut most = BTreeMap::<&str, usize>::new();
    let mut calls = Vec::new();
    let text = fs::read_to_string(log).unwrap();
    for line in text.lines() {
        let Some((call, _)) = line.split_once('(') else { continue };
        let (process, name) = call.rsplit_once(' ').unwrap_or(("", call));
        if !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_') {
            continue;
        }
        let number = seen.entry((process, name)).or_default();
        *number += 1;
        // Of processes that make the same call as often, the first one is killed.
        let most = most.entry(name).or_default();
        if *number > *most {
            *most = *number;
            calls.push(Call { name: name.into(), number: *number });
        }
    }
    assert!(calls.len() > 50, "{text}");
    calls
}
