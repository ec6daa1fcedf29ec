//! The commands of the README, one after the other, against two registries.

use std::fs;
use std::process::Command;

use oci_registry::{Auth, Grant, Server, Store};
use oci_testing::program::run_with;

use crate::images::Field;
use crate::oci_copy;

async fn registry(auth: Option<Auth>) -> Server {
    let serve = oci_registry::serve(Store::memory());
    let serve = auth.into_iter().fold(serve, oci_registry::Serve::auth);
    serve.bind("127.0.0.1:0").await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_commands_of_the_readme_work() {
    let field = Field::new();
    let auth =
        Auth::bearer().user("alice", "secret", [Grant::all("*")]).anonymous([Grant::all("*")]);
    let (near, far) = (registry(Some(auth)).await, registry(None).await);
    let near = near.address().to_string();
    for name in
        ["team/app:v1", "team/tools:1.2.0", "team/tools:1.3.0", "team/base:v1.4", "team/base:2.0"]
    {
        let to = format!("docker://{near}/{name}");
        oci_copy(&["--plain-http", "--all", &field.name("oci", "layout:v1"), &to]).good();
    }
    let here = field.path("here");
    fs::create_dir(&here).unwrap();
    let text = include_str!("../../README.md");
    let blocks: Vec<_> =
        text.split("```sh\n").skip(1).map(|it| it.split("```").next().unwrap()).collect();
    assert!(blocks.len() > 8, "{blocks:?}");
    for block in blocks {
        let script = format!(
            "alias oci-copy='\"$OCI_COPY\" --plain-http'\nset -eu\n{}",
            block
                .replace("registry.example", &near)
                .replace("mirror.example", &far.address().to_string())
        );
        let mut shell = Command::new("sh");
        shell.args(["-c", &script]).current_dir(&here).env_clear().env("HOME", &here);
        shell.env("PATH", "/usr/bin:/bin").env("NO_PROXY", "*");
        let done = run_with(shell.env("OCI_COPY", env!("CARGO_BIN_EXE_oci-copy")));
        assert_eq!(done.code, Some(0), "{block}\n{}\n{}", done.out, done.errors);
    }
    let mut tags: Vec<_> = ["all/app", "all/tools", "all/base", "again/app"]
        .map(|name| {
            let name = format!("docker://{}/{name}", far.address());
            oci_copy(&["--plain-http", "tags", &name]).good()
        })
        .into();
    assert_eq!(tags.pop().unwrap(), "v1\nv1-sbom\n");
    assert_eq!(tags, ["v1\nv1-sbom\n", "1.2.0\n", "v1.4\n"]);
}
