//! Files of images, straight from where the images are.

use std::fs;

use oci_image::blob::BlobSinkExt;
use oci_image::build::{Builder, Layer};
use oci_image::{Descriptor, Digest, MediaType, Platform};
use oci_layout::Layout;
use oci_registry::{Fault, Store};
use oci_testing::tar::Tar;

use crate::images::Field;
use crate::oci_copy;

/// Puts an image of two layers to the layout, as `files`.
fn put_files(field: &Field) {
    let layout = Layout::open(field.path("layout")).unwrap();
    let mut builder = Builder::new(&Platform::host());
    for tar in [
        Tar::new().file("hello", "world").file("gone", "").end(),
        Tar::new().file(".wh.gone", "").file("hello", "again").end(),
    ] {
        let layer = Descriptor::of(MediaType::LAYER_TAR, &tar);
        layout.put(&layer, &tar).unwrap();
        builder = builder.layer(Layer::new(layer, Digest::sha256(&tar)));
    }
    layout.put_image(&builder.build().unwrap()).unwrap().tag("files").unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_image_is_unpacked_straight_from_where_it_is() {
    let field = Field::new();
    put_files(&field);
    let registry = oci_registry::serve(Store::memory()).bind("127.0.0.1:0").await.unwrap();
    let from = field.name("oci", "layout:files");
    let remote = format!("docker://{}/app:v1", registry.address());
    let digest = oci_copy(&["--plain-http", &from, &remote]).good();
    let unpack = ["--plain-http", "--jobs", "2", "unpack", "--rootless"];
    for (name, to) in [(&from, "of-layout"), (&remote, "of-registry")] {
        let place = field.path(to);
        let unpack = || oci_copy(&[&unpack[..], &[name, place.to_str().unwrap()]].concat());
        assert_eq!(unpack().good(), digest);
        assert_eq!(fs::read(place.join("hello")).unwrap(), b"again");
        assert!(!place.join("gone").exists());
        // Not over what is there.
        unpack().bad(1);
    }

    // What is wrong is refused, and emptied by the next one.
    let place = field.path("again");
    let unpack = || oci_copy(&[&unpack[..], &[&remote, place.to_str().unwrap()]].concat());
    registry.registry().add_faults([Fault::wrong_bytes("/blobs/").after(1)]);
    unpack().bad(1);
    registry.registry().clear_faults();
    unpack().good();
    assert_eq!(fs::read(place.join("hello")).unwrap(), b"again");
}

#[test]
fn only_one_image_is_unpacked_and_options_of_it_are_its_own() {
    let field = Field::new();
    let (from, to) = (field.name("oci", "layout:v1"), field.path("root").display().to_string());
    let refused = oci_copy(&["-a", "unpack", "--rootless", &from, &to]).bad(1);
    assert!(refused.contains("--platform"), "{refused}");
    for option in [&["--rootless"][..], &["--devices", "skip"], &["--ratio", "2"]] {
        oci_copy(&[option, &["digest", &from]].concat()).bad(2);
    }
    oci_copy(&["unpack", "--devices", "some", &from, &to]).bad(2);
    for command in [&["unpack", &from, &to][..], &["delete", "docker://localhost/app:v1"]] {
        let refused = oci_copy(&[&["--dry-run"], command].concat()).bad(2);
        assert!(refused.contains("--dry-run"), "{refused}");
    }
}
