//! Archives as `docker save` writes them.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

use oci_image::blob::BlobSourceExt;
use oci_image::{Descriptor, Digest, MediaType, docker};
use oci_layout::{Archive, DockerArchive, DockerArchiveWriter, ErrorKind, Layout};
use tempfile::TempDir;

use crate::damage::store;
use crate::fixture::directory;
use crate::mount::run;
use crate::tar::{Tar, diff_id};

const NAME: &str = "docker.io/example/app:v1";

fn save(layout: &Layout) -> Vec<u8> {
    let mut writer = DockerArchiveWriter::new(Vec::new()).unwrap();
    writer.append(&layout.image("v1").unwrap(), &[NAME]).unwrap();
    writer.finish().unwrap()
}

fn write(directory: &TempDir, bytes: &[u8]) -> PathBuf {
    let path = directory.path().join("docker.tar");
    fs::write(&path, bytes).unwrap();
    path
}

/// The image of the store is `image`: one config, and layers of the same content.
fn same(layout: &Layout, archive: &DockerArchive, name: &str) {
    let (ours, theirs) = (layout.image("v1").unwrap(), archive.image(name).unwrap());
    assert_eq!(ours.config().unwrap().bytes(), theirs.config().unwrap().bytes());
    let diff_ids = &ours.config().unwrap().rootfs.diff_ids;
    for (layer, diff_id) in theirs.manifest().layers.iter().zip(diff_ids) {
        assert_eq!(layer.digest, *diff_id);
        assert_eq!(layer.media_type, MediaType::LAYER_TAR);
        archive.read(layer, 1 << 20).unwrap();
    }
}

#[test]
fn what_is_saved_is_read_as_both_kinds_of_archive() {
    let (directory, layout) = store();
    let tar = save(&layout);
    assert_eq!(save(&layout), tar);
    let path = write(&directory, &tar);
    let archive = DockerArchive::open(&path).unwrap();
    same(&layout, &archive, NAME);
    assert_eq!(archive.list()[0].name.as_deref(), Some(NAME));
    assert_eq!(archive.resolve("v1").unwrap_err().kind(), ErrorKind::NotFound);

    let image = archive.image(NAME).unwrap();
    let as_layout = Archive::open(&path).unwrap();
    assert_eq!(as_layout.image(NAME).unwrap().manifest().bytes(), image.manifest().bytes());
    // The digest in Docker's format is another one, and says so by its type.
    let converted = docker::manifest_to_docker(image.manifest()).unwrap();
    assert_eq!(converted.replaces.digest, image.descriptor().digest);
    assert_ne!(converted.document.descriptor().digest, image.descriptor().digest);
}

#[test]
fn layers_that_images_share_are_saved_once() {
    let (directory, layout) = store();
    let mut writer = DockerArchiveWriter::new(Vec::new()).unwrap();
    let image = layout.image("v1").unwrap();
    let labelled = image.builder().unwrap().label("a", "b").build().unwrap();
    layout.put_image(&labelled).unwrap().tag("v2").unwrap();
    writer.append(&image, &["example.org/app:1", "example.org/app:2"]).unwrap();
    writer.append(&layout.image("v2").unwrap(), &[]).unwrap();
    let archive = DockerArchive::open(write(&directory, &writer.finish().unwrap())).unwrap();
    let names: Vec<_> = archive.list().into_iter().map(|entry| entry.name).collect();
    assert_eq!(names, [Some("example.org/app:1".into()), Some("example.org/app:2".into()), None]);
    let [first, second] = ["example.org/app:1", "example.org/app:2"]
        .map(|name| archive.image(name).unwrap().manifest().clone());
    assert_eq!(first.bytes(), second.bytes());
    let unnamed = &archive.index().manifests[2];
    let unnamed = archive.image(unnamed.digest.as_str()).unwrap();
    assert_eq!(unnamed.manifest().layers, first.layers);
    assert_eq!(unnamed.config().unwrap().bytes(), labelled.config().bytes());
}

#[test]
fn only_references_with_a_tag_are_names() {
    let (_directory, layout) = store();
    let mut writer = DockerArchiveWriter::new(Vec::new()).unwrap();
    let digest = format!("app@{}", Digest::sha256(""));
    for name in ["", "no tag", "app", "App:v1", &digest] {
        let image = layout.image("v1").unwrap();
        assert_eq!(writer.append(&image, &[name]).unwrap_err().kind(), ErrorKind::Name, "{name}");
    }
}

#[test]
fn what_does_not_match_its_diff_id_is_not_saved() {
    let (_directory, layout) = store();
    let image = layout.image("v1").unwrap();
    let lying = image.builder().unwrap().edit_config(|config| {
        config.rootfs.diff_ids.swap(0, 1);
    });
    layout.put_image(&lying.build().unwrap()).unwrap().tag("lying").unwrap();
    let mut writer = DockerArchiveWriter::new(Vec::new()).unwrap();
    let error = writer.append(&layout.image("lying").unwrap(), &[NAME]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Invalid);
}

/// An archive in the old form: one layer, of any name, and what `manifest.json` says.
struct Old {
    layer: Vec<u8>,
    config: String,
    config_name: String,
    manifest: String,
}

impl Old {
    fn new() -> Self {
        let layer = Tar::default().file("f", "content").end();
        let config = format!(
            r#"{{"architecture":"amd64","os":"linux","rootfs":{{"type":"layers","diff_ids":["{}"]}}}}"#,
            diff_id(&layer)
        );
        let config_name = format!("{}.json", Digest::sha256(&config).encoded());
        let manifest = format!(
            r#"[{{"Config":"{config_name}","RepoTags":["app:v1"],"Layers":["a/layer.tar"]}}]"#
        );
        Self { layer, config, config_name, manifest }
    }

    fn open(&self) -> Result<DockerArchive, oci_layout::Error> {
        let tar = Tar::default()
            .directory("a/")
            .file("a/layer.tar", &self.layer)
            .symlink("b/layer.tar", "../a/layer.tar")
            .file(&self.config_name, &self.config)
            .file("manifest.json", &self.manifest);
        let directory = directory();
        DockerArchive::open(write(&directory, &tar.end()))
    }

    fn refused(&self) -> ErrorKind {
        self.open().unwrap_err().kind()
    }
}

#[test]
fn the_old_form_is_read_links_compressed_layers_and_no_tags_too() {
    let mut old = Old::new();
    let archive = old.open().unwrap();
    let layer = archive.image("app:v1").unwrap().manifest().layers[0].clone();
    assert_eq!(archive.read(&layer, 1 << 20).unwrap(), old.layer);

    old.manifest = old.manifest.replace("a/layer", "b/layer").replace(r#"["app:v1"]"#, "null");
    let archive = old.open().unwrap();
    assert_eq!(archive.list()[0].name, None);
    archive.read(&layer, 1 << 20).unwrap();

    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(&old.layer).unwrap();
    old.layer = gzip.finish().unwrap();
    let archive = old.open().unwrap();
    let name = archive.list()[0].descriptor.digest.clone();
    let layer = archive.image(name.as_str()).unwrap().manifest().layers[0].clone();
    assert_eq!(layer, Descriptor::of(MediaType::LAYER_TAR_GZIP, &old.layer));
    assert_eq!(archive.read(&layer, 1 << 20).unwrap(), old.layer);
}

#[test]
fn what_does_not_fit_together_is_refused() {
    let good = Old::new();
    let other = format!("{}.json", "0".repeat(64));
    for (what, manifest, kind) in [
        ("no JSON", "[", ErrorKind::Invalid),
        ("no list", "{}", ErrorKind::Invalid),
        ("a member twice", r#"[{"Config":"a","Config":"b"}]"#, ErrorKind::Invalid),
        ("another case", r#"[{"Config":"a","config":"b"}]"#, ErrorKind::Invalid),
        ("no such config", &good.manifest.replace(&good.config_name, &other), ErrorKind::NotFound),
        ("no such layer", &good.manifest.replace("a/layer", "c/layer"), ErrorKind::NotFound),
        ("a directory", &good.manifest.replace("a/layer.tar", "a"), ErrorKind::Invalid),
        ("too few layers", &good.manifest.replace(r#""a/layer.tar""#, ""), ErrorKind::Invalid),
        (
            "too many layers",
            &good.manifest.replace("[\"a/", "[\"a/layer.tar\",\"a/"),
            ErrorKind::Invalid,
        ),
        ("outside", &good.manifest.replace("a/layer.tar", "../layer.tar"), ErrorKind::NotFound),
    ] {
        let old = Old { manifest: manifest.into(), ..Old::new() };
        assert_eq!(old.refused(), kind, "{what}");
    }
    let lying = Old { config_name: other.clone(), ..Old::new() };
    let manifest = lying.manifest.replace(&good.config_name, &other);
    assert_eq!(Old { manifest, ..lying }.refused(), ErrorKind::Invalid, "another config digest");
}

#[test]
fn a_layer_that_is_not_what_its_diff_id_says_is_not_read_to_the_end() {
    let mut old = Old::new();
    old.layer[512] ^= 1;
    let archive = old.open().unwrap();
    let layer = archive.image("app:v1").unwrap().manifest().layers[0].clone();
    let error = archive.read(&layer, 1 << 20).unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::InvalidData);
}

fn skopeo(from: &str, to: &str) {
    run(Command::new("skopeo").args(["--insecure-policy", "copy", "-q", from, to]));
}

fn name(transport: &str, path: &Path, tag: &str) -> String {
    format!("{transport}:{}:{tag}", path.display())
}

#[test]
#[ignore = "needs skopeo"]
fn skopeo_reads_what_we_save_and_we_read_what_it_saves() {
    let (directory, layout) = store();
    let path = write(&directory, &save(&layout));
    let copy = directory.path().join("copy");
    skopeo(&name("docker-archive", &path, NAME), &name("oci", &copy, "copy"));
    let theirs = Layout::open(&copy).unwrap();
    let config = |layout: &Layout, name| layout.image(name).unwrap().config().unwrap();
    assert_eq!(config(&theirs, "copy").rootfs, config(&layout, "v1").rootfs);
    assert_eq!(theirs.fsck().unwrap(), []);

    let saved = directory.path().join("theirs.tar");
    let ours = name("oci", layout.path(), "v1");
    skopeo(&ours, &name("docker-archive", &saved, "example.org/app:v2"));
    let archive = DockerArchive::open(&saved).unwrap();
    // It writes the config anew, in Docker's format.
    let image = archive.image("example.org/app:v2").unwrap();
    assert_eq!(image.config().unwrap().rootfs, config(&layout, "v1").rootfs);
    for layer in &image.manifest().layers {
        archive.read(layer, 1 << 20).unwrap();
    }
}

#[test]
#[ignore = "needs root, podman"]
fn podman_loads_what_we_save_and_we_read_what_it_saves() {
    let (directory, layout) = store();
    let path = write(&directory, &save(&layout));
    let storage = directory.path().join("storage");
    let podman = |arguments: &[&str]| {
        let mut command = Command::new("podman");
        command.arg("--root").arg(storage.join("root")).arg("--runroot").arg(storage.join("run"));
        run(command.args(["--storage-driver", "vfs"]).args(arguments))
    };
    let policy = directory.path().join("policy.json");
    fs::write(&policy, r#"{"default":[{"type":"insecureAcceptAnything"}]}"#).unwrap();
    let policy = format!("--signature-policy={}", policy.display());
    podman(&["load", "-q", &policy, "-i", path.to_str().unwrap()]);
    let saved = directory.path().join("theirs.tar");
    podman(&["save", "-q", "-o", saved.to_str().unwrap(), NAME]);
    let archive = DockerArchive::open(&saved).unwrap();
    let image = archive.image(NAME).unwrap();
    let rootfs = layout.image("v1").unwrap().config().unwrap().rootfs.clone();
    assert_eq!(image.config().unwrap().rootfs, rootfs);
}
