//! `oci-inspect` where it edits images, with skopeo and umoci as readers of what comes out.

use std::fs;
use std::path::Path;
use std::process::Command;

use oci_image::blob::{BlobSinkExt, BlobSourceExt};
use oci_image::build::{Builder, Layer, assemble};
use oci_image::images::Images;
use oci_image::layer::{Change, Compression, Entry, Kind, Limits, Metadata, Writer};
use oci_image::{AnyDocument, Descriptor, Document, Index, MediaType, Platform, annotations};
use oci_layout::Layout;
use oci_testing::program::{copy_program, run};
use oci_testing::tar::{Tar, diff_id, header};

fn layer(layout: &Layout, tar: &[u8]) -> Layer {
    let blob = Descriptor::of(MediaType::LAYER_TAR, tar);
    layout.put(&blob, tar).unwrap();
    Layer::new(blob, diff_id(tar)).created_by("test")
}

/// A layout with an image `v1` of three layers for the host, on a base `base` of one.
pub(crate) fn layout(directory: &Path) -> Layout {
    let layout = Layout::create(directory.join("images")).unwrap();
    let base = layer(&layout, &Tar::new().directory("etc").file("etc/os", "1").end());
    let base = Builder::new(&Platform::host()).layer(base).build().unwrap();
    let files = layer(&layout, &Tar::new().file("etc/one", "one").file("etc/gone", "x").end());
    let less = layer(&layout, &Tar::new().file("etc/.wh.gone", "").file("etc/two", "two").end());
    let image = Builder::from(&base).layer(files).layer(less).cmd(["/bin/sh"]).build().unwrap();
    layout.put_image(&base).unwrap().tag("base").unwrap();
    layout.put_image(&image).unwrap().tag("v1").unwrap();
    layout
}

const INSPECT: &str = env!("CARGO_BIN_EXE_oci-inspect");

/// Runs a command. Gives its exit status, and what it printed.
pub(crate) fn inspect(
    layout: &Layout,
    command: &str,
    arguments: &[&str],
    names: &[&str],
) -> (i32, String) {
    inspect_by(Command::new(INSPECT), layout, command, arguments, names)
}

fn inspect_by(
    mut inspect: Command,
    layout: &Layout,
    command: &str,
    arguments: &[&str],
    names: &[&str],
) -> (i32, String) {
    inspect.arg(command).args(arguments);
    for (position, name) in names.iter().enumerate() {
        let is_image = position == 0 || command == "diff";
        let place = format!("oci:{}:{name}", layout.path().display());
        inspect.arg(if is_image { &place } else { *name });
    }
    let output = inspect.output().unwrap();
    let text = [output.stdout, output.stderr].concat();
    (output.status.code().unwrap(), String::from_utf8(text).unwrap())
}

/// The files that an image has, by their names.
fn files(layout: &Layout, name: &str) -> Vec<(&'static str, String)> {
    let image = layout.image(name).unwrap();
    let files = image.files(&Limits::default()).unwrap();
    let read = |path: &'static str| {
        let content = files.read(&path.parse().unwrap(), 100).ok()?;
        Some((path, String::from_utf8(content).unwrap()))
    };
    ["etc/os", "etc/one", "etc/gone", "etc/two", "etc/more"].into_iter().filter_map(read).collect()
}

/// skopeo copies the image, and umoci unpacks it.
pub(crate) fn is_read(layout: &Layout, name: &str) {
    let directory = tempfile::tempdir().unwrap();
    let source = format!("{}:{name}", layout.path().display());
    let target = format!("oci-archive:{}:copy", directory.path().join("copy.tar").display());
    let mut skopeo = Command::new("skopeo");
    skopeo.args(["--insecure-policy", "copy", "-q", &format!("oci:{source}"), &target]);
    assert!(skopeo.status().unwrap().success(), "{name}");
    let bundle = directory.path().join("bundle");
    let mut umoci = Command::new("umoci");
    umoci.args(["unpack", "--image", &source]).arg(&bundle);
    assert!(umoci.status().unwrap().success(), "{name}");
    for (path, content) in files(layout, name) {
        assert_eq!(fs::read_to_string(bundle.join("rootfs").join(path)).unwrap(), content);
    }
}

fn layers(layout: &Layout, name: &str) -> usize {
    layout.image(name).unwrap().manifest().layers.len()
}

#[test]
fn other_programs_read_what_every_command_makes() {
    oci_testing::needs!(root, "skopeo", "umoci");
    let directory = tempfile::tempdir().unwrap();
    let layout = layout(directory.path());
    let before = files(&layout, "v1");
    let more = directory.path().join("more.tar");
    fs::write(&more, Tar::new().file("etc/more", "more").end()).unwrap();
    let new_base = layer(&layout, &Tar::new().directory("etc").file("etc/os", "2").end());
    let new_base = Builder::new(&Platform::host()).layer(new_base).build().unwrap();
    layout.put_image(&new_base.to_docker().unwrap()).unwrap().tag("new").unwrap();
    let place = |name: &str| format!("oci:{}:{name}", layout.path().display());

    for (command, arguments, count) in [
        ("config", vec!["--env", "A=b", "--label", "x=y", "--user", "1000"], 3),
        ("append", vec!["--layer", more.to_str().unwrap()], 4),
        ("flatten", vec!["--compress", "zstd"], 1),
        ("squash", vec!["--layers", "2..3"], 2),
        ("rebase", vec!["--old-base", &place("base"), "--new-base", &place("new")], 3),
        ("recompress", vec!["--compress", "gzip", "--level", "9"], 3),
        ("strip", vec!["--path", "etc/one", "--latest", "1000"], 3),
    ] {
        let (status, text) = inspect(&layout, command, &arguments, &["v1", command]);
        assert_eq!(status, 0, "{command}: {text}");
        assert_eq!(layers(&layout, command), count, "{command}");
        if command != "flatten" {
            // umoci 0.4.7 knows no zstd.
            is_read(&layout, command);
        }
        let after = files(&layout, command);
        match command {
            "append" => assert_eq!(after[3], ("etc/more", "more".into())),
            "rebase" => assert_eq!(after[0], ("etc/os", "2".into())),
            "strip" => assert_eq!(after.len(), before.len() - 1),
            _ => assert_eq!(after, before, "{command}"),
        }
    }
    let config = layout.image("config").unwrap().config().unwrap().config.clone().unwrap();
    assert_eq!((config.env, config.cmd), (vec!["A=b".to_owned()], vec!["/bin/sh".to_owned()]));
    assert_eq!(
        layout
            .fsck()
            .unwrap()
            .iter()
            .filter(|it| it.kind.level() == oci_image::Level::Error)
            .count(),
        0
    );
}

#[test]
fn an_ordinary_user_makes_the_same_images_as_root() {
    oci_testing::needs!(root, "setpriv");
    let directory = tempfile::tempdir().unwrap();
    let layout = layout(directory.path());
    let special = Tar::new()
        .entry(header(b'3', "null").device(1, 3).owner(5, 6))
        .entry(header(b'2', "link").link("null").owner(7, 8))
        .with(
            header(b'0', "tool").mode(0o4755).owner(9, 10).xattr("security.capability", CAPABILITY),
            "x",
        )
        .end();
    let special = layer(&layout, &special);
    let image = layout.image("v1").unwrap().builder().unwrap().layer(special).build().unwrap();
    layout.put_image(&image).unwrap().tag("v1").unwrap();
    let program = directory.path().join("oci-inspect");
    copy_program(INSPECT, &program);
    run("chmod", &["-R".as_ref(), "a+rwX".as_ref(), directory.path()]).good();
    let as_user = || {
        let mut command = Command::new("setpriv");
        command.args(["--reuid=12345", "--regid=12346", "--clear-groups"]).arg(&program);
        command
    };
    for (command, arguments) in [
        ("config", &["--env", "A=b"][..]),
        ("flatten", &[]),
        ("squash", &["--layers", "2..4"]),
        ("recompress", &["--compress", "zstd"]),
        ("strip", &["--path", "etc/one"]),
    ] {
        let by_user = inspect_by(as_user(), &layout, command, arguments, &["v1", command]);
        assert_eq!(by_user, inspect(&layout, command, arguments, &["v1", command]));
        assert_eq!(by_user.0, 0, "{command}: {}", by_user.1);
    }
    let image = layout.image("squash").unwrap();
    let files: Vec<_> = image.files(&Limits::default()).unwrap().list().collect();
    let line = |path: &str| {
        let mut found = files.iter().filter(|file| file.entry.path.to_string() == path);
        found.next().unwrap().entry.to_string()
    };
    assert_eq!(line("/null"), "c0644 5:6 1:3 /null");
    assert_eq!(line("/link"), "l0644 7:8 /link -> null");
    assert_eq!(line("/tool"), "-4755 9:10 1 /tool");
}

/// An attribute that only root may set.
const CAPABILITY: &[u8] = b"\x01\0\0\x02\0\x04\0\0\0\0\0\0\0\0\0\0\0\0\0\0";

#[test]
fn a_dry_run_keeps_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let layout = layout(directory.path());
    let before = layout.index().unwrap().into_owned();
    let blobs = || fs::read_dir(layout.path().join("blobs/sha256")).unwrap().count();
    let count = blobs();
    let (status, dry) = inspect(&layout, "flatten", &["--dry-run"], &["v1"]);
    assert_eq!((status, blobs()), (0, count), "{dry}");
    assert_eq!(*layout.index().unwrap(), before);
    // What would be refused is.
    let (status, text) = inspect(&layout, "flatten", &["--dry-run"], &["v1", "not/../a-name"]);
    assert_eq!(status, 1, "{text}");
    let (_, text) = inspect(&layout, "flatten", &[], &["v1"]);
    assert_eq!(dry.trim_end(), format!("{}\t(dry run)", text.trim_end()));
    assert_eq!(layers(&layout, "v1"), 1, "without a new name it takes the place of the image");
}

#[test]
fn all_images_of_an_index_are_edited_or_those_for_a_platform() {
    let directory = tempfile::tempdir().unwrap();
    let layout = layout(directory.path());
    let layer = layer(&layout, &Tar::new().file("a", "b").end());
    let images = ["linux/amd64", "linux/arm64"].map(|platform| {
        let builder = Builder::new(&platform.parse().unwrap()).layer(layer.clone());
        layout.put_image(&builder.build().unwrap()).unwrap().descriptor().clone()
    });
    let index: Document<Index> = assemble(images.clone()).unwrap();
    layout.put_document(&AnyDocument::Index(index)).unwrap().tag("all").unwrap();
    let entries = |name: &str| {
        let index = layout.document::<Index>(&layout.resolve(name).unwrap()).unwrap();
        index.into_value().manifests
    };
    let label = ["--label", "x=y"];
    assert_eq!(inspect(&layout, "config", &label, &["all", "both"]).0, 0);
    let both = entries("both");
    assert!(both.iter().zip(&images).all(|(after, before)| after.digest != before.digest));
    let one = [&label[..], &["--platform", "linux/arm64"]].concat();
    assert_eq!(inspect(&layout, "config", &one, &["all", "one"]).0, 0);
    assert_eq!(entries("one"), [images[0].clone(), both[1].clone()]);
    let none = [&label[..], &["--platform", "linux/s390x"]].concat();
    assert_eq!(inspect(&layout, "config", &none, &["all", "none"]).0, 1);
}

#[test]
fn differences_are_told_by_place() {
    let directory = tempfile::tempdir().unwrap();
    let layout = layout(directory.path());
    assert_eq!(inspect(&layout, "diff", &[], &["v1", "v1"]), (0, String::new()));
    let strip = ["--path", "etc/one"];
    assert_eq!(inspect(&layout, "strip", &strip, &["v1", "less"]).0, 0);
    assert_eq!(inspect(&layout, "config", &["--env", "A=b"], &["less", "less"]).0, 0);
    let (status, text) = inspect(&layout, "diff", &[], &["v1", "less"]);
    let lines: Vec<_> =
        text.lines().map(|line| line.split(' ').take(3).collect::<Vec<_>>()).collect();
    assert_eq!(status, 1);
    assert_eq!(lines[0], ["+", "config/config/Env", "[\"A=b\"]"]);
    assert_eq!(lines[1][..], ["-", "file", "/etc/one"]);
    assert_eq!(lines.len(), 2, "{text}");
}

#[test]
fn an_image_of_docker_becomes_one_of_oci_where_a_layer_is_in_zstd() {
    let directory = tempfile::tempdir().unwrap();
    let layout = layout(directory.path());
    let docker = layout.image("v1").unwrap().documents().unwrap().to_docker().unwrap();
    layout.put_image(&docker).unwrap().tag("docker").unwrap();
    let more = directory.path().join("more.tar.zst");
    let mut zstd = Writer::new(Vec::new(), &Compression::zstd()).unwrap();
    let more_file = Entry::new("etc/more".parse().unwrap(), Kind::Directory, Metadata::new(0o755));
    zstd.append(&Change::Upsert(more_file)).unwrap();
    fs::write(&more, zstd.finish().unwrap().0).unwrap();
    for (command, arguments, media_type) in [
        ("append", ["--layer", more.to_str().unwrap()], MediaType::IMAGE_MANIFEST),
        ("flatten", ["--compress", "zstd"], MediaType::IMAGE_MANIFEST),
        ("flatten", ["--compress", "gzip"], MediaType::DOCKER_MANIFEST),
    ] {
        let (status, text) = inspect(&layout, command, &arguments, &["docker", "edited"]);
        assert_eq!(status, 0, "{command}: {text}");
        let edited = layout.image("edited").unwrap();
        assert_eq!(edited.descriptor().media_type, media_type, "{command} {arguments:?}");
    }
}

#[test]
fn a_new_name_that_is_none_is_refused_before_anything_is_stored() {
    let directory = tempfile::tempdir().unwrap();
    let layout = layout(directory.path());
    let blobs = || fs::read_dir(layout.path().join("blobs/sha256")).unwrap().count();
    let count = blobs();
    let (status, text) = inspect(&layout, "flatten", &[], &["v1", "new name"]);
    assert_eq!((status, blobs()), (1, count), "{text}");
}

#[test]
fn of_images_with_one_name_that_for_the_platform_is_taken() {
    let directory = tempfile::tempdir().unwrap();
    let layout = layout(directory.path());
    let other = Builder::new(&"linux/riscv64".parse().unwrap()).cmd(["/other"]).build().unwrap();
    let other = layout.put_image(&other).unwrap();
    layout
        .edit_index(|index| {
            let mut named = other.descriptor().clone();
            named.annotations.insert(annotations::REF_NAME.into(), "v1".into());
            index.manifests.push(named);
            Ok(())
        })
        .unwrap();
    let (status, text) = inspect(&layout, "files", &[], &["v1"]);
    assert!(status == 0 && text.contains("/etc/one"), "{text}");
    let files = inspect(&layout, "files", &["--platform", "linux/riscv64"], &["v1"]);
    assert_eq!(files, (0, "-\t0\td0755 0:0 /\n".into()));
    let (status, text) = inspect(&layout, "ls", &[], &["v1"]);
    assert_eq!((status, text.lines().count()), (0, 2), "{text}");
    let (status, text) = inspect(&layout, "diff", &["--platform", "linux/riscv64"], &["v1", "v1"]);
    assert_eq!((status, text.as_str()), (0, ""));

    // It is edited alone, and the others keep the name.
    let commands = || {
        let commands = ["linux/riscv64".parse().unwrap(), Platform::host()].map(|platform| {
            let image = layout.image_for("v1", &platform).unwrap();
            image.config().unwrap().config.clone().unwrap().cmd
        });
        commands.map(|mut command| command.remove(0))
    };
    let edit = |arguments: &[&str], names: &[&str]| {
        let (status, text) = inspect(&layout, "config", arguments, names);
        assert_eq!(status, 0, "{text}");
    };
    edit(&["--cmd", "/new", "--platform", "linux/riscv64"], &["v1"]);
    assert_eq!(commands(), ["/new", "/bin/sh"]);
    edit(&["--cmd", "/host", "--dry-run"], &["v1"]);
    assert_eq!(commands(), ["/new", "/bin/sh"]);
    edit(&["--cmd", "/host"], &["v1"]);
    assert_eq!(commands(), ["/new", "/host"]);
    edit(&["--cmd", "/alone"], &["v1", "alone"]);
    assert_eq!(layout.named("v1").unwrap().len(), 2);
    assert_eq!(layout.named("alone").unwrap().len(), 1);
    assert_eq!(
        inspect(&layout, "config", &["--cmd", "x", "--platform", "linux/arm"], &["v1"]).0,
        1
    );

    // What an index of this name has is not named itself.
    let third = Builder::new(&"linux/s390x".parse().unwrap()).build().unwrap();
    let third = layout.put_image(&third).unwrap().descriptor().clone();
    let third: Document<Index> = assemble([third]).unwrap();
    let third = layout.put_document(&third.into()).unwrap();
    layout
        .edit_index(|index| {
            let mut named = third.descriptor().clone();
            named.annotations.insert(annotations::REF_NAME.into(), "v1".into());
            index.manifests.push(named);
            Ok(())
        })
        .unwrap();
    let s390x = ["--cmd", "x", "--platform", "linux/s390x"];
    let (status, text) = inspect(&layout, "config", &s390x, &["v1"]);
    assert!(status == 1 && text.contains("more than one image has this name"), "{text}");
    assert_eq!(layout.named("v1").unwrap().len(), 3);
}

#[test]
fn a_rebase_that_is_refused_stores_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let layout = layout(directory.path());
    let bases = tempfile::tempdir().unwrap();
    let bases = self::layout(bases.path());
    let other = layer(&bases, &Tar::new().file("other", "").end());
    let other = Builder::new(&Platform::host()).layer(other).build().unwrap();
    bases.put_image(&other).unwrap().tag("other").unwrap();
    let other = format!("oci:{}:other", bases.path().display());
    let blobs = || fs::read_dir(layout.path().join("blobs/sha256")).unwrap().count();
    let count = blobs();
    let bases = ["--old-base", &other, "--new-base", &other];
    let (status, text) = inspect(&layout, "rebase", &bases, &["v1"]);
    assert_eq!((status, blobs()), (1, count), "{text}");
}

#[test]
fn wrong_command_lines_are_refused() {
    let directory = tempfile::tempdir().unwrap();
    let layout = layout(directory.path());
    for (command, arguments) in [
        ("config", &[][..]),
        ("config", &["--env", "A"]),
        ("config", &["--env", "=x"]),
        ("config", &["--created", "yesterday"]),
        ("config", &["--expose", "http"]),
        ("config", &["--layer", "x"]),
        ("append", &[]),
        ("append", &["--layer", "/nonexistent"]),
        ("squash", &["--layers", "0..1"]),
        ("squash", &["--layers", "2..9"]),
        ("rebase", &["--old-base", "oci:x:y"]),
        ("strip", &[]),
        ("recompress", &["--compress", "lzma"]),
    ] {
        let (status, text) = inspect(&layout, command, arguments, &["v1"]);
        assert_eq!(status, 1, "{command} {arguments:?}: {text}");
        assert!(text.starts_with("oci-inspect: "), "{text}");
    }
}
