//! Whole runs, where a container can be created.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};

use oci_distribution_client::{Client, Config};
use oci_image::images::Images;
use oci_layout::{ArchiveWriter, DockerArchiveWriter};
use oci_registry::Store;
use rustix::process::{Pid, Signal, kill_process};

use super::fixture::{Fixture, complaint, user_namespaces_work};

fn printed(output: &Output) -> String {
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{}: {errors}", output.status);
    String::from_utf8(output.stdout.clone()).unwrap()
}

/// What the container printed, and that all of it with the steps around it fits on a screen.
fn check_report(output: &Output) {
    let text = printed(output);
    assert_eq!(text, "pid 1\nhostname quickstart\nuid 0\n/proc/sys is read-only\n");
    let steps = String::from_utf8_lossy(&output.stderr);
    let lines: Vec<_> = steps.lines().chain(text.lines()).collect();
    assert!(lines.len() <= 24, "{} lines: {steps}", lines.len());
    assert!(lines.iter().all(|line| line.len() <= 100), "{steps}");
}

/// As any user. Without user namespaces the message says so.
#[test]
fn runs_from_a_root_filesystem_to_a_container() {
    let output = Fixture::new().run(&[]);
    if output.status.success() || user_namespaces_work() {
        check_report(&output);
    } else {
        let line = complaint(&output, 1);
        assert!(line.contains("namespace"), "{line}");
    }
}

#[test]
fn runs_from_a_root_filesystem_to_a_container_as_an_ordinary_user() {
    oci_testing::needs!(root, user_namespaces_of_others);
    check_report(&Fixture::of_an_ordinary_user().run(&[]));
}

/// Without a busybox on the host, the image holds the program itself and the libraries that it needs.
#[test]
fn needs_nothing_but_itself() {
    oci_testing::needs!(root);
    for fixture in [Fixture::new(), Fixture::of_an_ordinary_user()] {
        let child = fixture
            .command(&[])
            .env("PATH", "/nowhere")
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let output = fixture.end(child);
        check_report(&output);
        assert!(String::from_utf8_lossy(&output.stderr).contains("/bin/quickstart --report"));
    }
}

#[test]
fn runs_images_of_layouts_and_archives() {
    oci_testing::needs!(root);
    let fixture = Fixture::new();
    let (layout, index) = fixture.image(&[]);
    let archive = fixture.path("image.tar");
    let file = std::fs::File::create(&archive).unwrap();
    let writer = ArchiveWriter::new(file).unwrap();
    writer.append(&layout, std::slice::from_ref(&index)).unwrap();
    writer.tag("v1", &index).unwrap();
    writer.finish().unwrap();
    let saved = fixture.path("saved.tar");
    let mut writer = DockerArchiveWriter::new(std::fs::File::create(&saved).unwrap()).unwrap();
    writer.append(&layout.image("v1").unwrap(), &["app:v1"]).unwrap();
    writer.finish().unwrap();
    check_report(&fixture.run(&[&format!("oci:{}:v1", layout.path().display())]));
    check_report(&fixture.run(&[&format!("oci-archive:{}", archive.display())]));
    check_report(&fixture.run(&[&format!("docker-archive:{}:app:v1", saved.display())]));
}

#[tokio::test(flavor = "multi_thread")]
async fn runs_images_of_registries_with_a_command_of_the_caller() {
    oci_testing::needs!(root);
    let fixture = Fixture::new();
    let (layout, index) = fixture.image(&["/missing"]);
    let registry = oci_registry::serve(Store::memory()).bind("127.0.0.1:0").await.unwrap();
    let host = registry.address().to_string();
    let client = Client::new(Config::default().plain_http(&host)).unwrap();
    let repository = client.repository(&format!("{host}/app")).unwrap();
    repository.push(&layout, &index).tag("v1").await.unwrap();

    let name = format!("docker://{host}/app:v1");
    let output = fixture.run(&["--plain-http", &name, "--", "/bin/quickstart", "--report"]);
    let own = output.status.success();
    let output =
        if own { output } else { fixture.run(&["--plain-http", &name, "--", "/bin/echo", "hi"]) };
    let text = printed(&output);
    assert!(text == "hi\n" || text.starts_with("pid 1\n"), "{text}");
    registry.stop().await;
}

#[test]
fn exits_as_the_process_in_the_container() {
    oci_testing::needs!(root, busybox);
    let fixture = Fixture::new();
    let (layout, _) = fixture.image(&["/bin/sh", "-c", "exit 7"]);
    let name = format!("oci:{}:v1", layout.path().display());
    assert_eq!(fixture.run(&[&name]).status.code(), Some(7));
    let killed = fixture.run(&[&name, "--", "/bin/sh", "-c", "sh -c 'kill -9 $PPID'; exit 1"]);
    assert_eq!(killed.status.code(), Some(1), "a process cannot kill the first of its namespace");
}

#[test]
fn cleans_up_when_it_is_interrupted() {
    oci_testing::needs!(root, busybox);
    let fixture = Fixture::new();
    let (layout, _) = fixture.image(&["/bin/sh", "-c", "echo ready; sleep 1000"]);
    let name = format!("oci:{}:v1", layout.path().display());
    for (signal, code) in [(Signal::INT, 130), (Signal::TERM, 143)] {
        let mut child =
            fixture.command(&[&name]).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        assert_eq!(line, "ready\n");
        kill_process(Pid::from_child(&child), signal).unwrap();
        assert_eq!(fixture.end(child).status.code(), Some(code));
    }
}

/// Everything that a directory holds.
fn tree(directory: &Path) -> BTreeSet<PathBuf> {
    let mut found = BTreeSet::new();
    for entry in std::fs::read_dir(directory).unwrap() {
        let entry = entry.unwrap();
        if entry.file_type().unwrap().is_dir() {
            found.extend(tree(&entry.path()));
        }
        found.insert(entry.path());
    }
    found
}

/// The printed steps of a run that can create no file. None where this user cannot create a container.
fn explain(fixture: &Fixture, args: &[&str]) -> Option<Vec<String>> {
    let before = tree(&fixture.path(""));
    let child = fixture
        .command(&[&["--explain"], args].concat())
        .env("TMPDIR", fixture.path("nowhere"))
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let output = fixture.end(child);
    assert_eq!(tree(&fixture.path("")), before);
    if !output.status.success() {
        let line = complaint(&output, 1);
        assert!(line.contains("user namespace") && !user_namespaces_work(), "{line}");
        return None;
    }
    let plan = printed(&output);
    // Without privileges, what the plan leaves out.
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(errors.lines().all(|line| line.starts_with("    without privileges ")), "{errors}");
    let lines = plan.lines().enumerate().map(|(index, line)| {
        let (number, step) = line.trim_start().split_once(". ").unwrap();
        assert_eq!(number, (index + 1).to_string(), "{plan}");
        step.to_owned()
    });
    Some(lines.collect())
}

#[test]
fn explain_prints_the_steps_and_creates_nothing() {
    let Some(steps) = explain(&Fixture::new(), &[]) else { return };
    let proc = "mount proc on /proc (nosuid, noexec, nodev)";
    assert!(steps.iter().any(|step| step == proc), "{steps:?}");
    assert!(steps.last().unwrap().starts_with("execute /bin/"), "{steps:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn explains_images_wherever_they_are() {
    let fixture = Fixture::new();
    let (layout, index) = fixture.image(&["/own", "command"]);
    let registry = oci_registry::serve(Store::memory()).bind("127.0.0.1:0").await.unwrap();
    let host = registry.address().to_string();
    let client = Client::new(Config::default().plain_http(&host)).unwrap();
    let repository = client.repository(&format!("{host}/app")).unwrap();
    repository.push(&layout, &index).tag("v1").await.unwrap();

    let there = format!("docker://{host}/app:v1");
    let here = format!("oci:{}:v1", layout.path().display());
    for args in [&["--plain-http", &there][..], &[&here]] {
        let Some(steps) = explain(&fixture, args) else { return };
        assert_eq!(steps.last().unwrap(), "execute /own command");
        let steps = explain(&fixture, &[args, &["--", "/other"]].concat()).unwrap();
        assert_eq!(steps.last().unwrap(), "execute /other");
    }
    registry.stop().await;
}

#[test]
fn help_prints_the_usage() {
    let output = Fixture::new().run(&["--help"]);
    assert!(printed(&output).starts_with("usage: quickstart "));
}
