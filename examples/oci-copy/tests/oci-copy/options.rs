//! What is made of an image on the way, and what is told.

use std::fs;

use http::{Method, StatusCode};
use oci_image::blob::BlobSinkExt;
use oci_image::images::Images;
use oci_image::{AnyDocument, Descriptor, Digest, Document, Manifest, MediaType, Platform};
use oci_layout::Layout;
use oci_registry::{Fault, Store};
use oci_testing::docker_registry::DockerRegistry;
use oci_testing::needs;
use serde_json::Value;

use crate::images::Field;
use crate::oci_copy;

#[test]
fn several_platforms_make_a_new_index() {
    let field = Field::new();
    let from = field.name("oci", "layout:v1");
    let host = Platform::host().to_string();
    let both = ["--platform", &host, "--platform", "linux/s390x"];
    for to in
        [field.name("oci", "a:v1"), field.name("oci-archive", "b.tar:v1"), field.name("dir", "c")]
    {
        let copied = oci_copy(&[&both[..], &[&from, &to]].concat()).good();
        assert_eq!(copied, format!("{}\n", field.index), "both images are all of it");
        let one = ["--platform", &host, "--platform", "linux/sparc", &from, &to];
        let one = oci_copy(&one).good();
        assert_ne!(one, copied);
        assert_eq!(oci_copy(&["--all", "digest", &to]).good(), one);
    }
    let none = ["--platform", "linux/sparc", "--platform", "linux/vax"];
    oci_copy(&[&none[..], &[&from, &field.name("oci", "d:v1")]].concat()).bad(1);
}

#[test]
fn what_refers_to_an_image_goes_along_when_it_is_asked_for() {
    needs!("docker-registry");
    let field = Field::new();
    let registry = DockerRegistry::start(&field.path(""), "").unwrap();
    let layout = Layout::open(field.path("layout")).unwrap();
    let index = layout.resolve("v1").unwrap();
    let signature = refers(&layout, &index);
    let second = refers(&layout, &signature);
    let tag = format!("sha256-{}.sig", field.host.encoded());
    layout.tag(&tag, &second).unwrap();
    drop(layout);

    let from = field.name("oci", "layout:v1");
    let remote = format!("docker://{}/app:v1", registry.host());
    let along = ["--plain-http", "--all", "--referrers", "--digest-tags"];
    let copy = |from: &str, to: &str| oci_copy(&[&along[..], &[from, to]].concat()).good();
    copy(&from, &remote);
    let referrers = oci_copy(&["--plain-http", "referrers", &remote]).good();
    assert!(referrers.starts_with(signature.digest.as_str()), "{referrers}");
    copy(&remote, &field.name("oci", "back:v1"));
    copy(&field.name("oci", "back:v1"), &field.name("oci-archive", "a.tar:v1"));
    copy(&field.name("oci-archive", "a.tar:v1"), &field.name("oci", "again:v1"));
    for place in ["back", "again"] {
        let layout = Layout::open(field.path(place)).unwrap();
        let referrers = layout.referrers(&field.index).unwrap();
        assert_eq!(referrers[0].digest, signature.digest, "{place}");
        assert_eq!(layout.referrers(&signature.digest).unwrap()[0].digest, second.digest);
        assert_eq!(layout.resolve(&tag).unwrap().digest, second.digest);
        assert_eq!(layout.garbage().unwrap().blobs, [] as [Digest; 0]);
    }
    let to = field.name("dir", "one");
    oci_copy(&["--referrers", &from, &to]).bad(1);
    oci_copy(&["--referrers", "--dest-compress-format", "zstd", &from, &remote]).bad(1);
}

/// An artifact that refers to `subject`.
fn refers(layout: &Layout, subject: &Descriptor) -> Descriptor {
    let config = Descriptor::empty_json();
    layout.put(&config, b"{}").unwrap();
    let mut manifest = Manifest::new(config);
    manifest.media_type = Some(MediaType::IMAGE_MANIFEST);
    manifest.artifact_type = Some(MediaType::from("application/vnd.example.signature"));
    manifest.subject = Some(subject.clone());
    let manifest = AnyDocument::Manifest(Document::new(manifest).unwrap());
    layout.put_document(&manifest).unwrap().add().unwrap()
}

#[test]
fn formats_and_compressions_change_when_that_is_asked_for() {
    needs!("docker-registry", "skopeo");
    let field = Field::new();
    let registry = DockerRegistry::start(&field.path(""), "").unwrap();
    let from = field.name("oci", "layout:v1");
    let remote = format!("docker://{}/app:v1", registry.host());
    let inspect = |name: &str| -> Value {
        let text = oci_copy(&["--plain-http", "inspect", name]).good();
        serde_json::from_str(&text).unwrap()
    };
    let docker = "application/vnd.docker.distribution.manifest.v2+json";
    for to in [remote, field.name("oci", "a:v1"), field.name("dir", "b")] {
        oci_copy(&["--plain-http", "-f", "v2s2", &from, &to]).good();
        assert_eq!(inspect(&to)["mediaType"], docker, "{to}");
        let options = ["--format", "oci", "--dest-compress-format", "zstd"];
        oci_copy(&[&["--plain-http"], &options[..], &[&to, &to]].concat()).good();
        let layer = &inspect(&to)["layers"][0]["mediaType"];
        assert_eq!(*layer, MediaType::LAYER_TAR_ZSTD.as_str(), "{to}");
        let copy = ["copy", "-q", "--src-tls-verify=false", &to, &field.name("dir", "read")];
        oci_testing::program::run("skopeo", &copy).good();
    }
    oci_copy(&["--format", "v3", &from, &field.name("dir", "b")]).bad(2);
}

#[test]
fn a_dry_run_says_what_would_move_and_moves_nothing() {
    needs!("docker-registry");
    let field = Field::new();
    let registry = DockerRegistry::start(&field.path(""), "").unwrap();
    let from = field.name("oci", "layout:v1");
    let remote = format!("docker://{}/app:v1", registry.host());
    for to in [remote, field.name("oci", "new:v1"), field.name("dir", "new")] {
        let dry = ["--plain-http", "--all", "--dry-run", &from, &to];
        let plan = oci_copy(&dry).good();
        assert!(plan.starts_with("move\t"), "{plan}");
        assert!(plan.contains(field.index.as_str()), "{plan}");
        oci_copy(&["--plain-http", "digest", &to]).bad(1);
        assert!(!field.path("new").exists());
        oci_copy(&["--plain-http", "--all", &from, &to]).good();
        let plan = oci_copy(&dry).good();
        // A registry gets the manifest of a tag again.
        assert!(plan.matches("move\t").count() <= 1, "{plan}");
        _ = fs::remove_dir_all(field.path("new"));
    }
}

#[test]
fn events_are_lines_of_json() {
    needs!("docker-registry");
    let field = Field::new();
    let registry = DockerRegistry::start(&field.path(""), "").unwrap();
    let from = field.name("oci", "layout:v1");
    let remote = format!("docker://{}/app:v1", registry.host());
    let printed = oci_copy(&["--plain-http", "--json", &from, &remote]).good();
    let events: Vec<Value> =
        printed.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let (last, events) = events.split_last().unwrap();
    assert_eq!(last["event"], "copied");
    assert_eq!(last["digest"], field.host.as_str());
    let count = |name: &str| events.iter().filter(|event| event["event"] == name).count();
    assert_eq!((count("planned"), count("done")), (3, 3), "{printed}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_retried_is_an_event_of_its_own() {
    let field = Field::new();
    let registry = oci_registry::serve(Store::memory()).bind("127.0.0.1:0").await.unwrap();
    let fault = Fault::status("/manifests/", StatusCode::BAD_GATEWAY).method(Method::PUT);
    registry.registry().add_faults([fault.times(1)]);
    let remote = format!("docker://{}/app:v1", registry.address());
    let printed =
        oci_copy(&["--plain-http", "--json", &field.name("oci", "layout:v1"), &remote]).good();
    let count = |name: &str| printed.matches(&format!(r#""event":"{name}""#)).count();
    assert_eq!((count("retrying"), count("done")), (1, 3), "{printed}");
}
