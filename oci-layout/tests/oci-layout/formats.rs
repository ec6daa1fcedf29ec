//! Other programs read what was made of an image in Docker's format.

use std::fs;
use std::process::Command;

use oci_image::blob::{BlobSinkExt, BlobSourceExt};
use oci_image::build::{self, Builder, Layer, rebase};
use oci_image::images::{Image, Images};
use oci_image::layer::{Compression, Entry, Kind, Limits, Metadata, Writer};
use oci_image::{Document, Finding, History, Level, Lint, Manifest, MediaType, Platform};
use oci_layout::{Layout, recompress};
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::{Config, TestCaseError, TestRunner};

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
fn skopeo_copies_what_was_joined_of_both_formats() {
    oci_testing::needs!("skopeo");
    let (_directory, layout) = store();
    for (name, image) in joined(&layout) {
        let _ = layout.put_image(&image).unwrap().tag(name).unwrap();
        assert!(copies(&layout, image.manifest(), &FORMATS), "{name}");
    }
    let docker = layout.resolve("docker").unwrap();
    let docker = Image::select(&layout, &docker, &Platform::host()).unwrap();
    let zstd = recompress(&docker, &Compression::zstd(), &Limits::default(), &layout).unwrap();
    // skopeo writes no image of Docker's that is compressed by zstd.
    assert!(copies(&layout, zstd.manifest(), &FORMATS[..3]));
}

/// What the rule of lint is for.
#[test]
fn skopeo_refuses_manifests_that_mix_formats() {
    oci_testing::needs!("skopeo");
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

/// One change of an image.
#[derive(Clone, Copy, Debug)]
enum Edit {
    Layer { is_docker: bool },
    Step,
    Label,
    Flatten { is_docker: bool },
    Rebase { is_docker: bool },
    Recompress,
    ToOci,
    ToDocker,
    ForgetHistory,
    AddHistory,
}

fn edit() -> impl Strategy<Value = Edit> {
    prop_oneof![
        any::<bool>().prop_map(|is_docker| Edit::Layer { is_docker }),
        any::<bool>().prop_map(|is_docker| Edit::Flatten { is_docker }),
        any::<bool>().prop_map(|is_docker| Edit::Rebase { is_docker }),
        Just(Edit::Step),
        Just(Edit::Label),
        Just(Edit::Recompress),
        Just(Edit::ToOci),
        Just(Edit::ToDocker),
        Just(Edit::ForgetHistory),
        Just(Edit::AddHistory),
    ]
}

/// What another tool may have made of the history.
fn with_history(image: &build::Image, change: fn(&mut Vec<History>)) -> build::Image {
    let config = image.config().edit(|config| change(&mut config.history)).unwrap();
    let manifest = image.manifest().edit(|manifest| {
        manifest.config.digest = config.descriptor().digest.clone();
        manifest.config.size = config.descriptor().size;
    });
    build::Image::new(manifest.unwrap(), config).unwrap()
}

fn edited(layout: &Layout, image: &build::Image, edit: Edit, number: usize) -> build::Image {
    let made = |is_docker| {
        let layer = layer(layout, &format!("file-{number}"), &Compression::gzip());
        if is_docker { by_docker(layer) } else { layer }
    };
    let builder = Builder::from(image);
    match edit {
        Edit::Layer { is_docker } => builder.layer(made(is_docker)).build(),
        Edit::Step => builder.step(History::new()).build(),
        Edit::Label => builder.label("number", number.to_string()).build(),
        Edit::Flatten { is_docker } => image.flatten(made(is_docker)),
        Edit::Rebase { is_docker } => {
            let new = Builder::new(&image.platform()).layer(made(is_docker)).build().unwrap();
            let new = if is_docker { new.to_docker().unwrap() } else { new };
            let old = Builder::new(&image.platform()).build().unwrap();
            rebase(image, &old, &new)
        }
        Edit::Recompress => {
            let _ = layout.put_image(image).unwrap();
            let stored = Image::select(layout, &image.descriptor(), &image.platform()).unwrap();
            let by_gzip = Compression::gzip().level(number as i32 % 9);
            Ok(recompress(&stored, &by_gzip, &Limits::default(), layout).unwrap())
        }
        Edit::ToOci => image.to_oci(),
        Edit::ToDocker => image.to_docker(),
        // What foreign tools do, so that the next edit has to put it right.
        Edit::ForgetHistory => Ok(with_history(image, |history| drop(history.pop()))),
        Edit::AddHistory => Ok(with_history(image, |history| history.push(History::new()))),
    }
    .unwrap()
}

/// The image after all edits, of which the last is our own.
fn after(layout: &Layout, edits: &[Edit]) -> build::Image {
    let mut image = layout.image("v1").unwrap().documents().unwrap();
    for (number, edit) in edits.iter().enumerate() {
        image = edited(layout, &image, *edit, number);
    }
    Builder::from(&image).label("last", "1").build().unwrap()
}

fn is_right(image: &build::Image) -> Result<(), String> {
    let findings = image.manifest().lint().into_iter().chain(image.config().lint());
    let is_wrong = |it: &Finding| it.level == Level::Error || it.id == "IMG-MT-06";
    let mut wrong: Vec<_> = findings.filter(is_wrong).collect();
    wrong.extend(image.manifest().lint_with(image.config()));
    if wrong.is_empty() { Ok(()) } else { Err(format!("{wrong:?}\n{image:?}")) }
}

fn edits() -> impl Strategy<Value = Vec<Edit>> {
    prop::collection::vec(edit(), 1..6)
}

#[test]
fn any_edits_give_an_image_that_lint_accepts() {
    let (_directory, layout) = store();
    let mut runner =
        TestRunner::new(Config { cases: 60, failure_persistence: None, ..Config::default() });
    let outcome = runner
        .run(&edits(), |edits| is_right(&after(&layout, &edits)).map_err(TestCaseError::fail));
    outcome.unwrap();
}

#[test]
fn any_edits_give_an_image_that_skopeo_copies() {
    oci_testing::needs!("skopeo");
    let (_directory, layout) = store();
    let mut runner = TestRunner::deterministic();
    for _ in 0..8 {
        let edits = edits().new_tree(&mut runner).unwrap().current();
        let image = after(&layout, &edits);
        is_right(&image).unwrap();
        let _ = layout.put_image(&image).unwrap();
        assert!(copies(&layout, image.manifest(), &["oci"]), "{edits:?}");
        let docker = image.to_docker().unwrap();
        let _ = layout.put_image(&docker).unwrap();
        assert!(copies(&layout, docker.manifest(), &["dir", "docker-archive"]), "{edits:?}");
    }
}
