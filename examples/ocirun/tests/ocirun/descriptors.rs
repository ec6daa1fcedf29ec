//! Descriptors that a program inherits.

use std::process::Command;

use oci_testing::program::run_with;

use super::fixture::{Fixture, OCIRUN};

/// Runs the container by a shell that opens descriptors 3 and 4 before.
fn run(fixture: &Fixture, before: &str, options: &str) -> String {
    let state = fixture.path("state-ocirun").display().to_string();
    let line = format!(
        "echo three > three; echo four > four; exec 3<three 4<four; {before} \
         exec {OCIRUN} --root {state} run {options} {}",
        fixture.id
    );
    run_with(Command::new("sh").args(["-c", &line]).current_dir(fixture.dir.path())).good()
}

#[test]
fn a_program_gets_the_descriptors_that_are_preserved() {
    oci_testing::needs!(root, cgroups, busybox);
    for (count, printed) in
        [(0, "0 1 2 3\n"), (1, "0 1 2 3 4\nthree\n"), (2, "0 1 2 3 4 5\nthree\nfour\n")]
    {
        let line = "cd /proc/self/fd; echo *; for n in 3 4; do [ -f /proc/self/fd/$n ] && cat <&$n; done; true";
        let fixture = Fixture::shell(line);
        assert_eq!(run(&fixture, "", &format!("--preserve-fds {count}")), printed);
    }
}

#[test]
fn a_program_gets_the_sockets_that_were_activated_for_it() {
    oci_testing::needs!(root, cgroups, busybox);
    for (pid, printed) in [("$$", "1 1\nthree\n"), ("1", "\n")] {
        let fixture = Fixture::shell("echo $LISTEN_FDS $LISTEN_PID; [ -z $LISTEN_FDS ] || cat <&3");
        let before = format!("export LISTEN_FDS=1 LISTEN_PID={pid};");
        assert_eq!(run(&fixture, &before, ""), printed);
    }
}
