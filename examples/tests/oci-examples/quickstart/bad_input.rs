//! A failure is one line: what was being done, to what, and why it failed.

use std::net::TcpListener;
use std::process::{Output, Stdio};

use oci_distribution_client::{Client, Config};
use oci_image::Digest;
use oci_image::images::Images;
use oci_registry::{Fault, Store};
use rustix::process::{Pid, Signal, kill_process};

use super::fixture::{Fixture, complaint};

/// Runs it on an image of a faulty registry, and returns the digest of the layer.
async fn of_a_registry(fault: Fault) -> (Output, Digest) {
    let fixture = Fixture::new();
    let (layout, index) = fixture.image(&[]);
    let layer = layout.image("v1").unwrap().manifest().layers[0].digest.clone();
    let fault = fault.method(http::Method::GET);
    let registry =
        oci_registry::serve(Store::memory()).faults([fault]).bind("127.0.0.1:0").await.unwrap();
    let host = registry.address().to_string();
    let client = Client::new(Config::default().plain_http(&host)).unwrap();
    let repository = client.repository(&format!("{host}/app")).unwrap();
    repository.push(&layout, &index).tag("v1").await.unwrap();
    let output = fixture.run(&["--plain-http", &format!("docker://{host}/app:v1")]);
    registry.stop().await;
    (output, layer)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_blob_of_another_digest() {
    let (output, layer) = of_a_registry(Fault::wrong_bytes("/blobs/")).await;
    let line = complaint(&output, 1);
    assert!(line.contains("sha256:") && line.contains("digest"), "{line} {layer}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_short_blob() {
    let (output, _) = of_a_registry(Fault::truncate_body("/blobs/", 10)).await;
    let line = complaint(&output, 1);
    assert!(line.contains("sha256:") && line.contains("10"), "{line}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_long_blob() {
    let (output, _) = of_a_registry(Fault::extend_body("/blobs/", "more")).await;
    let line = complaint(&output, 1);
    assert!(line.contains("sha256:"), "{line}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_manifest_that_was_not_asked_for() {
    let other = r#"{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[]}"#;
    let fault = Fault::answer("/manifests/sha256:", http::StatusCode::OK, other);
    let (output, _) = of_a_registry(fault).await;
    let line = complaint(&output, 1);
    assert!(line.contains("sha256:"), "{line}");
}

#[test]
fn a_registry_that_is_not_there() {
    let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let output = Fixture::new().run(&["--plain-http", &format!("docker://{address}/app:v1")]);
    let line = complaint(&output, 1);
    assert!(line.contains(&address.to_string()) && line.contains("refused"), "{line}");
}

#[test]
fn a_program_that_is_not_in_the_image() {
    oci_testing::needs!(root);
    for fixture in [Fixture::new(), Fixture::of_an_ordinary_user()] {
        let (layout, _) = fixture.image(&["/missing"]);
        let name = format!("oci:{}:v1", layout.path().display());
        let line = complaint(&fixture.run(&[&name]), 1);
        assert_eq!(line.matches("/missing").count(), 1, "{line}");
        assert!(line.contains("No such file"), "{line}");
    }
}

/// A user namespace in which no more of them may be made is what such a kernel looks like from within.
#[test]
fn a_kernel_without_user_namespaces() {
    oci_testing::needs!(user_namespaces, "unshare");
    let fixture = Fixture::new();
    let program = fixture.path("quickstart");
    let script = format!(
        "echo 0 > /proc/sys/user/max_user_namespaces && exec setpriv --inh-caps=-all --ambient-caps=-all {}",
        program.display()
    );
    let child = std::process::Command::new("unshare")
        .args(["--user", "--map-user=1000", "--map-group=1000", "--keep-caps", "sh", "-c", &script])
        .env("TMPDIR", fixture.temporary())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let line = complaint(&fixture.end(child), 1);
    assert!(line.contains("user namespace"), "{line}");
}

#[test]
fn a_directory_for_temporary_files_that_is_not_there() {
    let fixture = Fixture::new();
    let nowhere = fixture.path("nowhere");
    let output = fixture.command(&[]).env("TMPDIR", &nowhere).output().unwrap();
    let line = complaint(&output, 1);
    assert!(line.contains(nowhere.to_str().unwrap()), "{line}");
}

#[test]
fn a_wrong_command_line() {
    for args in [&["--loud"][..], &["tar:image"], &["oci:a", "oci:b"]] {
        let output = Fixture::new().run(args);
        let line = complaint(&output, 2);
        assert!(line.contains("`quickstart --help`"), "{line}");
    }
}

#[test]
fn an_image_that_is_not_there() {
    let fixture = Fixture::new();
    let missing = fixture.path("missing");
    for transport in ["oci", "oci-archive", "docker-archive"] {
        let name = format!("{transport}:{}", missing.display());
        let line = complaint(&fixture.run(&[&name]), 1);
        assert!(line.contains(missing.to_str().unwrap()), "{line}");
    }
}

#[test]
fn an_interrupt_while_a_registry_does_not_answer() {
    let fixture = Fixture::new();
    let registry = TcpListener::bind("127.0.0.1:0").unwrap();
    let name = format!("docker://{}/app:v1", registry.local_addr().unwrap());
    let child = fixture.command(&["--plain-http", &name]).stderr(Stdio::null()).spawn().unwrap();
    let _asked = registry.accept().unwrap();
    kill_process(Pid::from_child(&child), Signal::INT).unwrap();
    assert_eq!(fixture.end(child).status.code(), Some(130));
}
