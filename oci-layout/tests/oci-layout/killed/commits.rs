//! Images that are stored and named, the first in a layout that is not there yet.

use std::path::Path;

use oci_layout::Layout;

use super::{Injection, Scenario, sweep};
use crate::commits::{commit, committed, go_on};

const COMMITS: Scenario = Scenario {
    prepare: |_| {},
    steps: &[|place| step(place, 0), |place| step(place, 1)],
    check: |place, told| {
        let there = committed(&place.join("layout"));
        assert!((told..=told + 1).contains(&there), "{there} there");
    },
    go_on: |place| go_on(&place.join("layout")),
};

fn step(place: &Path, number: usize) -> std::io::Result<()> {
    commit(&Layout::create(place.join("layout"))?, number)
}

#[test]
fn a_process_killed_at_any_call_loses_nothing_that_it_reported() {
    oci_testing::needs!("strace");
    let this = a_process_killed_at_any_call_loses_nothing_that_it_reported;
    sweep(this, &COMMITS, Injection::Kill);
}

#[test]
fn any_call_that_fails_is_an_error_and_loses_nothing() {
    oci_testing::needs!("strace");
    let this = any_call_that_fails_is_an_error_and_loses_nothing;
    sweep(this, &COMMITS, Injection::Fail);
}
