//! The short programs, each of which shows one idea.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};

use oci_image::build::Builder;
use oci_image::{Digest, Platform};
use oci_layout::Layout;
use oci_registry::Store;
use oci_testing::needs;
use oci_testing::program::{run, run_with};

#[test]
fn print_error_says_each_reason_once() {
    let line = run(env!("CARGO_BIN_EXE_print_error"), &["/nowhere"]).bad(1);
    assert_eq!(line, "cannot open layout `/nowhere`: No such file or directory (os error 2)");

    let directory = tempfile::tempdir().unwrap();
    let layout = Layout::create(directory.path()).unwrap();
    let image = Builder::new(&Platform::host()).build().unwrap();
    layout.put_image(&image).unwrap().tag("v1").unwrap();
    assert_eq!(run(env!("CARGO_BIN_EXE_print_error"), &[directory.path()]).good(), "v1\n");
}

/// What `verify_async` makes of `hello`, when it is to be of this digest and size.
fn verify(digest: &Digest, size: usize) -> Result<String, String> {
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("hello"), "hello").unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_verify_async"))
        .args([digest.as_str(), &size.to_string()])
        .stdin(fs::File::open(directory.path().join("hello")).unwrap())
        .stderr(Stdio::piped())
        .output()
        .unwrap();
    match output.status.success() {
        true => Ok(String::from_utf8(output.stdout).unwrap()),
        false => Err(String::from_utf8(output.stderr).unwrap()),
    }
}

#[test]
fn verify_async_refuses_any_other_bytes() {
    let digest = Digest::sha256("hello");
    assert_eq!(verify(&digest, 5), Ok("hello".into()));
    for (digest, size) in [(&digest, 4), (&digest, 6), (&Digest::sha256("jello"), 5)] {
        assert!(verify(digest, size).unwrap_err().starts_with("verify_async: "), "{digest} {size}");
    }
}

#[test]
fn own_sink_holds_what_it_was_given() {
    let directory = tempfile::tempdir().unwrap();
    let digest = Digest::sha256("hello");
    for _ in 0..2 {
        let listed = run(env!("CARGO_BIN_EXE_own_sink"), &[directory.path()]).good();
        assert_eq!(listed, format!("{}\n", digest.encoded()));
    }
    assert_eq!(fs::read(directory.path().join(digest.encoded())).unwrap(), b"hello");
}

#[test]
fn image_to_sink_puts_all_that_belongs_to_an_image_and_an_artifact() {
    // A layer, a config and a manifest; then `{}`, a note and a manifest.
    let printed = run(env!("CARGO_BIN_EXE_image_to_sink"), &[""; 0]).good();
    assert_eq!(printed, "an image of 3 blobs\nand an artifact: 6 blobs\n");
}

#[test]
fn own_manifest_is_named_by_its_bytes() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("manifest.json");
    let image = Builder::new(&Platform::host()).build().unwrap();
    fs::write(&file, image.manifest().bytes()).unwrap();
    let descriptor = image.manifest().descriptor();
    let told = run(env!("CARGO_BIN_EXE_own_manifest"), &[&file]).good();
    assert_eq!(
        told.lines().next(),
        Some(&*format!("{}, {} bytes", descriptor.digest, descriptor.size))
    );
    fs::write(&file, "{}").unwrap();
    run(env!("CARGO_BIN_EXE_own_manifest"), &[&file]).bad(1);
}

#[test]
fn rootless_is_root_in_its_container() {
    oci_testing::needs!(user_namespaces);
    let told = run(env!("CARGO_BIN_EXE_rootless"), &[""; 0]).good();
    assert_eq!(told, "pid 1\nhostname rootless\nuid 0\n/proc/sys is read-only\n");
}

#[test]
fn tokio_container_runs_to_its_end() {
    oci_testing::needs!(user_namespaces);
    let mut command = Command::new(env!("CARGO_BIN_EXE_tokio_container"));
    let told = run_with(&mut command).good();
    assert_eq!(told, "pid 1\nhostname tokio\nuid 0\n/proc/sys is read-only\n");
}

#[tokio::test]
async fn own_transport_asks_a_registry() {
    let registry = oci_registry::serve(Store::memory()).bind("127.0.0.1:0").await.unwrap();
    let host = registry.address().to_string();
    let ask = |host: String| run(env!("CARGO_BIN_EXE_own_transport"), &[host]);
    let told = tokio::task::spawn_blocking(move || ask(host)).await.unwrap();
    assert_eq!(told.good(), format!("{} is a registry\n", registry.address()));
    let told = tokio::task::spawn_blocking(move || ask("127.0.0.1:1".into())).await.unwrap();
    told.bad(1);
}

#[test]
fn registry_in_axum_answers_beside_another_route() {
    needs!("curl");
    let mut child = Command::new(env!("CARGO_BIN_EXE_registry_in_axum"))
        .arg("127.0.0.1:0")
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let host = line.trim_end().strip_prefix("listening at ").unwrap().to_owned();
    let get = |path: &str, more: &[&str]| {
        let url = format!("http://{host}{path}");
        let arguments = [&["-sS", "--fail", "--noproxy", "*", &url], more].concat();
        run("curl", &arguments).good()
    };
    let digest = Digest::sha256("content");
    let post = format!("/v2/team/app/blobs/uploads/?digest={digest}");
    get(&post, &["--data-binary", "content"]);
    let blob = get(&format!("/v2/team/app/blobs/{digest}"), &[]);
    let other = get("/", &[]);
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!((blob.as_str(), other.as_str()), ("content", "there is a registry at /v2/\n"));
}
