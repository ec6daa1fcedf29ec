//! From create to delete, in the words and forms of runc.

use std::process::Stdio;

use serde_json::{Value, json};

use super::fixture::{Fixture, OCIRUN};

/// What differs from run to run, and the name of the program.
fn plain(text: &str, fixture: &Fixture) -> String {
    let mut text = text.replace(&fixture.id, "ID");
    for word in ["ocirun", "runc"] {
        text = text.replace(word, "RUNTIME");
    }
    text
}

/// The state that a runtime prints, without what differs from run to run.
fn state(fixture: &Fixture, runtime: &str) -> (String, Value) {
    let printed = fixture.with(runtime, &["state", &fixture.id]).good();
    let mut state: Value = serde_json::from_str(&printed).unwrap();
    let created = state["created"].as_str().unwrap().to_owned();
    assert!(created.ends_with('Z') && created.contains('T'), "{created}");
    for (name, value) in [("created", json!("")), ("ociVersion", json!(""))] {
        state[name] = value;
    }
    (printed, state)
}

#[test]
fn a_container_goes_through_its_states_as_with_runc() {
    oci_testing::needs!(root, cgroups, busybox, "runc");
    let mut seen = Vec::new();
    for runtime in [OCIRUN, "runc"] {
        let fixture = Fixture::shell("echo hello; exec sleep 1000");
        let mut states = Vec::new();
        let mut note = |pid: i64| {
            let (printed, mut state) = state(&fixture, runtime);
            assert_eq!(state["pid"], pid);
            state["pid"] = json!(pid > 0);
            let lines = printed.lines().map(|line| line.split(':').next().unwrap_or_default());
            let members = lines.map(String::from).collect::<Vec<_>>();
            let bundle = fixture.dir.path().to_str().unwrap();
            let state = state.to_string().replace(bundle, "BUNDLE");
            states.push((members, plain(&state, &fixture)));
        };
        fixture.create(runtime);
        let pid = std::fs::read_to_string(fixture.path("pid")).unwrap().parse().unwrap();
        note(pid);
        fixture.with(runtime, &["start", &fixture.id]).good();
        note(pid);
        fixture.with(runtime, &["pause", &fixture.id]).good();
        note(pid);
        fixture.with(runtime, &["resume", &fixture.id]).good();
        let list = fixture.with(runtime, &["list", "-q"]).good();
        assert_eq!(list.trim(), fixture.id);
        let output = || std::fs::read_to_string(fixture.path("output")).unwrap();
        while output().is_empty() {
            std::thread::yield_now();
        }
        fixture.with(runtime, &["kill", &fixture.id, "KILL"]).good();
        while !fixture.with(runtime, &["state", &fixture.id]).good().contains("stopped") {}
        note(0);
        fixture.with(runtime, &["delete", &fixture.id]).good();
        assert_eq!(fixture.with(runtime, &["list", "-f", "json"]).good(), "null\n");
        assert_eq!(output(), "hello\n");
        seen.push(states);
    }
    assert_eq!(seen[0], seen[1]);
}

#[test]
fn what_cannot_be_done_is_told_in_the_words_of_runc() {
    oci_testing::needs!(root, cgroups, busybox, "runc");
    let fixture = Fixture::shell("exec sleep 1000");
    let id = fixture.id.as_str();
    for (arguments, words) in [
        (vec!["state", id], "container does not exist"),
        (vec!["start", id], "container does not exist"),
        (vec!["kill", id], "container does not exist"),
        (vec!["delete", id], "container does not exist"),
        (vec!["exec", id, "true"], "exec failed: container does not exist"),
    ] {
        let [ours, theirs] = [OCIRUN, "runc"].map(|runtime| fixture.with(runtime, &arguments));
        assert_eq!(ours.code, theirs.code, "{arguments:?}");
        assert!(ours.errors.contains(&format!("level=error msg=\"{words}\"")), "{}", ours.errors);
        assert!(theirs.errors.contains(words), "{}", theirs.errors);
    }
    for runtime in [OCIRUN, "runc"] {
        fixture.with(runtime, &["delete", "--force", id]).good();
        fixture.create(runtime);
        fixture.with(runtime, &["start", id]).good();
        for (arguments, code, words) in [
            (vec!["exec", id, "no-such-program"], 255, "executable file not found in"),
            (vec!["delete", id], 1, ""),
            (vec!["start", id], 1, ""),
            (vec!["create", id], 1, ""),
        ] {
            let done = fixture.with(runtime, &arguments);
            assert_eq!(done.code, Some(code), "{runtime} {arguments:?}: {}", done.errors);
            assert!(done.errors.contains(words), "{runtime} {arguments:?}: {}", done.errors);
        }
        fixture.with(runtime, &["kill", id, "9"]).good();
        while !fixture.with(runtime, &["state", id]).good().contains("stopped") {}
        let done = fixture.with(runtime, &["kill", id, "9"]);
        assert_eq!(done.code, Some(1));
        assert!(done.errors.contains("container not running"), "{runtime}: {}", done.errors);
        fixture.with(runtime, &["delete", id]).good();
    }
}

#[test]
fn an_error_is_logged_as_json_and_printed() {
    let directory = tempfile::tempdir().unwrap();
    let place = |name: &str| directory.path().join(name).display().to_string();
    let log = place("log");
    let done = oci_testing::program::run(
        OCIRUN,
        &["--root", &place("state"), "--log", &log, "--log-format", "json", "state", "none"],
    );
    assert_eq!(done.bad(1), "container does not exist");
    let line: Value = serde_json::from_str(&std::fs::read_to_string(log).unwrap()).unwrap();
    assert_eq!(
        (&line["level"], &line["msg"]),
        (&json!("error"), &json!("container does not exist"))
    );
    assert_eq!(line["time"].as_str().unwrap().len(), "2026-01-01T00:00:00Z".len());
}

#[test]
fn run_ends_like_the_program_and_leaves_nothing() {
    oci_testing::needs!(root, cgroups, busybox);
    for (line, code) in [("echo out; exit 7", 7), ("echo out; kill -9 $$", 137)] {
        let fixture = Fixture::shell(line);
        fixture.change(|config| {
            let namespaces = config["linux"]["namespaces"].as_array_mut().unwrap();
            namespaces.retain(|namespace| namespace["type"] != "pid");
        });
        let done = fixture.ocirun(&["run", &fixture.id]);
        assert_eq!((done.code, done.out.as_str()), (Some(code), "out\n"), "{}", done.errors);
        assert_eq!(fixture.ocirun(&["list", "-q"]).good(), "");
    }
    let fixture = Fixture::shell("exit 3");
    assert_eq!(fixture.ocirun(&["run", "--keep", &fixture.id]).code, Some(3));
    assert!(fixture.ocirun(&["state", &fixture.id]).good().contains("\"status\": \"stopped\""));
}

#[test]
fn a_container_that_runs_in_the_background_is_found_by_its_pid_file() {
    oci_testing::needs!(root, cgroups, busybox);
    let fixture = Fixture::shell("exec sleep 1000");
    let id = fixture.id.as_str();
    let mut run = fixture.command(OCIRUN, &["run", "--detach", "--pid-file", "pid", id]);
    // It has no pipe of a test's, which would never end.
    run.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    assert!(run.status().unwrap().success());
    let pid = std::fs::read_to_string(fixture.path("pid")).unwrap();
    let (_, state) = state(&fixture, OCIRUN);
    assert_eq!((state["pid"].to_string(), &state["status"]), (pid, &json!("running")));
    fixture.ocirun(&["delete", "--force", id]).good();
    assert_eq!(fixture.ocirun(&["state", id]).code, Some(1));
}

#[test]
fn a_container_that_never_ran_is_deleted_without_force() {
    oci_testing::needs!(root, cgroups, busybox, "runc");
    for runtime in [OCIRUN, "runc"] {
        let fixture = Fixture::shell("true");
        fixture.create(runtime);
        fixture.with(runtime, &["delete", &fixture.id]).good();
        assert_eq!(fixture.with(runtime, &["list", "-q"]).good(), "");
    }
}
