//! What a crash or a failing disk may do to a layout.
//!
//! A scenario runs over a recorder, which logs every file operation. The replayer then builds each
//! state of the disk that a power cut may leave, and the promises are checked on each.

mod cut;
mod faults;
mod promise;
mod recorder;
mod scenario;

use std::sync::Arc;

use cut::Cuts;
use promise::Promise;
use recorder::{Op, Recorder};

use crate::{Durability, LayoutOptions};

/// A directory to try in, in memory where there is such a place: syncing it costs nothing there.
fn directory() -> tempfile::TempDir {
    tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap()
}

/// The operations of the whole scenario, and what was promised when.
fn record(durability: Durability) -> (Vec<Op>, Vec<Promise>) {
    let directory = directory();
    let recorder = Arc::new(Recorder::new(directory.path()));
    let options = LayoutOptions::new().durability(durability);
    let mut promises = vec![Promise::default()];
    for step in scenario::STEPS {
        let mut promise = promises.last().unwrap().clone();
        let layout = options.create_in(directory.path(), recorder.clone()).unwrap();
        step(&layout, &mut promise).unwrap();
        drop(layout);
        recorder.acknowledge();
        promises.push(promise);
    }
    (recorder.operations(), promises)
}

/// Checks every state; says how many there were, and the first few in which a promise is broken.
fn check(cuts: &Cuts, promises: &[Promise]) -> (usize, Vec<String>) {
    let mut count = 0;
    let mut broken = Vec::new();
    cuts.each(|acknowledged, state| {
        count += 1;
        let directory = directory();
        state.write(directory.path());
        let outcome = promise::check(directory.path(), promises, acknowledged);
        if let Err(why) = outcome {
            broken.push(format!("{why}: {state:?}"));
        }
    });
    (count, broken)
}

#[test]
fn a_power_cut_breaks_no_promise_of_a_synced_layout() {
    let (operations, promises) = record(Durability::Synced);
    let (count, broken) = check(&Cuts::of_power(&operations), &promises);
    assert_eq!(broken.len(), 0, "of {count} states, the first: {}", broken[0]);
    assert!(count > 1800, "only {count} states");
}

#[test]
fn the_death_of_a_process_breaks_no_promise() {
    for durability in [Durability::Synced, Durability::Relaxed] {
        let (operations, promises) = record(durability);
        let (count, broken) = check(&Cuts::of_process(&operations), &promises);
        assert_eq!(broken.len(), 0, "of {count} states, the first: {}", broken[0]);
        assert!(count > 200, "only {count} states");
    }
}

/// The checks themselves: what promises less is seen to keep less.
#[test]
fn a_power_cut_breaks_what_is_not_synced() {
    let (operations, promises) = record(Durability::Relaxed);
    let (_, broken) = check(&Cuts::of_power(&operations[..operations.len() / 4]), &promises);
    assert!(broken.iter().any(|why| why.contains("cannot open") || why.contains("wrong")));

    let synced = record(Durability::Synced);
    for missing in ["file", "directory"] {
        let less = synced.0.iter().filter(|operation| match operation {
            Op::Sync(_) => missing != "file",
            Op::SyncDir(_) => missing != "directory",
            _ => true,
        });
        let less: Vec<_> = less.take(synced.0.len() / 3).cloned().collect();
        let (_, broken) = check(&Cuts::of_power(&less), &synced.1);
        assert!(!broken.is_empty(), "a sync of each {missing} was left out and not missed");
    }
}
