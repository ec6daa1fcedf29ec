use std::fs;
use std::process::Command;

use oci_testing::needs;
use oci_testing::program::{Done, run, run_with};

use crate::server::Server;

fn oci_serve(arguments: &[&str]) -> Done {
    run_with(Command::new(env!("CARGO_BIN_EXE_oci-serve")).args(arguments))
}

#[test]
fn a_file_has_the_settings_that_no_option_has() {
    needs!("curl");
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("serve.toml");
    let store = directory.path().join("store");
    let text = format!("store = '{}'\nread-only = true\nlisten = ['nowhere']\n", store.display());
    fs::write(&file, text).unwrap();
    let server = Server::start(&["--config", file.to_str().unwrap()]);
    let post = format!("http://{}/v2/a/blobs/uploads/", server.host);
    let status =
        ["-sS", "--noproxy", "*", "-o", "/dev/null", "-w", "%{http_code}", "-d", "", &post];
    assert_eq!(run("curl", &status).good(), "405");
    assert!(store.join("repositories").exists());
}

#[test]
fn what_is_wrong_is_said_in_a_line() {
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name).to_str().unwrap().to_owned();
    fs::write(path("odd.toml"), "stor = 'memory'").unwrap();
    let rule = "htpasswd = 'x'\n[[rule]]\nrepositories = ['*']\nactions = ['read']\n";
    fs::write(path("rule.toml"), rule).unwrap();
    let robot = "[[robot]]\nname = 'ci'\nsecret = 'x'\nrepositories = ['*']\nactions = ['*']\n";
    fs::write(path("robot.toml"), robot).unwrap();
    for (arguments, reason) in [
        (&["--log", "xml"][..], "it is not common or json"),
        (&["--tls-cert", "x"], "TLS needs both --tls-cert and --tls-key"),
        (&["--store", "s3://bucket"], "the store is not memory, a directory or oci:DIRECTORY"),
        (&["--anonymous-pull"], "--anonymous-pull needs --htpasswd"),
        (&["--limit", "idle"], "it is not NAME=NUMBER"),
        (&["--limit", "more=1"], "cannot set the limit `more`: there is none of this name"),
        (&["--token"], "--token needs --htpasswd or robots"),
        (&["--token-keys", "x"], "need both --token-keys and --token-issuer"),
        (&["--token-keys", "x", "--token-issuer", "y"], "--token-keys needs --token-realm"),
        (&["--config", &path("rule.toml")], "`read` is not pull, push, delete or *"),
        (&["--config", &path("robot.toml")], "cannot read the secret of the robot `ci`"),
        (&["--config", &path("absent")], "cannot read the settings in"),
        (&["--config", &path("odd.toml")], "stor"),
        (&["serve"], "serve"),
    ] {
        let line = oci_serve(arguments).bad(2);
        assert!(line.contains(reason), "{line}");
    }
    let missing = path("absent");
    for (arguments, reason) in [
        (&["--listen", "nowhere"][..], "cannot listen at `nowhere`"),
        (&["--htpasswd", &missing], "cannot read the users in"),
        (&["--audit", "/nowhere/audit"], "cannot open the audit log"),
        (
            &["--token-keys", &missing, "--token-issuer", "i", "--token-realm", "r"],
            "cannot read the keys of tokens in",
        ),
        (&["--tls-cert", &missing, "--tls-key", &missing], "cannot read a certificate in"),
        (&["--store", &path("odd.toml")], "cannot open the store in"),
    ] {
        let line = oci_serve(arguments).bad(1);
        assert!(line.contains(reason), "{line}");
    }
}
