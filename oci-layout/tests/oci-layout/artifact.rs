use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use oci_image::annotations::MODEL_FILE_PATH;
use oci_image::blob::{BlobSink, BlobSinkExt, BlobSourceExt};
use oci_image::build::Artifact;
use oci_image::{Descriptor, Document, Manifest, MediaType};
use oci_layout::{ArtifactDirectory, ArtifactFiles, ErrorKind, Layout};

use crate::fixture::{directory, empty, put};

fn new() -> Artifact {
    Artifact::new("application/vnd.example".into())
}

/// An artifact of one file whose content is `text`.
fn titled(title: &str) -> Document<Manifest> {
    new().file(title, Descriptor::of("text/plain".into(), "text")).build().unwrap()
}

/// All files below a directory, with their content.
fn tree(path: &Path) -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    for entry in fs::read_dir(path).unwrap() {
        let path = entry.unwrap().path();
        match fs::symlink_metadata(&path).unwrap().is_dir() {
            true => found.extend(tree(&path)),
            false => found.push((path.clone(), fs::read_to_string(path).unwrap())),
        }
    }
    found.sort();
    found
}

#[test]
fn files_go_into_a_layout_and_out_of_it() {
    let (place, layout) = empty();
    let from = place.path().join("from.txt");
    fs::write(&from, "first").unwrap();
    let mut files = ArtifactFiles::new();
    let first = files.add(&from, "text/plain".into()).unwrap();
    assert_eq!(first, Descriptor::of("text/plain".into(), "first"));
    let second = files.add_bytes(*b"second", "text/plain".into());
    let artifact =
        new().file("a.txt", first.clone()).file("b/c.txt", second).file("b/a.txt", first);
    let artifact = files.build(artifact).unwrap();
    layout.put_graph_from(&artifact, &files).unwrap();
    layout.tag("v1", &artifact).unwrap();

    let out = place.path().join("out");
    let written = |text: &str, name: &str| (out.join(name), text.to_owned());
    let expected =
        [written("first", "a.txt"), written("first", "b/a.txt"), written("second", "b/c.txt")];
    // Twice: files are replaced.
    for _ in 0..2 {
        layout.write_artifact(&artifact, &out).unwrap();
        assert_eq!(tree(&out), expected);
    }
    fs::remove_dir_all(&out).unwrap();
    let manifest = layout.document(&artifact).unwrap();
    let directory = ArtifactDirectory::create(&out, &manifest).unwrap();
    directory.put_graph_from(&artifact, &layout).unwrap();
    assert_eq!(tree(&out), expected);

    // What has changed since it was named is not pushed.
    fs::write(&from, "other").unwrap();
    assert!(files.read(&Descriptor::of("text/plain".into(), "first"), 100).is_err());
}

#[test]
fn no_title_leaves_the_directory() {
    let (place, out) = (directory(), "out");
    let out = place.path().join(out);
    for title in ["..", "../x", "a/../../x", "a/..", "", "/", ".", "a\0b"] {
        let error = ArtifactDirectory::create(&out, &titled(title)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Invalid, "{title:?}");
        assert!(!out.exists());
    }
    for title in ["/etc/x", "a//b", "./a/./b/", "...", "..a", "-"] {
        let directory = ArtifactDirectory::create(&out, &titled(title)).unwrap();
        directory.put(&Descriptor::of("text/plain".into(), "text"), b"text").unwrap();
        let found = tree(place.path());
        assert!(found.len() == 1 && found[0].0.starts_with(&out), "{title:?}: {found:?}");
        fs::remove_dir_all(&out).unwrap();
    }
}

#[test]
fn no_symbolic_link_in_the_directory_is_followed() {
    let place = directory();
    let [outside, out] = ["outside", "out"].map(|name| place.path().join(name));
    fs::create_dir(&outside).unwrap();
    fs::write(outside.join("file"), "kept").unwrap();
    fs::create_dir(&out).unwrap();
    symlink(&outside, out.join("link")).unwrap();
    symlink(outside.join("file"), out.join("file")).unwrap();
    let blob = Descriptor::of("text/plain".into(), "text");
    let into = |title| ArtifactDirectory::create(&out, &titled(title)).unwrap();
    into("link/file").put(&blob, b"text").unwrap_err();
    into("link/new/file").put(&blob, b"text").unwrap_err();
    // The link itself is replaced.
    into("file").put(&blob, b"text").unwrap();
    assert_eq!(fs::read_to_string(out.join("file")).unwrap(), "text");
    assert!(fs::symlink_metadata(out.join("file")).unwrap().is_file());
    assert_eq!(tree(&outside), [(outside.join("file"), "kept".to_owned())]);
    // Nothing unfinished is left.
    assert_eq!(fs::read_dir(&out).unwrap().count(), 2);
}

#[test]
fn wrong_content_leaves_no_file() {
    let place = directory();
    let directory = ArtifactDirectory::create(place.path(), &titled("a/b")).unwrap();
    let blob = Descriptor::of("text/plain".into(), "text");
    directory.put(&blob, b"test").unwrap_err();
    directory.put(&blob, b"tex").unwrap_err();
    drop(directory.create(&blob).unwrap().unwrap());
    assert_eq!(tree(place.path()), []);
    // Neither from a layout that is damaged.
    let (_place, layout) = empty();
    put(&layout, "text");
    let artifact = titled("a/b");
    layout.put(artifact.descriptor(), artifact.bytes()).unwrap();
    fs::write(layout.path().join("blobs/sha256").join(blob.digest.encoded()), "test").unwrap();
    layout.write_artifact(artifact.descriptor(), place.path()).unwrap_err();
    assert_eq!(tree(place.path()), []);
}

#[test]
fn two_files_do_not_share_a_path() {
    let place = directory();
    let blob = |text: &str| Descriptor::of("text/plain".into(), text);
    let twice = new().file("a", blob("1")).file("./a", blob("2")).build().unwrap();
    let error = ArtifactDirectory::create(place.path(), &twice).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Invalid);
    let same = new().file("a", blob("1")).file("./a", blob("1")).build().unwrap();
    let directory = ArtifactDirectory::create(place.path(), &same).unwrap();
    assert_eq!(directory.paths().count(), 1);
    let none = new().blob(blob("1")).build().unwrap();
    let error = ArtifactDirectory::create(place.path(), &none).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
}

/// A model, by the model spec, whose weights are of this type.
fn model(media_type: MediaType, content: &str) -> Artifact {
    let mut weights = Descriptor::of(media_type, content);
    weights.annotations.insert(MODEL_FILE_PATH.into(), "weights/1.safetensors".into());
    Artifact::new(MediaType::MODEL_MANIFEST).blob(weights)
}

#[test]
fn raw_weights_of_a_model_are_files_and_archives_are_not() {
    let (place, layout) = empty();
    let mut files = ArtifactFiles::new();
    files.add_bytes(*b"weights", MediaType::MODEL_WEIGHT_RAW);
    let config = files.add_bytes(*b"{\"descriptor\":{}}", MediaType::MODEL_CONFIG);
    let model_of_file = model(MediaType::MODEL_WEIGHT_RAW, "weights").config(config);
    let artifact = files.build(model_of_file).unwrap();
    layout.put_graph_from(&artifact, &files).unwrap();
    let out = place.path().join("out");
    layout.write_artifact(&artifact, &out).unwrap();
    assert_eq!(tree(&out), [(out.join("weights/1.safetensors"), "weights".to_owned())]);
    for archive in [
        MediaType::MODEL_WEIGHT_TAR,
        MediaType::MODEL_WEIGHT_TAR_GZIP,
        MediaType::MODEL_WEIGHT_TAR_ZSTD,
    ] {
        let manifest = model(archive, "weights").build().unwrap();
        let error = ArtifactDirectory::create(&out, &manifest).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unsupported);
    }
}

#[test]
#[cfg(target_os = "linux")]
fn on_xfs_weights_are_stored_once() {
    oci_testing::needs!(root, loop_devices, "mkfs.xfs");
    use oci_testing::mount::{Mount, run};

    let directory = directory();
    let disk = directory.path().join("disk");
    // mkfs.xfs makes none below 300 MiB. The file has holes.
    fs::File::create(&disk).unwrap().set_len(320 << 20).unwrap();
    run(std::process::Command::new("mkfs.xfs").arg("-q").arg(&disk));
    let mount = Mount::new(&["-o", "loop", disk.to_str().unwrap()]);
    let layout = Layout::create(mount.path().join("layout")).unwrap();
    let content = "weights".repeat(1 << 20);
    let mut files = ArtifactFiles::new();
    files.add_bytes(content.as_bytes(), MediaType::MODEL_WEIGHT_RAW);
    let artifact = files.build(model(MediaType::MODEL_WEIGHT_RAW, &content)).unwrap();
    layout.put_graph_from(&artifact, &files).unwrap();
    let free = || {
        let system = rustix::fs::statvfs(mount.path()).unwrap();
        system.f_bfree * system.f_frsize
    };
    let before = free();
    layout.write_artifact(&artifact, mount.path().join("out")).unwrap();
    let used = before.saturating_sub(free());
    assert!(used < 1 << 20, "{used} bytes were written");
    let written = fs::read(mount.path().join("out/weights/1.safetensors")).unwrap();
    assert!(written == content.as_bytes());
    drop(layout);
    mount.unmount();
}
