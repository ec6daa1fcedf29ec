use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use oci_testing::docker_registry::DockerRegistry;
use oci_testing::needs;
use oci_testing::program::run;

use crate::images::Field;
use crate::oci_copy;

#[test]
fn a_login_is_stored_where_skopeo_finds_it_and_removed() {
    needs!("docker-registry", "htpasswd", "skopeo");
    let field = Field::new();
    let users = field.path("users").display().to_string();
    run("htpasswd", &["-Bbc", &users, "alice", "canary-secret"]).good();
    let settings = format!("auth: {{htpasswd: {{realm: tests, path: '{users}'}}}}");
    let registry = DockerRegistry::start(&field.path(""), &settings).unwrap();
    let (host, file) = (registry.host(), field.path("auth.json"));
    let with = ["--plain-http", "--authfile", file.to_str().unwrap()];
    let copy = |words: &[&str]| oci_copy(&[&with, words].concat());

    let (status, errors) = log_in(host, "wrong", &file);
    assert_eq!(status, Some(1));
    assert!(!file.exists() && !errors.contains("wrong"), "{errors}");
    assert_eq!(log_in(host, "canary-secret\n", &file).0, Some(0));
    let remote = format!("docker://{host}/app:v1");
    copy(&[&field.name("oci", "layout:v1"), &remote]).good();
    let inspect = ["inspect", "--tls-verify=false", "--authfile", with[2], &remote];
    run("skopeo", &inspect).good();
    copy(&["--no-creds", "digest", &remote]).bad(1);
    let (layout, to) = (field.name("oci", "layout:v1"), field.name("dir", "to"));
    copy(&["--src-no-creds", &remote, &to]).bad(1);
    copy(&["--dest-no-creds", &remote, &to]).good();
    copy(&["--dest-no-creds", &layout, &remote]).bad(1);
    copy(&["--src-no-creds", &layout, &remote]).good();
    copy(&["logout", host]).good();
    copy(&["digest", &remote]).bad(1);
    copy(&["logout", host]).bad(1);
    copy(&["login", host]).bad(2);
}

/// Logs alice in with a password. Gives the exit status, and what was printed.
fn log_in(host: &str, password: &str, file: &Path) -> (Option<i32>, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_oci-copy"));
    command.args(["login", "--plain-http", "--username", "alice", host, "--authfile"]).arg(file);
    command.stdin(Stdio::piped()).stderr(Stdio::piped()).stdout(Stdio::null());
    let mut program = command.spawn().unwrap();
    program.stdin.take().unwrap().write_all(password.as_bytes()).unwrap();
    let output = program.wait_with_output().unwrap();
    (output.status.code(), String::from_utf8(output.stderr).unwrap())
}
