use std::fs;
use std::path::Path;

use oci_testing::needs;
use oci_testing::program::{Done, run};
use rustix::process::Signal;

use crate::server::{Server, certificate, eventually, users};

/// Podman with storage of its own.
fn podman(directory: &Path, arguments: &[&str]) -> Done {
    let (root, state) = (directory.join("storage"), directory.join("state"));
    let own = ["--root", root.to_str().unwrap(), "--runroot", state.to_str().unwrap()];
    run("podman", &[&own, &["--storage-driver", "vfs"][..], arguments].concat())
}

#[test]
fn podman_and_skopeo_push_and_pull() {
    needs!(root, "podman", "skopeo", "curl", "tar");
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name).to_str().unwrap().to_owned();
    fs::write(path("file"), vec![7; 300_000]).unwrap();
    run("tar", &["-cf", &path("layer.tar"), "-C", &path(""), "file"]).good();
    let server = Server::start(&["--store", &path("store"), "--log", "common"]);
    let name = format!("{}/team/app:v1", server.host);
    podman(directory.path(), &["import", &path("layer.tar"), &name]).good();
    podman(directory.path(), &["push", "--tls-verify=false", &name]).good();
    let copy = |from: &str, to: &str| {
        let plain = ["copy", "--src-tls-verify=false", "--dest-tls-verify=false"];
        run("skopeo", &[&plain[..], &[from, to]].concat()).good()
    };
    let (remote, other) = (format!("docker://{name}"), format!("docker://{}/b:v2", server.host));
    copy(&remote, &format!("oci:{}", path("layout")));
    copy(&format!("oci:{}", path("layout")), &other);
    podman(directory.path(), &["rmi", &name]).good();
    podman(directory.path(), &["pull", "--tls-verify=false", &name]).good();
    let metrics = server.scrape();
    for part in [
        "oci_serve_requests_total{endpoint=\"manifest\",method=\"PUT\",status=\"201\"} 2\n",
        "oci_serve_open_uploads 0\n",
        "oci_serve_lost_log_lines_total 0\n",
        "oci_serve_request_seconds_bucket{endpoint=\"blob\",le=\"+Inf\"}",
    ] {
        assert!(metrics.contains(part), "{part} in {metrics}");
    }
    let (code, log) = server.stop();
    assert_eq!(code, Some(0));
    let put = "] \"PUT /v2/team/app/manifests/v1 HTTP/1.1\" 201 0\n";
    assert!(log.starts_with("127.0.0.1 - - [") && log.contains(put), "{log}");
    // What was pushed is there when it is served again.
    let server = Server::start(&["--store", &path("store"), "--read-only"]);
    let inspect = ["inspect", "--tls-verify=false", &format!("docker://{}/b:v2", server.host)];
    run("skopeo", &inspect).good();
    let delete = ["delete", "--tls-verify=false", &format!("docker://{}/b:v2", server.host)];
    assert_ne!(run("skopeo", &delete).code, Some(0));
}

#[test]
fn users_log_in_over_tls_and_files_are_read_again() {
    needs!("curl", "skopeo", "htpasswd");
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("users");
    users(&file, "secret");
    let (chain, key) = certificate(directory.path());
    let tls = ["--tls-cert", &chain, "--tls-key", &key, "--htpasswd", file.to_str().unwrap()];
    let mut server = Server::start(&[&tls[..], &["--anonymous-pull", "--log", "json"]].concat());
    let url = format!("https://{}", server.host);
    let curl = |arguments: &[&str]| {
        let own = ["-sS", "--noproxy", "*", "-o", "/dev/null", "-w", "%{http_code}", "--cacert"];
        run("curl", &[&own[..], &[&chain], arguments].concat()).good()
    };
    // The digest of the content `content`.
    let digest = "sha256:ed7002b439e9ac845f22357d822bac1444730fbdb6016d3ec9432297b9ec9f73";
    let push = format!("{url}/v2/a/blobs/uploads/?digest={digest}");
    let blob = format!("{url}/v2/a/blobs/{digest}");
    let with = |login: &str| curl(&["-u", login, "--data-binary", "content", &push]);
    assert_eq!(curl(&["--data-binary", "content", &push]), "401");
    assert_eq!(with("alice:other"), "401");
    assert_eq!(with("alice:secret"), "201");
    assert_eq!(curl(&[&blob]), "200");
    assert_eq!(curl(&["--http1.1", &blob]), "200");
    let login = ["login", "--tls-verify=false", "-u", "alice", "-p", "secret", "--authfile"];
    let logins = directory.path().join("auth.json");
    run("skopeo", &[&login[..], &[logins.to_str().unwrap(), &server.host]].concat()).good();

    // A wrong file is reported, and changes nothing.
    fs::write(&file, "alice:plain\n").unwrap();
    server.signal(Signal::HUP);
    let reported = server.line();
    assert!(reported.contains("cannot read line 1 of the users"), "{reported}");
    assert_eq!(with("alice:secret"), "201");
    users(&file, "new");
    certificate(directory.path());
    fs::write(directory.path().join("key.pem"), "nothing").unwrap();
    server.signal(Signal::HUP);
    let reported = server.line();
    assert!(reported.contains("cannot read a private key in"), "{reported}");
    // The users that were right were taken.
    let insecure = |login: &str| curl(&["-k", "-u", login, "--data-binary", "content", &push]);
    assert_eq!((insecure("alice:secret"), insecure("alice:new")), ("401".into(), "201".into()));
    certificate(directory.path());
    server.signal(Signal::HUP);
    // Nothing tells that a certificate was taken, but that it is used: the new one is trusted.
    let trusted = ["-sS", "--noproxy", "*", "--cacert", &chain, &url];
    eventually(|| run("curl", &trusted).code == Some(0));
    let (code, log) = server.stop();
    assert_eq!(code, Some(0));
    assert!(log.contains("\"user\":\"alice\"") && !log.contains("secret"), "{log}");
}

#[test]
fn a_unix_socket_is_served_and_removed() {
    needs!("curl");
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("socket");
    let mut server = Server::start(&["--listen", &format!("unix:{}", path.display())]);
    assert_eq!(server.line(), format!("listening at unix:{}", path.display()));
    let curl = ["-sS", "--fail", "--unix-socket", path.to_str().unwrap(), "http://any/v2/"];
    assert_eq!(run("curl", &curl).good(), "{}");
    assert_eq!(server.stop().0, Some(0));
    assert!(!path.exists());
}
