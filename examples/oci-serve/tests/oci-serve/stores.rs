use std::fs;
use std::process::{Command, Output};

use oci_testing::needs;
use oci_testing::program::run;

use crate::server::Server;

fn upkeep(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_oci-serve")).args(arguments).output().unwrap()
}

/// An image in `DIRECTORY/app`, named v1, made by umoci, which is none of ours.
fn layout(path: &dyn Fn(&str) -> String) {
    run("umoci", &["init", "--layout", &path("app")]).good();
    run("umoci", &["new", "--image", &format!("{}:v1", path("app"))]).good();
}

#[test]
fn a_layout_is_served_and_pushed_into() {
    needs!("skopeo", "umoci");
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name).to_str().unwrap().to_owned();
    layout(&path);
    let server = Server::start(&["--store", &format!("oci:{}", path("app"))]);
    let copy = |from: &str, to: &str| {
        let plain = ["copy", "--src-tls-verify=false", "--dest-tls-verify=false"];
        run("skopeo", &[&plain[..], &[from, to]].concat())
    };
    let remote = |tag: &str| format!("docker://{}/app:{tag}", server.host);
    copy(&remote("v1"), &format!("oci:{}:v1", path("pulled"))).good();
    copy(&format!("oci:{}:v1", path("pulled")), &remote("v2")).good();
    let tags = ["list-tags", "--tls-verify=false", &format!("docker://{}/app", server.host)];
    let tags = run("skopeo", &tags).good();
    assert!(tags.contains("\"v1\"") && tags.contains("\"v2\""), "{tags}");
    let elsewhere = format!("docker://{}/other:v1", server.host);
    assert_ne!(copy(&format!("oci:{}:v1", path("pulled")), &elsewhere).code, Some(0));
    assert_eq!(server.stop().0, Some(0));
    // Nothing but images is left in the layout.
    run("skopeo", &["inspect", &format!("oci:{}:v2", path("app"))]).good();
    let mut names: Vec<_> = fs::read_dir(path("app"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| !name.starts_with('.'))
        .collect();
    names.sort();
    assert_eq!(names, ["blobs", "index.json", "oci-layout"]);
}

#[test]
fn a_store_is_collected_checked_and_scrubbed() {
    needs!("skopeo", "umoci");
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name).to_str().unwrap().to_owned();
    layout(&path);
    let server = Server::start(&["--store", &path("store")]);
    let remote = format!("docker://{}/app:v1", server.host);
    let from = format!("oci:{}:v1", path("app"));
    run("skopeo", &["copy", "--dest-tls-verify=false", &from, &remote]).good();
    server.stop();
    let upkeep =
        |command: &str, more: &[&str]| upkeep(&[&[command, &path("store")][..], more].concat());
    for command in ["check", "scrub", "gc"] {
        let output = upkeep(command, &[]);
        assert_eq!(output.status.code(), Some(0), "{output:?}");
    }
    let tag = path("store/repositories/app/_tags/v1");
    let named = fs::read_to_string(&tag).unwrap();
    fs::remove_file(&tag).unwrap();
    let output = upkeep("gc", &["--grace", "0"]);
    assert_eq!(output.stderr, b"removed 1 manifests and 1 blobs\n", "{output:?}");
    fs::write(&tag, named).unwrap();
    let output = upkeep("check", &[]);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert_eq!(output.stderr, b"app: tag `v1` names no manifest that is there\n");
    assert_eq!(upkeep("gc", &["--rate", "1"]).status.code(), Some(2));
    assert_eq!(super::stores::upkeep(&["gc", &path("app")]).status.code(), Some(1));
}
