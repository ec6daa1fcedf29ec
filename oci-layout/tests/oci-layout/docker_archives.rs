//! Archives as `docker save` writes them.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

use oci_image::blob::{BlobSinkExt, BlobSourceExt};
use oci_image::build::{Builder, Layer};
use oci_image::images::Images;
use oci_image::{Algorithm, Descriptor, Digest, MediaType, Platform, docker};
use oci_layout::{Archive, DockerArchive, DockerArchiveWriter, DockerForm, ErrorKind, Layout};
use tempfile::TempDir;

use crate::archives::read_so_far;
use crate::damage::store;
use crate::fixture::directory;
use oci_testing::mount::run;
use oci_testing::tar::{Tar, diff_id};

const NAME: &str = "docker.io/example/app:v1";

const FORMS: [DockerForm; 2] = [DockerForm::Oci, DockerForm::Legacy];

fn save(layout: &Layout, form: DockerForm) -> Vec<u8> {
    let mut writer = DockerArchiveWriter::with_form(Vec::new(), form).unwrap();
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
fn what_is_saved_is_read_and_as_a_layout_too_where_it_is_one() {
    let (directory, layout) = store();
    for form in FORMS {
        let tar = save(&layout, form);
        assert_eq!(save(&layout, form), tar);
        let archive = DockerArchive::open(write(&directory, &tar)).unwrap();
        same(&layout, &archive, NAME);
        assert_eq!(archive.list().unwrap()[0].name.as_deref(), Some(NAME));
        assert_eq!(archive.resolve("v1").unwrap_err().kind(), std::io::ErrorKind::NotFound);
    }
    let path = write(&directory, &save(&layout, DockerForm::default()));
    let archive = DockerArchive::open(&path).unwrap();
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
    let image = layout.image("v1").unwrap();
    let labelled = image.builder().unwrap().label("a", "b").build().unwrap();
    layout.put_image(&labelled).unwrap().tag("v2").unwrap();
    for form in FORMS {
        let mut writer = DockerArchiveWriter::with_form(Vec::new(), form).unwrap();
        let named = writer.append(&image, &["example.org/app:1", "example.org/app:2"]).unwrap();
        let unnamed = writer.append(&layout.image("v2").unwrap(), &[]).unwrap();
        let path = write(&directory, &writer.finish().unwrap());
        let layers = text(Command::new("tar").arg("tvf").arg(&path));
        let large = |line: &&str| line.starts_with('-') && line.contains(" 2560 ");
        assert_eq!(layers.lines().filter(large).count(), 2, "{layers}");

        let archive = DockerArchive::open(path).unwrap();
        let names: Vec<_> = archive.list().unwrap().into_iter().map(|entry| entry.name).collect();
        let expected = [Some("example.org/app:1".into()), Some("example.org/app:2".into()), None];
        assert_eq!(names, expected);
        for (entry, digest) in archive.list().unwrap().iter().zip([&named, &named, &unnamed]) {
            assert_eq!(entry.descriptor.digest, digest.digest, "{form:?}");
        }
        let layers = |name| archive.image(name).unwrap().manifest().layers.clone();
        assert_eq!(layers("example.org/app:1"), layers(unnamed.digest.as_str()));
        let unnamed = archive.image(unnamed.digest.as_str()).unwrap();
        assert_eq!(unnamed.config().unwrap().bytes(), labelled.config().bytes());
    }
}

/// What Docker before 1.10 reads: names, then layers and their parents, each with its version.
#[test]
fn the_old_form_names_a_chain_of_layers_too() {
    let (directory, layout) = store();
    let path = write(&directory, &save(&layout, DockerForm::Legacy));
    let to = directory.path().join("extracted");
    fs::create_dir(&to).unwrap();
    run(Command::new("tar").arg("-xf").arg(&path).arg("-C").arg(&to));
    let json = |name: &str| -> serde_json::Value {
        serde_json::from_slice(&fs::read(to.join(name)).unwrap()).unwrap()
    };
    let config = layout.image("v1").unwrap().config().unwrap();
    let id = config.descriptor().digest.encoded();
    let diff_ids = &config.rootfs.diff_ids;
    let layers: Vec<_> = diff_ids.iter().map(|it| format!("{}.tar", it.encoded())).collect();
    let manifest = serde_json::json!([
        {"Config": format!("{id}.json"), "RepoTags": [NAME], "Layers": layers}
    ]);
    assert_eq!(json("manifest.json"), manifest);
    assert_eq!(fs::read(to.join(format!("{id}.json"))).unwrap(), config.bytes());

    let mut name = json("repositories")["docker.io/example/app"]["v1"].clone();
    assert_eq!(json(&format!("{}/json", name.as_str().unwrap()))["os"], config.os.to_string());
    for diff_id in diff_ids.iter().rev() {
        let directory = name.as_str().unwrap().to_owned();
        assert_eq!(fs::read_to_string(to.join(&directory).join("VERSION")).unwrap(), "1.0");
        let layer = fs::read(to.join(&directory).join("layer.tar")).unwrap();
        assert_eq!(Digest::sha256(layer), *diff_id);
        let ancestor = json(&format!("{directory}/json"));
        assert_eq!(ancestor["id"], name);
        name = ancestor["parent"].clone();
    }
    assert!(name.is_null());
    assert_eq!(fs::read_dir(&to).unwrap().count(), 2 + 1 + 2 + 2);
}

#[test]
fn layers_of_another_digest_and_images_without_layers_are_saved() {
    let (directory, layout) = store();
    let tar = Tar::default().file("f", "content").end();
    let blob = Descriptor::of(MediaType::LAYER_TAR, &tar);
    layout.put(&blob, &tar).unwrap();
    let diff_id = Digest::of(Algorithm::Sha512, &tar);
    let builder = || Builder::new(&Platform::host());
    let sha512 = builder().layer(Layer::new(blob, diff_id.clone())).build().unwrap();
    layout.put_image(&sha512).unwrap().tag("sha512").unwrap();
    layout.put_image(&builder().build().unwrap()).unwrap().tag("empty").unwrap();
    for form in FORMS {
        let mut writer = DockerArchiveWriter::with_form(Vec::new(), form).unwrap();
        for name in ["sha512", "empty"] {
            let image = layout.image(name).unwrap();
            writer.append(&image, &[&format!("app:{name}")]).unwrap();
        }
        let archive = DockerArchive::open(write(&directory, &writer.finish().unwrap())).unwrap();
        let image = archive.image("app:sha512").unwrap();
        assert_eq!(image.manifest().layers[0].digest, diff_id);
        assert_eq!(archive.read(&image.manifest().layers[0], 1 << 20).unwrap(), tar);
        assert_eq!(archive.image("app:empty").unwrap().manifest().layers, []);
    }
}

#[test]
fn short_names_mean_what_they_mean_to_docker() {
    let (directory, layout) = store();
    let image = layout.image("v1").unwrap();
    let mut writer = DockerArchiveWriter::new(Vec::new()).unwrap();
    let names = ["app:v1", "docker.io/library/app:latest", "example.org/app:v1"];
    let expected = writer.append(&image, &names).unwrap().digest;
    let other = image.builder().unwrap().label("a", "b").build().unwrap();
    layout.put_image(&other).unwrap().tag("other").unwrap();
    let other = writer.append(&layout.image("other").unwrap(), &["docker.io/library/app:v1"]);
    let other = other.unwrap().digest;
    let archive = DockerArchive::open(write(&directory, &writer.finish().unwrap())).unwrap();
    for (name, digest) in [
        ("app:v1", Some(&expected)),
        ("app", Some(&expected)),
        ("docker.io/library/app:v1", Some(&other)),
        ("index.docker.io/library/app:latest", Some(&expected)),
        ("example.org/app", None),
        ("v1", None),
        ("no name", None),
    ] {
        let found = archive.resolve(name).map(|found| found.digest);
        assert_eq!(found.as_ref().ok(), digest, "{name}");
    }
}

#[test]
fn a_name_is_given_once() {
    let (_directory, layout) = store();
    let image = layout.image("v1").unwrap();
    for form in FORMS {
        let mut writer = DockerArchiveWriter::with_form(Vec::new(), form).unwrap();
        let twice = writer.append(&image, &["app:1", "app:1"]).unwrap_err();
        assert_eq!(twice.kind(), ErrorKind::Name);
        writer.append(&image, &["app:1"]).unwrap();
        assert_eq!(writer.append(&image, &["app:2", "app:1"]).unwrap_err().kind(), ErrorKind::Name);
        writer.append(&image, &["app:2"]).unwrap();
    }
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
struct LegacyArchive {
    layer: Vec<u8>,
    config: String,
    config_name: String,
    manifest: String,
}

/// The layer's path in a layout if it had another digest.
const OTHER_LAYER: &str =
    "blobs/sha256/0000000000000000000000000000000000000000000000000000000000000000";

impl LegacyArchive {
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
            .symlink(OTHER_LAYER, "../../a/layer.tar")
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
    let mut old = LegacyArchive::new();
    let archive = old.open().unwrap();
    let layer = archive.image("app:v1").unwrap().manifest().layers[0].clone();
    assert_eq!(archive.read(&layer, 1 << 20).unwrap(), old.layer);

    old.manifest = old.manifest.replace("a/layer", "b/layer").replace(r#"["app:v1"]"#, "null");
    let archive = old.open().unwrap();
    assert_eq!(archive.list().unwrap()[0].name, None);
    archive.read(&layer, 1 << 20).unwrap();

    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(&old.layer).unwrap();
    old.layer = gzip.finish().unwrap();
    let archive = old.open().unwrap();
    let name = archive.list().unwrap()[0].descriptor.digest.clone();
    let layer = archive.image(name.as_str()).unwrap().manifest().layers[0].clone();
    assert_eq!(layer, Descriptor::of(MediaType::LAYER_TAR_GZIP, &old.layer));
    assert_eq!(archive.read(&layer, 1 << 20).unwrap(), old.layer);
}

#[test]
fn what_does_not_fit_together_is_refused() {
    let good = LegacyArchive::new();
    let other = format!("{}.json", "0".repeat(64));
    for (what, manifest, kind) in [
        ("no JSON", "[", ErrorKind::Invalid),
        ("no list", "{}", ErrorKind::Invalid),
        ("a member twice", r#"[{"Config":"a","Config":"b"}]"#, ErrorKind::Invalid),
        ("another case", r#"[{"Config":"a","config":"b"}]"#, ErrorKind::Invalid),
        ("no such config", &good.manifest.replace(&good.config_name, &other), ErrorKind::NotFound),
        ("no such layer", &good.manifest.replace("a/layer", "c/layer"), ErrorKind::NotFound),
        ("a directory", &good.manifest.replace("a/layer.tar", "a"), ErrorKind::Invalid),
        (
            "another layer digest",
            &good.manifest.replace("a/layer.tar", OTHER_LAYER),
            ErrorKind::Invalid,
        ),
        ("too few layers", &good.manifest.replace(r#""a/layer.tar""#, ""), ErrorKind::Invalid),
        (
            "too many layers",
            &good.manifest.replace("[\"a/", "[\"a/layer.tar\",\"a/"),
            ErrorKind::Invalid,
        ),
        ("outside", &good.manifest.replace("a/layer.tar", "../layer.tar"), ErrorKind::NotFound),
    ] {
        let old = LegacyArchive { manifest: manifest.into(), ..LegacyArchive::new() };
        assert_eq!(old.refused(), kind, "{what}");
    }
    let lying = LegacyArchive { config_name: other.clone(), ..LegacyArchive::new() };
    let manifest = lying.manifest.replace(&good.config_name, &other);
    assert_eq!(
        LegacyArchive { manifest, ..lying }.refused(),
        ErrorKind::Invalid,
        "another config digest"
    );
}

#[test]
fn a_bad_image_hides_no_other() {
    let old = LegacyArchive::new();
    let other = r#"[{"Config":"none.json","RepoTags":["bad:1","bad:2"],"Layers":[]},"#;
    let wrong = r#",{"Config":"short","Layers":["a/layer.tar"]}]"#;
    let good = old.manifest.trim_start_matches('[').trim_end_matches(']').to_owned();
    let archive =
        LegacyArchive { manifest: format!("{other}{good}{wrong}"), ..old }.open().unwrap();
    let names: Vec<_> = archive.list().unwrap().into_iter().map(|entry| entry.name).collect();
    assert_eq!(names, [Some("app:v1".to_owned())]);
    let image = archive.image("app:v1").unwrap();
    archive.read(&image.manifest().layers[0], 1 << 20).unwrap();
    for name in ["bad:1", "bad:2", "docker.io/library/bad:1"] {
        let error = archive.image(name).unwrap_err();
        assert_eq!(error.kind(), std::io::ErrorKind::NotFound, "{name}");
        let reason = std::error::Error::source(&error).unwrap().to_string();
        assert!(reason.starts_with("cannot read image `bad:1` in archive"), "{reason}");
    }
    let unreadable: Vec<_> = archive.unreadable().map(|error| error.to_string()).collect();
    assert_eq!(unreadable.len(), 2, "{unreadable:?}");
    assert!(unreadable[1].starts_with("cannot read image `short` in archive"), "{unreadable:?}");
}

#[test]
fn a_layer_that_is_not_what_its_diff_id_says_is_not_read_to_the_end() {
    let mut old = LegacyArchive::new();
    old.layer[512] ^= 1;
    let archive = old.open().unwrap();
    let layer = archive.image("app:v1").unwrap().manifest().layers[0].clone();
    let error = archive.read(&layer, 1 << 20).unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::InvalidData);
}

/// An entry of `manifest.json` is short, and what it names may be long.
#[test]
fn what_many_images_name_is_not_read_for_each_of_them() {
    let directory = directory();
    let open = |comment: usize, images: usize| {
        let config = format!(
            r#"{{"architecture":"amd64","os":"linux","history":[{{"comment":"{}"}}],
                "rootfs":{{"type":"layers","diff_ids":["{}"]}}}}"#,
            "x".repeat(comment),
            Digest::EMPTY_JSON,
        );
        let saved = vec![r#"{"Config":"config","Layers":["layer"]}"#; images].join(",");
        let mut gzip = vec![0x1f, 0x8b, 8, 0];
        gzip.resize(1 << 20, 0);
        let tar = Tar::new().file("manifest.json", format!("[{saved}]")).file("config", config);
        let path = write(&directory, &tar.file("layer", gzip).end());
        let before = read_so_far();
        let archive = DockerArchive::open(path).unwrap();
        let read = (read_so_far() - before) >> 20;
        (archive.list().unwrap().len(), archive.unreadable().count(), read)
    };
    assert_eq!(open(10, 1000), (1000, 0, 1));
    let (listed, unreadable, read) = open(4_000_000, 40);
    assert_eq!((listed, unreadable), (17, 23));
    assert!(read < 70, "{read} MiB");
}

/// What a program says that must succeed.
fn text(command: &mut Command) -> String {
    String::from_utf8(run(command)).unwrap()
}

fn skopeo(from: &str, to: &str) {
    run(Command::new("skopeo").args(["--insecure-policy", "copy", "-q", from, to]));
}

fn name(transport: &str, path: &Path, tag: &str) -> String {
    format!("{transport}:{}:{tag}", path.display())
}

#[test]
fn skopeo_reads_what_we_save_and_we_read_what_it_saves() {
    oci_testing::needs!("skopeo");
    let (directory, layout) = store();
    let config = |layout: &Layout, name| layout.image(name).unwrap().config().unwrap();
    for form in FORMS {
        let path = write(&directory, &save(&layout, form));
        let copy = directory.path().join(format!("{form:?}"));
        skopeo(&name("docker-archive", &path, NAME), &name("oci", &copy, "copy"));
        let theirs = Layout::open(&copy).unwrap();
        assert_eq!(config(&theirs, "copy").rootfs, config(&layout, "v1").rootfs);
        assert_eq!(theirs.fsck().unwrap(), []);

        let inspect = ["inspect", &name("docker-archive", &path, NAME)];
        let told = text(Command::new("skopeo").args(inspect));
        let told: serde_json::Value = serde_json::from_str(&told).unwrap();
        let diff_ids = serde_json::to_value(&config(&layout, "v1").rootfs.diff_ids).unwrap();
        assert_eq!(told["Layers"], diff_ids);
    }

    let saved = directory.path().join("theirs.tar");
    let ours = name("oci", layout.path(), "v1");
    skopeo(&ours, &name("docker-archive", &saved, "example.org/app:v2"));
    let archive = DockerArchive::open(&saved).unwrap();
    // It writes a new config, in Docker's format.
    let image = archive.image("example.org/app:v2").unwrap();
    assert_eq!(image.config().unwrap().rootfs, config(&layout, "v1").rootfs);
    for layer in &image.manifest().layers {
        archive.read(layer, 1 << 20).unwrap();
    }
}

/// A tool of the containers family with a storage of its own.
fn with_storage(tool: &str, directory: &Path, arguments: &[&str]) -> String {
    let mut command = Command::new(tool);
    command.arg("--root").arg(directory.join("root")).arg("--runroot").arg(directory.join("run"));
    text(command.args(["--storage-driver", "vfs"]).args(arguments))
}

fn accept_anything(directory: &TempDir) -> String {
    let policy = directory.path().join("policy.json");
    fs::write(&policy, r#"{"default":[{"type":"insecureAcceptAnything"}]}"#).unwrap();
    format!("--signature-policy={}", policy.display())
}

#[test]
fn podman_loads_what_we_save_and_we_read_what_it_saves() {
    oci_testing::needs!(root, "podman");
    let (directory, layout) = store();
    let policy = accept_anything(&directory);
    for form in FORMS {
        let path = write(&directory, &save(&layout, form));
        let storage = directory.path().join(format!("{form:?}"));
        let podman = |arguments: &[&str]| with_storage("podman", &storage, arguments);
        podman(&["load", "-q", &policy, "-i", path.to_str().unwrap()]);
        let saved = directory.path().join(format!("{form:?}.tar"));
        podman(&["save", "-q", "-o", saved.to_str().unwrap(), NAME]);
        let archive = DockerArchive::open(&saved).unwrap();
        let image = archive.image(NAME).unwrap();
        let rootfs = layout.image("v1").unwrap().config().unwrap().rootfs.clone();
        assert_eq!(image.config().unwrap().rootfs, rootfs);
    }
}

#[test]
fn buildah_pulls_what_we_save() {
    oci_testing::needs!(root, "buildah");
    let (directory, layout) = store();
    let policy = accept_anything(&directory);
    let id = layout.image("v1").unwrap().manifest().config.digest.encoded().to_owned();
    for form in FORMS {
        let path = write(&directory, &save(&layout, form));
        let storage = directory.path().join(format!("{form:?}"));
        let from = format!("docker-archive:{}", path.display());
        let pulled = with_storage("buildah", &storage, &["pull", "-q", &policy, &from]);
        assert_eq!(pulled.trim(), id, "{form:?}");
    }
}
