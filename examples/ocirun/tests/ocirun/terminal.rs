//! Terminals of containers.

use std::process::{Command, Stdio};

use oci_testing::program::run_with;
use serde_json::json;

use super::fixture::{Fixture, OCIRUN};

/// Runs a command of ocirun in a terminal of 33 lines and 99 columns, in which a line is typed.
fn in_terminal(fixture: &Fixture, arguments: &str) -> (Option<i32>, String) {
    let state = fixture.path("state-ocirun");
    let line =
        format!("stty rows 33 cols 99; exec {OCIRUN} --root {} {arguments}", state.display());
    let mut script = Command::new("sh");
    script.args([
        "-c",
        "echo typed | script --quiet --return --command \"$1\" /dev/null",
        "-",
        &line,
    ]);
    let done = run_with(script.current_dir(fixture.dir.path()).stdin(Stdio::null()));
    (done.code, done.out.replace('\r', ""))
}

#[test]
fn a_program_has_the_terminal_of_the_caller() {
    oci_testing::needs!(root, cgroups, busybox, "script");
    let line = "stty size; ls -l /proc/self/fd/0 | grep -o /dev/pts/0; read x; echo got $x; exit 3";
    let fixture = Fixture::shell(line);
    fixture.change(|config| config["process"]["terminal"] = true.into());
    let (code, printed) = in_terminal(&fixture, &format!("run {}", fixture.id));
    // What is typed is echoed at any time before it is read.
    let lines = ["33 99\n", "/dev/pts/0\n", "got typed\n"];
    assert!(lines.iter().all(|line| printed.contains(line)), "{printed}");
    assert_eq!(code, Some(3));
}

#[test]
fn a_program_that_is_added_has_the_terminal_of_the_caller() {
    oci_testing::needs!(root, cgroups, busybox, "script");
    let fixture = Fixture::shell("exec sleep 1000");
    fixture.create(OCIRUN);
    fixture.ocirun(&["start", &fixture.id]).good();
    let program = "sh -c 'stty size; read x; echo got \\$x; exit 4'".replace("\\$", "$");
    let (code, printed) = in_terminal(&fixture, &format!("exec --tty {} {program}", fixture.id));
    assert!(printed.contains("33 99\n") && printed.ends_with("got typed\n"), "{printed}");
    assert_eq!(code, Some(4));
}

#[test]
fn a_terminal_without_a_receiver_is_refused() {
    oci_testing::needs!(root, cgroups, busybox);
    let fixture = Fixture::shell("true");
    fixture.change(|config| config["process"]["terminal"] = json!(true));
    let error = fixture.ocirun(&["create", &fixture.id]).bad(1);
    assert!(error.contains("without setting console socket"), "{error}");
    fixture.change(|config| config["process"]["terminal"] = json!(false));
    let error = fixture.ocirun(&["create", "--console-socket", "socket", &fixture.id]).bad(1);
    assert!(error.contains("cannot use console socket"), "{error}");
}
