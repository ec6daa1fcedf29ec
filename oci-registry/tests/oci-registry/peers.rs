//! Real clients. Each copies to the registry and back.

use std::path::Path;
use std::process::Stdio;

use oci_registry::{Auth, Grant, Store};
use serde_json::json;

use crate::client::{Client, INDEX, MANIFEST};

/// Runs a program, which must succeed; what it printed.
async fn run(program: &str, arguments: &[&str]) -> String {
    let mut command = tokio::process::Command::new(program);
    command.args(arguments).stdin(Stdio::null()).kill_on_drop(true);
    let output = command.output().await.unwrap();
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{program} {arguments:?}: {error}");
    String::from_utf8(output.stdout).unwrap()
}

/// An image in an OCI layout, with layers of half a megabyte.
async fn layout(directory: &Path) -> String {
    let client = Client::new().await;
    let mut layers = Vec::new();
    for (name, byte) in [("one", 1), ("two", 2)] {
        let layer = archive(name, &vec![byte; 500_000]);
        let digest = client.push_blob("a", &layer).await;
        layers.push((digest, layer.len()));
    }
    let config = json!({
        "architecture": "amd64",
        "os": "linux",
        "config": {},
        "rootfs": {"type": "layers", "diff_ids": layers.iter().map(|it| it.0.as_str()).collect::<Vec<_>>()},
    });
    let config = config.to_string();
    let digest = client.push_blob("a", config.as_bytes()).await;
    let layers: Vec<_> = layers.iter().map(|(digest, size)| {
        json!({"mediaType": "application/vnd.oci.image.layer.v1.tar", "digest": digest.as_str(), "size": size})
    }).collect();
    let config = json!({
        "mediaType": "application/vnd.oci.image.config.v1+json",
        "digest": digest.as_str(),
        "size": config.len(),
    });
    let manifest =
        json!({"schemaVersion": 2, "mediaType": MANIFEST, "config": config, "layers": layers});
    client.put_manifest("a", "v1", MANIFEST, manifest.to_string().as_bytes()).await.is(201);
    let layout = format!("oci:{}:v1", directory.display());
    let source = format!("docker://{}/a:v1", client.server.address());
    run("skopeo", &["copy", "--src-tls-verify=false", &source, &layout]).await;
    layout
}

/// A tar archive of one file.
fn archive(name: &str, content: &[u8]) -> Vec<u8> {
    let mut header = vec![0; 512];
    let mut field =
        |at: usize, text: &str| header[at..at + text.len()].copy_from_slice(text.as_bytes());
    field(0, name);
    field(100, "0000644");
    field(108, "0000000");
    field(116, "0000000");
    field(124, &format!("{:011o}", content.len()));
    field(136, "00000000000");
    field(148, "        ");
    field(156, "0");
    field(257, "ustar");
    field(263, "00");
    let sum: u32 = header.iter().map(|byte| u32::from(*byte)).sum();
    header[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    let padding = vec![0; content.len().next_multiple_of(512) - content.len() + 1024];
    [header, content.to_vec(), padding].concat()
}

fn digest_of(layout: &Path) -> String {
    let index = std::fs::read(layout.join("index.json")).unwrap();
    let index: serde_json::Value = serde_json::from_slice(&index).unwrap();
    index["manifests"][0]["digest"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn skopeo_copies_to_it_and_back() {
    oci_testing::needs!("skopeo");
    let directory = tempfile::tempdir().unwrap();
    let source = layout(&directory.path().join("source")).await;
    let stores = [Store::memory(), Store::directory(directory.path().join("store")).unwrap()];
    for (number, store) in stores.into_iter().enumerate() {
        let client = Client::of(oci_registry::serve(store)).await;
        let remote = |name: &str| format!("docker://{}/{name}", client.server.address());
        run("skopeo", &["copy", "--dest-tls-verify=false", &source, &remote("team/app:v1")]).await;
        // From one repository to another, which mounts.
        run(
            "skopeo",
            &[
                "copy",
                "--src-tls-verify=false",
                "--dest-tls-verify=false",
                &remote("team/app:v1"),
                &remote("other/app:v2"),
            ],
        )
        .await;
        let target = directory.path().join(format!("target{number}"));
        let copy = format!("oci:{}:v1", target.display());
        run("skopeo", &["copy", "--src-tls-verify=false", &remote("other/app:v2"), &copy]).await;
        assert_eq!(digest_of(&target), digest_of(&directory.path().join("source")));
        let tags = run("skopeo", &["list-tags", "--tls-verify=false", &remote("team/app")]).await;
        let tags: serde_json::Value = serde_json::from_str(&tags).unwrap();
        assert_eq!(tags["Tags"], json!(["v1"]));
        run("skopeo", &["inspect", "--tls-verify=false", &remote("team/app:v1")]).await;
        run("skopeo", &["delete", "--tls-verify=false", &remote("team/app:v1")]).await;
        client.get("/v2/team/app/manifests/v1").await.is(404);
        client.get("/v2/other/app/manifests/v2").await.is(200);
        assert_eq!(client.server.registry().open_uploads(), 0);
    }
}

#[tokio::test]
async fn skopeo_logs_in() {
    oci_testing::needs!("skopeo");
    let directory = tempfile::tempdir().unwrap();
    let source = layout(&directory.path().join("source")).await;
    for auth in [Auth::basic(), Auth::bearer()] {
        let auth = auth
            .user("alice", "secret", [Grant::all("team/*")])
            .anonymous([Grant::new("team/*", [oci_registry::Action::Pull])]);
        let client = Client::of(oci_registry::serve(Store::memory()).auth(auth)).await;
        let remote = format!("docker://{}/team/app:v1", client.server.address());
        let tls = "--dest-tls-verify=false";
        run("skopeo", &["copy", tls, "--dest-creds", "alice:secret", &source, &remote]).await;
        let credentials = ["--creds", "alice:secret"];
        run("skopeo", &["inspect", "--tls-verify=false", credentials[0], credentials[1], &remote])
            .await;
    }
}

#[tokio::test]
async fn skopeo_copies_between_it_and_docker_registry() {
    oci_testing::needs!("skopeo", "docker-registry");
    let directory = tempfile::tempdir().unwrap();
    let source = layout(&directory.path().join("source")).await;
    let client = Client::new().await;
    let (_registry, address) = docker_registry(directory.path()).await;
    let ours = format!("docker://{}/app:v1", client.server.address());
    let theirs = format!("docker://{address}/app:v1");
    let back = format!("docker://{}/back:v1", client.server.address());
    let tls = ["copy", "--src-tls-verify=false", "--dest-tls-verify=false"];
    for (from, to) in [(&source, &ours), (&ours, &theirs), (&theirs, &back)] {
        run("skopeo", &[tls.as_slice(), &[from, to]].concat()).await;
    }
    let digest = digest_of(&directory.path().join("source"));
    let answer = client.head("/v2/back/manifests/v1").await.is(200);
    assert_eq!(answer.header("docker-content-digest"), Some(&*digest));
}

/// A docker-registry on a free port, which ends with its handle.
async fn docker_registry(directory: &Path) -> (tokio::process::Child, String) {
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let root = directory.join("docker-registry");
    let config = directory.join("config.yml");
    let text = format!(
        "version: 0.1\nlog: {{level: error}}\nstorage: {{filesystem: {{rootdirectory: {}}}}}\nhttp: {{addr: \"{free}\"}}\n",
        root.display()
    );
    std::fs::write(&config, text).unwrap();
    let mut command = tokio::process::Command::new("docker-registry");
    command
        .arg("serve")
        .arg(&config)
        .kill_on_drop(true)
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    let child = command.spawn().unwrap();
    for _ in 0..200 {
        if tokio::net::TcpStream::connect(free).await.is_ok() {
            return (child, free.to_string());
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    panic!("docker-registry does not listen");
}

#[tokio::test]
async fn buildah_pulls_and_pushes() {
    oci_testing::needs!(root, "skopeo", "buildah");
    let directory = tempfile::tempdir().unwrap();
    let source = layout(&directory.path().join("source")).await;
    let client = Client::new().await;
    let address = client.server.address();
    let remote = format!("docker://{address}/app:v1");
    run("skopeo", &["copy", "--dest-tls-verify=false", &source, &remote]).await;
    let storage = directory.path().join("storage");
    let run_root = directory.path().join("run");
    let own = ["--root", storage.to_str().unwrap(), "--runroot", run_root.to_str().unwrap()];
    let own = [own.as_slice(), &["--storage-driver", "vfs"]].concat();
    let buildah =
        async |arguments: &[&str]| run("buildah", &[own.as_slice(), arguments].concat()).await;
    let id = buildah(&["pull", "--tls-verify=false", &remote]).await;
    let pushed = format!("docker://{address}/pushed:v1");
    buildah(&["push", "--tls-verify=false", id.trim(), &pushed]).await;
    client.get("/v2/pushed/manifests/v1").await.is(200);
    let list = buildah(&["manifest", "create", "list"]).await;
    buildah(&["manifest", "add", "--tls-verify=false", list.trim(), &pushed]).await;
    let list_remote = format!("docker://{address}/list:v1");
    buildah(&[
        "manifest",
        "push",
        "--all",
        "--tls-verify=false",
        "--format",
        "oci",
        list.trim(),
        &list_remote,
    ])
    .await;
    let answer = client.get("/v2/list/manifests/v1").await.is(200);
    assert_eq!(answer.header("content-type"), Some(INDEX));
}
