//! What is printed and written without a container.

use std::path::Path;

use oci_testing::program::{Done, run_with};
use serde_json::Value;

use super::fixture::OCIRUN;

fn ocirun(directory: &Path, arguments: &[&str]) -> Done {
    run_with(std::process::Command::new(OCIRUN).args(arguments).current_dir(directory))
}

#[test]
fn a_specification_to_begin_with_is_written_once_and_planned() {
    let directory = tempfile::tempdir().unwrap();
    assert_eq!(ocirun(directory.path(), &["spec", "--rootless"]).good(), "");
    let text = std::fs::read_to_string(directory.path().join("config.json")).unwrap();
    assert!(text.starts_with("{\n\t\"ociVersion\": \""), "{text}");
    let config: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(config["process"]["terminal"], true);
    let again = ocirun(directory.path(), &["spec"]).bad(1);
    assert!(again.ends_with("msg=\"File ./config.json exists. Remove it first\""), "{again}");
    std::fs::create_dir(directory.path().join("rootfs")).unwrap();
    let done = ocirun(directory.path(), &["plan"]);
    // Where there are no user namespaces, each reason why not.
    let printed = if done.code == Some(0) { &done.out } else { &done.errors };
    assert!(printed.starts_with("  1. ") || printed.contains("cannot carry out"), "{printed}");
}

#[test]
fn features_and_the_version_are_printed() {
    let here = Path::new(".");
    let features: Value = serde_json::from_str(&ocirun(here, &["features"]).good()).unwrap();
    assert_eq!(features["linux"]["seccomp"]["enabled"], true);
    let version = ocirun(here, &["--version"]).good();
    assert!(version.starts_with("ocirun version ") && version.contains("\nspec: "), "{version}");
    for arguments in [&["--help"][..], &["create", "--help"], &[]] {
        assert!(ocirun(here, arguments).good().starts_with("usage: ocirun "));
    }
}

#[test]
fn what_the_command_line_does_not_have_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let root = directory.path().join("state").display().to_string();
    for (arguments, code, reason) in [
        (&["no-such"][..], 1, "there is no command `no-such`"),
        (&["--no-such"], 1, "flag provided but not defined: --no-such"),
        (&["list", "-x"], 1, "flag provided but not defined: -x"),
        (&["list", "more"], 1, "it takes no arguments, not `more`"),
        (&["list", "-f", "xml"], 1, "invalid format option"),
        (&["create"], 1, "it takes one container ID, not 0"),
        (&["start", "a", "b"], 1, "it takes one container ID, not 2"),
        (&["kill"], 1, "it takes a container ID and a signal"),
        (&["kill", "a", "NONE"], 1, "`NONE` is neither a name such as `TERM`"),
        (&["state", "../a"], 1, "../a"),
        (&["exec"], 255, "it takes a container ID and a program"),
        (&["delete", "--force=maybe", "a"], 1, "`maybe` is neither true nor false"),
        (&["update", "--memory", "x", "a"], 1, "`x` is not a number of bytes"),
        (&["events", "--interval", "0s", "a"], 1, "`0s` is not a time"),
        (&["create", "--no-pivot", "a"], 1, "`--no-pivot`"),
        (&["exec", "--cgroup", "/sub", "a", "true"], 255, "cgroup `/sub`"),
        (&["checkpoint", "a"], 1, "cannot checkpoint"),
        (&["--log-format", "xml", "list"], 1, "it is neither text nor json"),
    ] {
        let error = ocirun(directory.path(), &[&["--root", &root], arguments].concat()).bad(code);
        assert!(error.contains(reason), "{arguments:?}: {error}");
    }
    assert_eq!(ocirun(directory.path(), &["--root", &root, "delete", "--force", "a"]).good(), "");
}
