//! What a crash or a failing disk may do to a layout.
//!
//! A scenario runs over a recorder, which logs every file operation. The replayer then builds each
//! state of the disk that a power cut may leave, and the promises are checked on each.

mod cut;
mod faults;
#[cfg(target_os = "linux")]
mod gone;
mod limited;
mod locks;
mod promise;
mod recorder;
mod renamed;
mod scenario;
#[cfg(target_os = "linux")]
mod share;

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::Arc;

use cut::{Cuts, State};
use promise::Promise;
use recorder::{Op, Recorder};
use scenario::{PARTIAL_STEPS, STEPS, Step};

use oci_testing::directory;

use crate::{Durability, LayoutOptions};

/// The operations of the whole scenario, and what was promised when.
fn record(steps: &[Step], durability: Durability) -> (Vec<Op>, Vec<Promise>) {
    let directory = directory();
    let recorder = Arc::new(Recorder::new(directory.path()));
    let options = LayoutOptions::new().durability(durability);
    let mut promises = vec![Promise::default()];
    for step in steps {
        let mut promise = promises.last().unwrap().clone();
        let layout = options.create_in(directory.path(), recorder.clone()).unwrap();
        step(&layout, &mut promise).unwrap();
        drop(layout);
        recorder.acknowledge();
        promises.push(promise);
    }
    (recorder.operations(), promises)
}

/// What is wrong with a state of the disk when that many steps were acknowledged.
fn check(state: &State, promises: &[Promise], acknowledged: usize) -> Result<(), String> {
    let directory = directory();
    state.write(directory.path());
    promise::check(directory.path(), promises, acknowledged)
        .map_err(|why| format!("{why}: {state:?}"))
}

/// Checks every state; says how many there were, and how those that break a promise do.
fn check_all(cuts: &Cuts, promises: &[Promise]) -> (usize, Vec<String>) {
    let mut count = 0;
    // Cuts at several moments may leave one state: it is looked at once.
    let mut outcomes = BTreeMap::new();
    cuts.each(|acknowledged, state| {
        count += 1;
        outcomes
            .entry((acknowledged, state))
            .or_insert_with_key(|(_, state)| check(state, promises, acknowledged));
        ControlFlow::Continue(())
    });
    (count, outcomes.into_values().filter_map(Result::err).collect())
}

/// Whether a promise is broken in some state, in a way that `counts`.
fn breaks(cuts: &Cuts, promises: &[Promise], counts: impl Fn(&str) -> bool) -> bool {
    let mut broken = false;
    cuts.each(|acknowledged, state| {
        broken = check(&state, promises, acknowledged).is_err_and(|why| counts(&why));
        if broken { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    });
    broken
}

#[test]
fn a_power_cut_breaks_no_promise_of_a_synced_layout() {
    for (steps, least) in [(STEPS, 1800), (PARTIAL_STEPS, 300)] {
        let (operations, promises) = record(steps, Durability::Synced);
        let (count, broken) = check_all(&Cuts::of_power(&operations), &promises);
        assert_eq!(broken.len(), 0, "of {count} states, the first: {}", broken[0]);
        assert!(count > least, "only {count} states");
    }
}

#[test]
fn the_death_of_a_process_breaks_no_promise() {
    for (steps, least) in [(STEPS, 200), (PARTIAL_STEPS, 50)] {
        for durability in [Durability::Synced, Durability::Relaxed] {
            let (operations, promises) = record(steps, durability);
            let (count, broken) = check_all(&Cuts::of_process(&operations), &promises);
            assert_eq!(broken.len(), 0, "of {count} states, the first: {}", broken[0]);
            assert!(count > least, "only {count} states");
        }
    }
}

/// Else a writer would continue behind bytes that are not there, and write all anew.
#[test]
fn a_map_has_its_name_after_all_that_it_lists_is_durable() {
    let (operations, _) = record(PARTIAL_STEPS, Durability::Synced);
    let mut maps = 0;
    for (at, operation) in operations.iter().enumerate() {
        let Op::Rename(from, to) = operation else { continue };
        let Some(partial) = to.strip_suffix(".map") else { continue };
        for path in [from.as_str(), partial] {
            let is_synced = operations[..at].iter().rev().find_map(|before| match before {
                Op::Sync(name) if name == path => Some(true),
                Op::Write(name, _) | Op::WriteAt(name, ..) if name == path => Some(false),
                _ => None,
            });
            assert_ne!(is_synced, Some(false), "`{path}` before `{to}`");
        }
        maps += 1;
    }
    assert!(maps > 2, "only {maps} maps");
}

/// The checks themselves: what promises less is seen to keep less.
#[test]
fn a_power_cut_breaks_what_is_not_synced() {
    let (operations, promises) = record(STEPS, Durability::Relaxed);
    let torn = |why: &str| why.starts_with("cannot open") || why.starts_with("wrong");
    assert!(breaks(&Cuts::of_power(&operations), &promises, torn));

    let synced = record(STEPS, Durability::Synced);
    for missing in ["file", "directory"] {
        let less = synced.0.iter().filter(|operation| match operation {
            Op::Sync(_) => missing != "file",
            Op::SyncDir(_) => missing != "directory",
            _ => true,
        });
        let less: Vec<_> = less.cloned().collect();
        let broken = breaks(&Cuts::of_power(&less), &synced.1, |_| true);
        assert!(broken, "a sync of each {missing} was left out and not missed");
    }
}
