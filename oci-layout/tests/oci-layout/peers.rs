//! Other programs that read and write image layouts.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use oci_image::blob::{BlobSource, BlobSourceExt};
use oci_image::images::Images;
use oci_image::layer::{EntryPath, Limits};
use oci_layout::{Archive, ArchiveWriter, Garbage, Layout};
use tempfile::TempDir;

use crate::commits::commit;
use crate::damage::store;
use crate::fixture::{directory, read_whole};
use oci_testing::mount::run;

fn skopeo(arguments: &[&str]) -> Vec<u8> {
    run(Command::new("skopeo").arg("--insecure-policy").args(arguments))
}

fn umoci(arguments: &[&str]) {
    run(Command::new("umoci").args(arguments));
}

/// How the other programs name an image in a layout or an archive.
fn name(transport: &str, path: &Path, tag: &str) -> String {
    format!("{transport}:{}:{tag}", path.display())
}

/// Copies by skopeo to a place of the name `to` in a directory of its own.
fn copied(from: &str, transport: &str, to: &str) -> (TempDir, PathBuf) {
    let directory = directory();
    let path = directory.path().join(to);
    skopeo(&["copy", "-q", from, &name(transport, &path, "copy")]);
    (directory, path)
}

/// Checks that `copy` in `there` is `v1` in `here`, byte by byte.
fn same(here: &Layout, there: &(impl BlobSource + Sync), copy: &oci_image::Descriptor) {
    let image = here.resolve("v1").unwrap();
    assert_eq!(copy.digest, image.digest);
    for node in there.walk(copy) {
        let blob = node.unwrap().descriptor;
        assert_eq!(there.read(&blob, 1 << 20).unwrap(), here.read(&blob, 1 << 20).unwrap());
    }
}

/// Everything in the layout is right and nothing is in it that nothing needs; and it can be written.
fn clean(path: &Path) {
    let layout = Layout::open(path).unwrap();
    assert_eq!(layout.fsck().unwrap(), []);
    assert_eq!(layout.collect_garbage().unwrap(), Garbage::default());
    commit(&layout, 0).unwrap();
    read_whole(&layout, &layout.resolve("v0").unwrap());
    layout.untag("v0").unwrap();
    drop(layout);
    assert_eq!(Layout::open(path).unwrap().collect_garbage().unwrap().blobs.len(), 3);
}

fn archive(layout: &Layout, directory: &TempDir) -> PathBuf {
    let path = directory.path().join("ours.tar");
    let writer = ArchiveWriter::new(fs::File::create(&path).unwrap()).unwrap();
    writer.append(layout, &[layout.resolve("v1").unwrap()]).unwrap();
    writer.finish().unwrap();
    path
}

// covers: IMG-LAYOUT-02, IMG-LAYOUT-03, IMG-LAYOUT-04, IMG-LAYOUT-05
#[test]
fn skopeo_reads_our_layouts_and_we_read_its() {
    oci_testing::needs!("skopeo");
    let (_directory, layout) = store();
    let ours = name("oci", layout.path(), "v1");
    let said = String::from_utf8(skopeo(&["inspect", &ours])).unwrap();
    let manifest = layout.image("v1").unwrap().manifest().clone();
    assert!(manifest.layers.iter().all(|layer| said.contains(layer.digest.as_str())), "{said}");

    let (_theirs, path) = copied(&ours, "oci", "theirs");
    let theirs = Layout::open(&path).unwrap();
    same(&layout, &theirs, &theirs.resolve("copy").unwrap());
    clean(&path);
    skopeo(&["inspect", &name("oci", &path, "copy")]);
    skopeo(&["copy", "-q", &ours, &name("oci", layout.path(), "again")]);
    same(&layout, &layout, &layout.resolve("again").unwrap());
}

// covers: IMG-LAYOUT-01
#[test]
fn skopeo_reads_our_archives_and_we_read_its() {
    // It gives what is in our archives to root.
    oci_testing::needs!(root, "skopeo");
    let (directory, layout) = store();
    let ours = name("oci-archive", &archive(&layout, &directory), "v1");
    skopeo(&["inspect", &ours]);
    let (_layout, path) = copied(&ours, "oci", "layout");
    clean(&path);
    let (_archive, path) = copied(&ours, "oci-archive", "theirs.tar");
    let theirs = Archive::open(path).unwrap();
    same(&layout, &theirs, &theirs.resolve("copy").unwrap());
}

#[test]
fn umoci_unpacks_what_we_write_and_we_read_what_it_adds() {
    oci_testing::needs!("umoci");
    let (directory, layout) = store();
    let path = layout.path().to_owned();
    let image = name("oci", &path, "v1").replacen("oci:", "", 1);
    let bundle = directory.path().join("bundle");
    umoci(&["unpack", "--rootless", "--image", &image, bundle.to_str().unwrap()]);
    for content in ["one", "two"] {
        let file = bundle.join("rootfs/etc").join(content);
        assert_eq!(fs::read_to_string(file).unwrap(), content);
    }

    fs::write(bundle.join("rootfs/etc/three"), "three").unwrap();
    let next = image.replace(":v1", ":v2");
    umoci(&["repack", "--image", &next, bundle.to_str().unwrap()]);
    umoci(&["config", "--image", &next, "--config.env", "A=b"]);
    umoci(&["gc", "--layout", path.to_str().unwrap()]);
    same(&layout, &layout, &layout.resolve("v1").unwrap());
    let changed = layout.image("v2").unwrap().documents().unwrap();
    assert_eq!(changed.manifest().layers.len(), 3);
    assert_eq!(changed.config().config.as_ref().unwrap().env.last().unwrap(), "A=b");
    drop(layout);
    clean(&path);
    umoci(&[
        "raw",
        "unpack",
        "--rootless",
        "--image",
        &next,
        bundle.join("again").to_str().unwrap(),
    ]);
}

#[test]
fn a_file_that_umoci_inserts_is_read() {
    oci_testing::needs!("umoci");
    let directory = directory();
    let [path, file] = ["image", "file"].map(|name| directory.path().join(name));
    let image = format!("{}:new", path.display());
    umoci(&["init", "--layout", path.to_str().unwrap()]);
    umoci(&["new", "--image", &image]);
    fs::write(&file, "whole").unwrap();
    // Its archive ends with the content, without padding and end.
    umoci(&["insert", "--rootless", "--image", &image, file.to_str().unwrap(), "/etc/file"]);
    let layout = Layout::open(&path).unwrap();
    let files = layout.image("new").unwrap().files(&Limits::default()).unwrap();
    let read = files.read(&EntryPath::parse(b"/etc/file").unwrap(), 100).unwrap();
    assert_eq!(read, b"whole");
}

#[test]
fn a_layout_that_umoci_makes_is_read() {
    oci_testing::needs!("umoci");
    let directory = directory();
    let path = directory.path().join("layout");
    umoci(&["init", "--layout", path.to_str().unwrap()]);
    umoci(&["new", "--image", &format!("{}:empty", path.display())]);
    let layout = Layout::open(&path).unwrap();
    assert_eq!(layout.image("empty").unwrap().manifest().layers, []);
    clean(&path);
}

#[test]
fn buildah_pulls_our_layouts_and_we_read_what_it_pushes() {
    oci_testing::needs!(root, "buildah");
    let (directory, layout) = store();
    let storage = directory.path().join("storage");
    let buildah = |arguments: &[&str]| {
        let mut command = Command::new("buildah");
        command.arg("--root").arg(storage.join("root")).arg("--runroot").arg(storage.join("run"));
        command.args(["--storage-driver", "vfs"]).args(arguments);
        let output = run(command.current_dir(directory.path()));
        String::from_utf8(output).unwrap().trim().to_owned()
    };
    let policy = directory.path().join("policy.json");
    fs::write(&policy, r#"{"default":[{"type":"insecureAcceptAnything"}]}"#).unwrap();
    let policy = format!("--signature-policy={}", policy.display());
    // An absolute path would have to be valid in a reference.
    let id = buildah(&["pull", "-q", &policy, "oci:layout:v1"]);
    let path = directory.path().join("theirs");
    buildah(&["push", "-q", &policy, &id, &name("oci", &path, "copy")]);
    let theirs = Layout::open(&path).unwrap();
    let config = |layout: &Layout, name| layout.image(name).unwrap().config().unwrap();
    assert_eq!(config(&theirs, "copy").rootfs, config(&layout, "v1").rootfs);
    drop(theirs);
    clean(&path);
}
