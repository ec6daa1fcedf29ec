//! Other programs read what was made of an image in Docker's format.

use std::fs;
use std::process::Command;

use oci_image::blob::{BlobSinkExt, BlobSourceExt};
use oci_image::build::{self, Builder, Layer, rebase};
use oci_image::images::{Image, Images};
use oci_image::layer::{Compression, Entry, Kind, Metadata, Writer};
use oci_image::{Document, Lint, Manifest, MediaType, Platform};
use oci_layout::{Layout, recompress};

use crate::damage::store;
use crate::fixture::directory;

/// A layer that has one file, stored in the layout.
fn layer(layout: &Layout, name: &str, compression: &Compression) -> Layer {
    let mut writer = Writer::new(Vec::new(), compression).unwrap();
    let entry = Entry::new(name.parse().unwrap(), Kind::File { size: 4 }, Metadata::new(0o644));
    writer.append_file(&entry, &b"text"[..]).unwrap();
    let (blob, descriptor, diff_id) = writer.finish().unwrap();
    layout.put(&descriptor, &blob).unwrap();
    Layer::new(descriptor, diff_id).created_by(format!("add {name}"))
}

/// The same layer by Docker's type.
fn by_docker(mut layer: Layer) -> Layer {
    layer.descriptor.media_type = MediaType::DOCKER_LAYER_TAR_GZIP;
    layer
}

/// Images that join what is in OCI's format and what is in Docker's.
fn joined(layout: &Layout) -> Vec<(&'static str, build::Image)> {
    let gzip = Compression::gzip();
    let base = layout.image("v1").unwrap().documents().unwrap();
    let docker = base.to_docker().unwrap();
    let app = Builder::from(&base).layer(layer(layout, "app", &gzip)).build().unwrap();
    let new = Builder::new(&base.platform()).layer(layer(layout, "new", &gzip)).build().unwrap();
    let flat = || layer(layout, "flat", &gzip);
    let other = || layer(layout, "other", &gzip);
    vec![
        ("docker", docker.clone()),
        ("layer", Builder::from(&docker).layer(by_docker(other())).build().unwrap()),
        ("label", Builder::from(&docker).label("a", "b").build().unwrap()),
        ("flat", docker.flatten(flat()).unwrap()),
        ("flat-oci", base.flatten(by_docker(flat())).unwrap()),
        ("rebased", rebase(&app.to_docker().unwrap(), &base, &new).unwrap()),
        ("rebased-oci", rebase(&app, &docker, &new.to_docker().unwrap()).unwrap()),
    ]
}

fn skopeo(arguments: &[&str]) -> bool {
    let mut command = Command::new("skopeo");
    let output = command.arg("--insecure-policy").args(arguments).output().unwrap();
    output.status.success()
}

const FORMATS: [&str; 4] = ["dir", "oci", "oci-archive", "docker-archive"];

/// Writes an image as skopeo's `dir:` has it, which may be in either format, and has skopeo copy it to
/// places of these kinds.
fn copies(layout: &Layout, manifest: &Document<Manifest>, kinds: &[&str]) -> bool {
    let directory = directory();
    let source = directory.path().join("source");
    fs::create_dir(&source).unwrap();
    fs::write(source.join("manifest.json"), manifest.bytes()).unwrap();
    for blob in manifest.layers.iter().chain([&manifest.config]) {
        let content = layout.read(blob, 1 << 20).unwrap();
        fs::write(source.join(blob.digest.encoded()), content).unwrap();
    }
    let source = format!("dir:{}", source.display());
    kinds.iter().all(|kind| {
        let name = if kind.starts_with("oci") { ":copy" } else { "" };
        let target = format!("{kind}:{}{name}", directory.path().join(kind).display());
        skopeo(&["copy", "-q", &source, &target])
    })
}

// covers: IMG-MT-06
#[test]
#[ignore = "needs skopeo"]
fn skopeo_copies_what_was_joined_of_both_formats() {
    let (_directory, layout) = store();
    for (name, image) in joined(&layout) {
        layout.put_image(&image).unwrap().tag(name).unwrap();
        assert!(copies(&layout, image.manifest(), &FORMATS), "{name}");
    }
    let docker = layout.resolve("docker").unwrap();
    let docker = Image::select(&layout, &docker, &Platform::host()).unwrap();
    let zstd = recompress(&docker, &Compression::zstd(), &layout).unwrap();
    // skopeo writes no image of Docker's that is compressed by zstd.
    assert!(copies(&layout, zstd.manifest(), &FORMATS[..3]));
}

/// What the rule of lint is for.
#[test]
#[ignore = "needs skopeo"]
fn skopeo_refuses_manifests_that_mix_formats() {
    let (_directory, layout) = store();
    let image = layout.image("v1").unwrap().documents().unwrap();
    let docker = image.to_docker().unwrap();
    for (image, media_type) in [
        (&docker, MediaType::LAYER_TAR_GZIP),
        (&docker, MediaType::LAYER_TAR),
        (&image, MediaType::DOCKER_FOREIGN_LAYER_TAR_GZIP),
    ] {
        let mixed = image.manifest().edit(|it| it.layers[0].media_type = media_type).unwrap();
        assert!(mixed.lint().iter().any(|finding| finding.id == "IMG-MT-06"));
        assert!(!copies(&layout, &mixed, &FORMATS[3..]), "{mixed:?}");
    }
}
