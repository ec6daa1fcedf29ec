//! What a person sees.

use std::process::Command;

use oci_registry::Store;
use oci_testing::needs;
use oci_testing::program::run_with;

use crate::images::{Field, tagged};
use crate::oci_copy;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bar_is_for_terminals_and_a_line_for_the_rest() {
    needs!("script");
    let field = Field::new();
    let registry = oci_registry::serve(Store::memory()).bind("127.0.0.1:0").await.unwrap();
    let (from, remote) =
        (field.name("oci", "layout:v1"), format!("docker://{}/app:v1", registry.address()));
    let copied = oci_copy(&["--plain-http", &from, &remote]);
    assert_eq!(copied.errors.lines().count(), 1, "{}", copied.errors);
    assert!(copied.errors.contains("3 blobs, "), "{}", copied.errors);
    assert_eq!(copied.good(), format!("{}\n", field.host));

    let program = env!("CARGO_BIN_EXE_oci-copy");
    let command = format!("{program} --plain-http {remote} {}", field.name("oci", "to:v1"));
    let mut script = Command::new("script");
    let shown = run_with(script.args(["-qec", &command, "/dev/null"]).env("TERM", "xterm")).good();
    assert!(shown.contains("copy the image ["), "{shown}");
}

#[test]
fn a_password_is_not_read_where_it_would_be_shown() {
    needs!("script");
    let command = format!("{} login -u alice localhost", env!("CARGO_BIN_EXE_oci-copy"));
    let shown = run_with(Command::new("script").args(["-qec", &command, "/dev/null"]));
    assert_eq!(shown.code, Some(1), "{}", shown.out);
    assert!(shown.out.contains("standard input is a terminal"), "{}", shown.out);
}

#[test]
fn help_is_what_was_asked_for() {
    let help = oci_copy(&["--help"]).good();
    assert!(help.starts_with("usage: oci-copy "), "{help}");
}

#[test]
fn a_reader_that_has_enough_is_no_error_and_stops_no_copy() {
    let field = Field::new();
    let (from, to) = (field.name("oci", "layout:v1"), field.name("oci", "to:v1"));
    for words in [
        &["--help"][..],
        &["digest", &from],
        &["inspect", &from],
        &["--dry-run", &from, &to],
        &["--json", &from, &to],
        &["sync", &field.name("oci", "layout"), &field.name("oci", "synced")],
    ] {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let mut program = Command::new(env!("CARGO_BIN_EXE_oci-copy"));
        let program = program.args(words).env_clear().stdout(writer).output().unwrap();
        let errors = String::from_utf8_lossy(&program.stderr);
        assert!(program.status.success() && !errors.contains("pipe"), "{words:?}: {errors}");
    }
    assert_eq!(tagged(&field.path("to"), "v1"), field.host);
    assert_eq!(tagged(&field.path("synced"), "v1"), field.host);
}

#[test]
fn what_could_be_set_is_named_as_an_option() {
    let field = Field::new();
    let from = field.name("oci", "layout:v1");
    for (options, hint) in [
        (&["--all", "unpack", "--rootless", &from, "to"][..], "--platform"),
        (&["--plain-http", "digest", "docker://registry.example/app"], "--danger-plain-http"),
    ] {
        let refused = oci_copy(options).bad(1);
        assert!(refused.contains(hint) && !refused.contains("::"), "{refused}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_registry_wants_is_named_as_an_option() {
    let field = Field::new();
    let from = field.name("oci", "layout:v1");
    let open = oci_registry::serve(Store::memory()).bind("127.0.0.1:0").await.unwrap();
    let auth = oci_registry::Auth::basic().user("alice", "s", [oci_registry::Grant::all("*")]);
    let closed = oci_registry::serve(Store::memory()).auth(auth);
    let closed = closed.bind("127.0.0.1:0").await.unwrap();
    for (options, server, hints) in [
        (&[][..], &open, ["`--plain-http`", "`--danger-plain-http`"]),
        (&["--plain-http"], &closed, ["`--creds`", "`oci-copy login`"]),
    ] {
        let to = format!("docker://{}/app:v1", server.address());
        let refused = oci_copy(&[options, &[&from, &to]].concat()).bad(1);
        assert!(hints.iter().all(|hint| refused.contains(hint)), "{refused}");
        assert!(!refused.contains("::"), "{refused}");
    }
}
