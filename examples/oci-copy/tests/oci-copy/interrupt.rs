//! Ctrl-C in the middle of a transfer, and the same command again.

use std::io::{BufRead, BufReader, Lines};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::Duration;

use http::Method;
use oci_image::blob::BlobSinkExt;
use oci_image::build::{Builder, Layer};
use oci_image::{Descriptor, Digest, MediaType, Platform};
use oci_layout::Layout;
use oci_registry::{Fault, Server, Store};
use oci_testing::program::run;
use serde_json::Value;

use crate::images::{Field, tagged};
use crate::oci_copy;

const LONG: Duration = Duration::from_secs(3600);

/// What is received of a layer before it stalls, in bytes.
const BEGINNING: u64 = 100_000;

/// Puts an image of one layer of three times that to the layout, as `large`.
fn large(field: &Field) -> Descriptor {
    let layout = Layout::open(field.path("layout")).unwrap();
    let tar: Vec<u8> = (0..3 * BEGINNING).map(|at| (at % 251) as u8).collect();
    let layer = Descriptor::of(MediaType::LAYER_TAR, &tar);
    layout.put(&layer, &tar).unwrap();
    let image =
        Builder::new(&Platform::host()).layer(Layer::new(layer.clone(), Digest::sha256(&tar)));
    layout.put_image(&image.build().unwrap()).unwrap().tag("large").unwrap();
    layer
}

async fn registry() -> Server {
    oci_registry::serve(Store::memory()).bind("127.0.0.1:0").await.unwrap()
}

/// A copy that tells what happens.
struct Running {
    program: Child,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Running {
    fn start(words: &[&str]) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_oci-copy"));
        command.args(["--plain-http", "--json", "--jobs", "1"]).args(words).env_clear();
        let mut program = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let lines = BufReader::new(program.stdout.take().unwrap()).lines();
        Self { program, lines }
    }

    /// Waits for an event.
    fn until(&mut self, is_it: impl Fn(&Value) -> bool) {
        while !is_it(&serde_json::from_str(&self.lines.next().unwrap().unwrap()).unwrap()) {}
    }

    /// Sends a signal; gives the exit status.
    fn end(mut self, signal: &str) -> Option<i32> {
        run("kill", &[signal, &self.program.id().to_string()]).good();
        self.program.wait().unwrap().code()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_push_that_is_interrupted_leaves_no_upload_and_is_continued() {
    let (field, registry) = (Field::new(), registry().await);
    large(&field);
    let from = field.name("oci", "layout:large");
    let to = format!("docker://{}/app:v1", registry.address());
    // The second of two blobs stalls.
    let stall = Fault::delay("/uploads/", LONG).method(Method::PUT).after(1);
    registry.registry().add_faults([stall]);
    let mut copy = Running::start(&[&from, &to]);
    copy.until(|event| event["event"] == "done");
    while registry.registry().open_uploads() == 0 {
        tokio::task::yield_now().await;
    }
    assert_eq!(copy.end("-INT"), Some(130));
    assert_eq!(registry.registry().open_uploads(), 0);

    registry.registry().clear_faults();
    oci_copy(&["--plain-http", "digest", &to]).bad(1);
    let plan = oci_copy(&["--plain-http", "--dry-run", &from, &to]).good();
    assert_eq!(plan.matches("present\t").count(), 1, "{plan}");
    oci_copy(&["--plain-http", &from, &to]).good();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pull_that_is_interrupted_keeps_what_it_has_and_is_continued() {
    let (field, registry) = (Field::new(), registry().await);
    let layer = large(&field);
    let from = format!("docker://{}/app:v1", registry.address());
    let to = field.name("oci", "pulled:v1");
    let image = oci_copy(&["--plain-http", &field.name("oci", "layout:large"), &from]).good();
    let path = format!("/blobs/{}", layer.digest);
    let (cut, stall) = (Fault::cut_body(&path, BEGINNING), Fault::delay(&path, LONG));
    registry.registry().add_faults([cut.times(1), stall.after(1)]);
    let mut copy = Running::start(&[&from, &to]);
    copy.until(|event| event["event"] == "moving" && event["bytes"] == BEGINNING);
    assert_eq!(copy.end("-TERM"), Some(143));
    oci_copy(&["digest", &to]).bad(1);

    registry.registry().clear_faults();
    // It is asked for the rest alone.
    registry.registry().add_faults(Fault::cut_body(&path, 2 * BEGINNING));
    oci_copy(&["--plain-http", &from, &to]).good();
    assert_eq!(format!("{}\n", tagged(&field.path("pulled"), "v1")), image);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sync_that_is_interrupted_keeps_its_images_and_is_continued() {
    let (field, registry) = (Field::new(), registry().await);
    let layer = large(&field);
    let repository = format!("docker://{}/app", registry.address());
    for (name, tag) in [("v1", "a"), ("large", "b")] {
        let from = field.name("oci", &format!("layout:{name}"));
        oci_copy(&["--plain-http", &from, &format!("{repository}:{tag}")]).good();
    }
    let to = field.name("oci", "synced");
    let sync = ["sync", "--keep-going", &repository, &to];
    registry.registry().add_faults([Fault::delay(format!("/blobs/{}", layer.digest), LONG)]);
    let mut running = Running::start(&sync);
    running.until(|event| event["event"] == "copied");
    running.until(|event| event["digest"] == layer.digest.as_str());
    assert_eq!(running.end("-INT"), Some(130));
    assert_eq!(oci_copy(&["digest", &format!("{to}:a")]).good(), format!("{}\n", field.host));
    oci_copy(&["digest", &format!("{to}:b")]).bad(1);

    registry.registry().clear_faults();
    oci_copy(&[&["--plain-http"], &sync[..]].concat()).good();
    assert_eq!(tagged(&field.path("synced"), "a"), field.host);
    oci_copy(&["digest", &format!("{to}:b")]).good();
}
