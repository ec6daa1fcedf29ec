//! The same configuration run by runc: the program sees the same, or what differs is listed with the reason.

mod configs;
mod view;

use std::fs;

use oci_testing::program::Done;

use super::fixture::{Fixture, OCIRUN};
use configs::Config;
use view::View;

/// How many configurations are compared. This variable says another number.
const SAMPLE: (&str, usize) = ("OCIRUN_CONFIGS", 20);

#[test]
fn programs_see_what_runc_shows_them() {
    oci_testing::needs!(root, cgroups, busybox, "runc");
    let all = configs::all();
    assert_eq!(all.len(), 200);
    let sample = std::env::var(SAMPLE.0).map_or(SAMPLE.1, |number| number.parse().unwrap());
    let fixture = Fixture::shell("exec /bin/sh /probe");
    fs::write(fixture.path("rootfs/probe"), view::PROBE).unwrap();
    let passwd = "root:x:0:0::/root:/bin/sh\nweb:x:7:8::/srv:/bin/sh\n";
    fs::write(fixture.path("rootfs/etc/passwd"), passwd).unwrap();
    fs::create_dir_all(fixture.path("data/below")).unwrap();
    let plain = fs::read_to_string(fixture.path("config.json")).unwrap();
    let found: Vec<String> = all
        .iter()
        .step_by(all.len().div_ceil(sample))
        .flat_map(|config| {
            fs::write(fixture.path("config.json"), &plain).unwrap();
            compare(&fixture, config)
        })
        .collect();
    assert!(found.is_empty(), "{} differences:\n{}", found.len(), found.join("\n"));
}

/// What differs between the two.
fn compare(fixture: &Fixture, config: &Config) -> Vec<String> {
    fixture.change(|value| config.apply(value));
    let [ours, theirs] =
        [OCIRUN, "runc"].map(|runtime| fixture.with(runtime, &["run", &fixture.id]));
    let names = config.names();
    if ours.code != theirs.code {
        let said = |done: &Done| format!("{:?}: {}", done.code, done.errors.trim_end());
        return vec![format!("{names}: {} and not {}", said(&ours), said(&theirs))];
    }
    let (ours, theirs) = (View::of(&ours.out), View::of(&theirs.out));
    ours.differences(&theirs).into_iter().map(|line| format!("{names}: {line}")).collect()
}
