use std::ffi::OsStr;
use std::fs;
use std::process::Command;

use oci_examples::process_state::ProcessState;
use rustix::fs::Mode;

/// The parts that differ between two states.
fn changed(before: &ProcessState, after: &ProcessState) -> Vec<&'static str> {
    before.compare(after).into_iter().filter(|(_, same)| !same).map(|(name, _)| name).collect()
}

/// Changes one part of this process.
fn change(part: &str) -> Option<fs::File> {
    match part {
        "working directory" => std::env::set_current_dir("/proc/self").unwrap(),
        "umask" => drop(rustix::process::umask(Mode::RWXU)),
        "oom_score_adj" => fs::write("/proc/self/oom_score_adj", "1000").unwrap(),
        "descriptors" => return Some(fs::File::open("/dev/null").unwrap()),
        other => panic!("cannot change `{other}`"),
    }
    None
}

const ALONE: &str = "OCI_EXAMPLES_CHANGES";

/// Each change is made in a process of its own: this test alone, run again with the name of the part.
#[test]
fn a_change_of_the_process_is_seen_and_named() {
    const SELF: &str = "process_state::a_change_of_the_process_is_seen_and_named";
    if let Ok(part) = std::env::var(ALONE) {
        let before = ProcessState::capture().unwrap();
        assert_eq!(changed(&before, &ProcessState::capture().unwrap()), Vec::<&str>::new());
        let _kept = change(&part);
        assert_eq!(changed(&before, &ProcessState::capture().unwrap()), [part]);
        return;
    }
    for part in ["working directory", "umask", "oom_score_adj", "descriptors"] {
        let output = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", SELF, "--test-threads=1"])
            .env(ALONE, part)
            .output()
            .unwrap();
        assert!(output.status.success(), "{part}: {}", String::from_utf8_lossy(&output.stdout));
    }
}

#[test]
fn the_environment_and_the_signals_are_compared() {
    let before = ProcessState::capture().unwrap();
    assert!(before.environment.contains_key(OsStr::new("PATH")));
    assert_eq!(before.signals.len(), 3);
    assert!(before.signals.iter().all(|line| line.len() > 20), "{:?}", before.signals);
    let mut after = before.clone();
    after.environment.insert("NEW".into(), "1".into());
    assert_eq!(changed(&before, &after), ["environment"]);
    let mut after = before.clone();
    after.signals[0].push('1');
    assert_eq!(changed(&before, &after), ["signals"]);
}
