//! Programs that are added to a container, and what it has running.

use std::io::{BufRead, BufReader};
use std::process::Stdio;

use serde_json::{Value, json};

use super::fixture::{Fixture, OCIRUN};

#[test]
fn a_program_is_added_as_with_runc() {
    oci_testing::needs!(root, cgroups, busybox, "runc");
    let fixture = Fixture::shell("exec sleep 1000");
    let process = json!({
        "args": ["sh", "-c", "id; pwd; env"], "cwd": "/tmp", "env": ["PATH=/bin", "A=b"],
        "user": { "uid": 7, "gid": 8, "additionalGids": [9] }
    });
    std::fs::write(fixture.path("process.json"), process.to_string()).unwrap();
    let id = fixture.id.as_str();
    let mut seen = Vec::new();
    for runtime in [OCIRUN, "runc"] {
        fixture.create(runtime);
        fixture.with(runtime, &["start", id]).good();
        let exec = |arguments: &[&str]| fixture.with(runtime, &[&["exec"], arguments].concat());
        let done = [
            exec(&[id, "sh", "-c", "echo out; echo bad >&2; exit 5"]),
            exec(&["--process", "process.json", id]),
            exec(&[
                "-u",
                "5:6",
                "-g",
                "7",
                "-e",
                "A=b",
                "--cwd",
                "/bin",
                id,
                "sh",
                "-c",
                "id; pwd; echo $A",
            ]),
            exec(&["--cap", "CAP_SYS_ADMIN", id, "grep", "^Cap", "/proc/self/status"]),
            exec(&["--no-new-privs", id, "grep", "^NoNewPrivs", "/proc/self/status"]),
        ];
        seen.push(done.map(|done| (done.code, done.out, done.errors)));
        fixture.with(runtime, &["delete", "--force", id]).good();
    }
    assert_eq!(seen[0], seen[1]);
    assert_eq!(seen[0][0], (Some(5), "out\n".into(), "bad\n".into()));
}

#[test]
fn processes_are_listed_and_signalled() {
    oci_testing::needs!(root, cgroups, busybox, "runc", "ps");
    for runtime in [OCIRUN, "runc"] {
        let fixture = Fixture::shell("sleep 1001 & exec sleep 1000");
        let id = fixture.id.as_str();
        fixture.create(runtime);
        fixture.with(runtime, &["start", id]).good();
        let processes = || {
            let printed = fixture.with(runtime, &["ps", "--format", "json", id]).good();
            serde_json::from_str::<Value>(&printed).unwrap().as_array().map_or(0, Vec::len)
        };
        while processes() < 2 {}
        let table = fixture.with(runtime, &["ps", id]).good();
        assert_eq!(table.lines().filter(|line| line.contains("sleep 100")).count(), 2, "{table}");
        assert!(table.starts_with("UID"), "{table}");
        let table = fixture.with(runtime, &["ps", id, "-o", "pid,args", "-e"]).good();
        assert_eq!(table.lines().filter(|line| line.ends_with("sleep 1001")).count(), 1, "{table}");
        fixture.with(runtime, &["kill", "--all", id, "KILL"]).good();
        while !fixture.with(runtime, &["state", id]).good().contains("stopped") {}
        fixture.with(runtime, &["delete", id]).good();
    }
}

#[test]
fn limits_are_changed_and_statistics_printed() {
    oci_testing::needs!(root, cgroups, busybox);
    let fixture = Fixture::shell("exec sleep 1000");
    let id = fixture.id.as_str();
    fixture.create(OCIRUN);
    fixture.ocirun(&["start", id]).good();
    fixture.ocirun(&["update", id, "--memory", "64M", "--pids-limit", "20"]).good();
    std::fs::write(fixture.path("limits.json"), r#"{"cpu":{"shares":512}}"#).unwrap();
    fixture.ocirun(&["update", "-r", "limits.json", id]).good();
    let printed = fixture.ocirun(&["events", "--stats", id]).good();
    let event: Value = serde_json::from_str(&printed).unwrap();
    assert_eq!((&event["type"], &event["id"]), (&json!("stats"), &json!(id)));
    assert_eq!(event["data"]["pids"], json!({ "current": 1, "limit": 20 }));
    assert_eq!(event["data"]["memory"]["usage"]["limit"], 64 << 20);
    assert!(event["data"]["memory"]["usage"]["usage"].as_u64().unwrap() > 0);
    let kept = std::fs::read_to_string(fixture.path("state-ocirun").join(id).join("config.json"));
    let kept: Value = serde_json::from_str(&kept.unwrap()).unwrap();
    let resources = &kept["linux"]["resources"];
    assert_eq!(resources["memory"]["limit"], 64 << 20);
    assert_eq!(
        (&resources["pids"]["limit"], &resources["cpu"]["shares"]),
        (&json!(20), &json!(512))
    );
}

#[test]
fn events_tell_when_memory_runs_out_and_end_with_the_container() {
    oci_testing::needs!(root, cgroups, busybox);
    let fixture = Fixture::shell("sleep 1000; true");
    fixture
        .change(|config| config["linux"]["resources"]["memory"] = json!({ "limit": 20_000_000 }));
    let id = fixture.id.as_str();
    fixture.create(OCIRUN);
    fixture.ocirun(&["start", id]).good();
    let mut events = fixture.command(OCIRUN, &["events", "--interval", "100ms", id]);
    let mut events = events.stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(events.stdout.take().unwrap()).lines().map(Result::unwrap);
    assert!(lines.next().unwrap().contains("\"type\":\"stats\""));
    let done = fixture.ocirun(&["exec", id, "sh", "-c", "a=x; while :; do a=$a$a; done"]);
    assert_eq!(done.code, Some(137));
    assert!(lines.by_ref().any(|line| line.contains("\"type\":\"oom\"")));
    fixture.ocirun(&["kill", id, "KILL"]).good();
    assert!(events.wait().unwrap().success());
}
