use std::fs;

use oci_testing::needs;
use oci_testing::program::run;

use crate::server::{Server, users};

/// The status of a request, by curl.
fn status(server: &Server, path: &str, more: &[&str]) -> String {
    let url = format!("http://{}{path}", server.host);
    let mut arguments = vec!["-sS", "--noproxy", "*", "-o", "/dev/null", "-w", "%{http_code}"];
    arguments.extend(more);
    arguments.push(&url);
    run("curl", &arguments).good()
}

fn body(server: &Server, path: &str, more: &[&str]) -> String {
    let url = format!("http://{}{path}", server.host);
    let mut arguments = vec!["-sS", "--noproxy", "*"];
    arguments.extend(more);
    arguments.push(&url);
    run("curl", &arguments).good()
}

const SETTINGS: &str = r#"
token = true
limits = { page = 7, uploads = 8 }

[[rule]]
users = ["alice", "robot$*"]
repositories = ["team/*"]
actions = ["pull", "push"]

[[rule]]
repositories = ["public/*"]
actions = ["pull"]

[[robot]]
name = "robot$ci"
secret = "sha256:2bb80d537b1da3e38bd30361aa855686bde0eacd7162fef6a25fe97bf527a25b"
repositories = ["team/app"]
actions = ["*"]
expires = "2100-01-01T00:00:00Z"
"#;

#[test]
fn rules_robots_and_tokens_of_a_file_are_kept_and_every_decision_is_logged() {
    needs!("curl", "htpasswd");
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name).to_str().unwrap().to_owned();
    users(&directory.path().join("users"), "secret");
    fs::write(path("serve.toml"), SETTINGS).unwrap();
    let (users, file, audit) = (path("users"), path("serve.toml"), path("audit"));
    let server = Server::start(&["--config", &file, "--htpasswd", &users, "--audit", &audit]);
    let token = |user: &str, name: &str| {
        let path = format!("/token?scope=repository:{name}:pull,push,delete");
        let answer = body(&server, &path, &["-u", user]);
        let answer: serde_json::Value = serde_json::from_str(&answer).unwrap();
        format!("Authorization: Bearer {}", answer["token"].as_str().unwrap())
    };
    let (alice, robot) = (token("alice:secret", "team/app"), token("robot$ci:secret", "team/app"));
    for (who, path, more, expected) in [
        (&alice, "/v2/team/app/blobs/uploads/", ["-X", "POST"].as_slice(), "202"),
        (&robot, "/v2/team/app/blobs/uploads/", &["-X", "POST"], "202"),
        (&robot, "/v2/team/app/manifests/v1", &["-X", "DELETE"], "401"),
        (&alice, "/v2/public/app/tags/list", &[], "401"),
    ] {
        let more = [more, &["-H", who]].concat();
        assert_eq!(status(&server, path, &more), expected, "{path}");
    }
    assert_eq!(status(&server, "/v2/public/app/tags/list", &[]), "404");
    assert_eq!(status(&server, "/v2/team/app/tags/list", &[]), "401");
    server.stop();
    let lines = fs::read_to_string(&audit).unwrap();
    let last: serde_json::Value = serde_json::from_str(lines.lines().last().unwrap()).unwrap();
    assert_eq!(last["allowed"], false);
    assert_eq!((last["action"].as_str(), last["user"].as_str()), (Some("pull"), None));
    assert_eq!(last["repository"], "team/app");
    assert!(!lines.contains("Bearer") && !lines.contains("secret"));
}

#[test]
fn it_is_ready_while_the_store_answers() {
    needs!("curl");
    let directory = tempfile::tempdir().unwrap();
    let store = directory.path().join("store");
    let server = Server::start(&["--store", store.to_str().unwrap()]);
    let ready = server.metrics.replace("/metrics", "/readyz");
    let ask = || run("curl", &["-sS", "--noproxy", "*", &ready]).good();
    assert_eq!(ask(), "ok\n");
    fs::rename(&store, directory.path().join("away")).unwrap();
    fs::write(&store, "no directory").unwrap();
    assert_eq!(ask(), "the store does not answer\n");
}
