//! `oci-inspect` on layouts and archives.

use std::fs;
use std::process::Command;

use oci_image::blob::BlobSinkExt;
use oci_image::build::{Builder, assemble};
use oci_image::images::Images;
use oci_image::{AnyDocument, Descriptor, Document, Index, MediaType, Platform};
use oci_layout::{ArchiveWriter, DockerArchiveWriter, DockerForm, Layout, LayoutOptions};
use oci_testing::program::run;
use serde_json::Value;

/// A layout with an image `v1`, and a blob that nothing needs.
fn layout() -> (tempfile::TempDir, Layout, Descriptor, Descriptor) {
    let directory = tempfile::tempdir().unwrap();
    let layout = Layout::create(directory.path().join("images")).unwrap();
    let image = Builder::new(&Platform::host()).cmd(["/bin/true"]).build().unwrap();
    let image = layout.put_image(&image).unwrap().tag("v1").unwrap();
    let lost = Descriptor::of(MediaType::LAYER_TAR, "lost");
    layout.put(&lost, b"lost").unwrap();
    let path = layout.path().to_owned();
    drop(layout);
    (directory, Layout::open(path).unwrap(), image, lost)
}

/// Runs a command on the layout. Gives its exit status, and what it printed.
fn inspect(layout: &Layout, command: &str, name: &str, more: &[&str]) -> (Option<i32>, String) {
    inspect_at(command, &format!("oci:{}{name}", layout.path().display()), more)
}

/// Runs a command without a usable directory for temporary files.
fn inspect_at(command: &str, name: &str, more: &[&str]) -> (Option<i32>, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_oci-inspect"))
        .arg(command)
        .arg(name)
        .args(more)
        .env("TMPDIR", "/nonexistent")
        .output()
        .unwrap();
    let mut text = String::from_utf8(output.stdout).unwrap();
    text.push_str(&String::from_utf8(output.stderr).unwrap());
    (output.status.code(), text)
}

fn lines_of_json(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn lists_names() {
    let (_directory, layout, image, _) = layout();
    let (status, text) = inspect(&layout, "ls", "", &[]);
    assert_eq!(status, Some(0));
    assert_eq!(text.lines().count(), 1);
    assert!(text.starts_with(&format!("v1\t{}\t", image.digest)), "{text}");
    let [line] = &lines_of_json(&inspect(&layout, "ls", "", &["--json"]).1)[..] else { panic!() };
    assert_eq!(line["name"], "v1");
    assert_eq!(line["descriptor"]["digest"], image.digest.as_str());
}

#[test]
fn adds_and_removes_names() {
    let (_directory, layout, image, _) = layout();
    assert_eq!(inspect(&layout, "tag", ":v1", &["v2"]).0, Some(0));
    assert_eq!(layout.resolve("v2").unwrap().digest, image.digest);
    assert_eq!(inspect(&layout, "untag", ":v1", &[]).0, Some(0));
    assert_eq!(layout.list().unwrap().len(), 1);
    for (command, name, more) in [
        ("untag", ":v1", &[][..]),
        ("tag", ":v1", &["v3"]),
        ("tag", ":v2", &[]),
        ("tag", ":v2", &["-"]),
        ("untag", "", &[]),
        ("ls", "", &["--repair"]),
        ("ls", ":v3", &[]),
        ("tree", ":v3", &[]),
        ("fsck", ":v2", &["more"]),
    ] {
        let (status, text) = inspect(&layout, command, name, more);
        assert_eq!(status, Some(1), "{command} {name}: {text}");
        assert_eq!(text.lines().count(), 1, "{text}");
    }
    assert_eq!(layout.list().unwrap().len(), 1);
}

#[test]
fn draws_the_parts_of_images() {
    let (_directory, layout, image, _) = layout();
    let (status, text) = inspect(&layout, "tree", ":v1", &[]);
    assert_eq!(status, Some(0));
    let lines: Vec<_> = text.lines().collect();
    assert!(lines[0].starts_with(&format!("v1 {}", image.digest)), "{text}");
    assert!(lines[1].starts_with("  sha256:"), "{text}");
    let lines = lines_of_json(&inspect(&layout, "tree", "", &["--json"]).1);
    let depths: Vec<_> = lines.iter().map(|line| line["depth"].as_u64().unwrap()).collect();
    assert_eq!(depths, [0, 1]);
}

#[test]
fn collects_garbage_after_listing_it() {
    let (_directory, layout, _, lost) = layout();
    for command in [&["--dry-run", "--json"][..], &["--json"]] {
        let (status, text) = inspect(&layout, "gc", "", command);
        assert_eq!(status, Some(0));
        assert_eq!(lines_of_json(&text)[0]["blobs"][0], lost.digest.as_str());
    }
    let (_, text) = inspect(&layout, "gc", "", &[]);
    assert_eq!(text, "0 files, 0 B removed\n");
    let (status, text) = inspect(&layout, "gc", ":v1", &[]);
    assert_eq!(status, Some(1), "a tag means nothing here: {text}");
    assert_eq!(inspect(&layout, "fsck", "", &[]), (Some(0), String::new()));
}

#[test]
fn finds_faults_and_repairs_them() {
    let (_directory, layout, image, lost) = layout();
    let (status, text) = inspect(&layout, "fsck", "", &["--json"]);
    assert_eq!(status, Some(1));
    let [line] = &lines_of_json(&text)[..] else { panic!("{text}") };
    assert_eq!((&line["kind"], &line["level"]), (&"unreachable".into(), &"warning".into()));
    assert_eq!(line["digest"], lost.digest.as_str());

    inspect(&layout, "gc", "", &[]);
    let blob = layout.path().join("blobs/sha256").join(image.digest.encoded());
    let wrong = fs::read_to_string(&blob).unwrap().replace("schemaVersion", "schemaversion");
    fs::write(&blob, wrong).unwrap();
    let (status, text) = inspect(&layout, "fsck", "", &[]);
    assert_eq!(status, Some(1), "{text}");
    assert!(text.starts_with("content: `blobs/sha256/"), "{text}");
    // The corrupt manifest was removed. Its entry in the index is left to the owner.
    let (status, text) = inspect(&layout, "fsck", "", &["--repair"]);
    assert_eq!(status, Some(1), "{text}");
    let lines: Vec<_> = text.lines().collect();
    assert!(lines[0].starts_with("content: ") && lines[0].ends_with(" (removed)"), "{text}");
    assert!(lines[1].starts_with("missing: `blobs/sha256/"), "{text}");
    layout.untag("v1").unwrap();
    inspect(&layout, "gc", "", &[]);
    assert_eq!(inspect(&layout, "fsck", "", &["--repair"]), (Some(0), String::new()));
}

#[test]
fn an_index_may_be_sparse_where_it_is_meant_to_be() {
    oci_testing::needs!("skopeo");
    let (directory, layout, ..) = layout();
    let images = ["linux/amd64", "linux/arm64"].map(|platform| {
        let image = Builder::new(&platform.parse().unwrap()).build().unwrap();
        layout.put_image(&image).unwrap().descriptor().clone()
    });
    let index: Document<Index> = assemble(images).unwrap();
    layout.put_document(&AnyDocument::Index(index)).unwrap().tag("all").unwrap();
    let from = format!("oci:{}:all", layout.path().display());
    for (which, kinds) in [("index-only", &["sparse"; 2][..]), ("all", &[])] {
        let to = format!("oci:{}", directory.path().join(which).display());
        let arguments = ["--insecure-policy", "copy", "-q", "--multi-arch", which, &from];
        run("skopeo", &[&arguments[..], &[&format!("{to}:all")]].concat()).good();
        let (status, text) = inspect_at("fsck", &to, &["--json"]);
        assert_eq!(status, Some(i32::from(!kinds.is_empty())), "{text}");
        let lines = lines_of_json(&text);
        assert_eq!(lines.iter().map(|line| &line["kind"]).collect::<Vec<_>>(), kinds);
        // What is not there is told all the same.
        assert_eq!(inspect_at("fsck", &to, &["--json", "--sparse-indexes"]), (Some(0), text));
    }
    let lacks = inspect(&layout, "fsck", "", &["--sparse-indexes"]);
    assert!(lacks.0 == Some(1) && lacks.1.starts_with("unreachable: "), "{}", lacks.1);
}

#[test]
fn collects_the_garbage_of_layouts_that_share_their_blobs() {
    let directory = tempfile::tempdir().unwrap();
    let place = |name: &str| directory.path().join(name);
    fs::create_dir(place("shared")).unwrap();
    let options = LayoutOptions::new().shared_blobs(place("shared"));
    let mut names = Vec::new();
    for name in ["one", "two"] {
        let layout = options.create(place(name)).unwrap();
        let image = Builder::new(&Platform::host()).cmd([name]).build().unwrap();
        layout.put_image(&image).unwrap().tag(name).unwrap();
        layout.put(&Descriptor::of(MediaType::LAYER_TAR, name), name.as_bytes()).unwrap();
        names.push(format!("oci:{}", place(name).display()));
    }
    let shared = format!("--shared-blobs={}", place("shared").display());
    let count = |command: &[&str]| {
        let (status, text) = inspect_at("gc", &shared, command);
        assert_eq!(status, Some(0), "{text}");
        lines_of_json(&text)[0]["blobs"].as_array().unwrap().len()
    };
    let [one, two] = [names[0].as_str(), names[1].as_str()];
    assert_eq!(count(&["--dry-run", "--json", one]), 2 + 2);
    assert_eq!(count(&["--dry-run", "--json", one, two]), 2);
    assert_eq!(count(&["--json", two, one]), 2);
    assert_eq!(count(&["--json", one, two]), 0);
    for name in [one, two] {
        assert_eq!(inspect_at("fsck", &shared, &[name]), (Some(0), String::new()));
        assert_eq!(inspect_at("tree", &shared, &[name]).1.lines().count(), 2);
    }
    for wrong in [&[][..], &["oci-archive:x"], &[one, "oci-archive:x"]] {
        assert_eq!(inspect_at("gc", &shared, wrong).0, Some(1));
    }
    assert_eq!(inspect_at("gc", one, &[two]).0, Some(1));
}

/// Where archives of the image are, and its name in them.
fn archives(layout: &Layout) -> Vec<(String, &'static str)> {
    let place = |kind: &str| layout.path().with_file_name(kind);
    let file = |kind: &str| fs::File::create(place(kind)).unwrap();
    let image = layout.image("v1").unwrap();
    let archive = ArchiveWriter::new(file("oci.tar")).unwrap();
    archive.append(layout, std::slice::from_ref(image.descriptor())).unwrap();
    archive.finish().unwrap();
    let mut names = vec![(format!("oci-archive:{}", place("oci.tar").display()), "v1")];
    for (kind, form) in [("old.tar", DockerForm::Legacy), ("new.tar", DockerForm::Oci)] {
        let mut archive = DockerArchiveWriter::with_form(file(kind), form).unwrap();
        archive.append(&image, &["localhost:5000/a:v1"]).unwrap();
        archive.finish().unwrap();
        names.push((format!("docker-archive:{}", place(kind).display()), "localhost:5000/a:v1"));
    }
    names
}

#[test]
fn lists_and_draws_images_of_archives() {
    let (_directory, layout, image, _) = layout();
    let config = layout.image("v1").unwrap().manifest().config.digest.clone();
    for (archive, name) in archives(&layout) {
        for place in [archive.clone(), format!("{archive}:{name}")] {
            let (status, text) = inspect_at("ls", &place, &["--json"]);
            assert_eq!(status, Some(0), "{text}");
            let [line] = &lines_of_json(&text)[..] else { panic!("{text}") };
            assert_eq!(line["name"], name);
            // With layers, the manifest in an archive of Docker would be another one.
            assert_eq!(line["descriptor"]["digest"], image.digest.as_str(), "{place}");
            assert!(inspect_at("ls", &place, &[]).1.starts_with(&format!("{name}\t")), "{place}");

            let (status, text) = inspect_at("tree", &place, &["--json"]);
            assert_eq!(status, Some(0), "{text}");
            let [root, below] = &lines_of_json(&text)[..] else { panic!("{text}") };
            assert_eq!(root["name"], name);
            assert_eq!(below["descriptor"]["digest"], config.as_str());
        }
        for command in ["ls", "tree"] {
            let (status, text) = inspect_at(command, &format!("{archive}:a/b:c"), &[]);
            assert_eq!((status, text.lines().count()), (Some(1), 1), "{text}");
        }
    }
}

#[test]
fn archives_are_not_changed_and_other_files_are_refused() {
    let (_directory, layout, ..) = layout();
    for (archive, name) in archives(&layout) {
        let place = format!("{archive}:{name}");
        for (command, more) in
            [("tag", &["v2"][..]), ("untag", &[]), ("gc", &[]), ("fsck", &["--repair"])]
        {
            let (status, text) = inspect_at(command, &place, more);
            assert_eq!(status, Some(1), "{command}: {text}");
            assert!(text.contains("is not in a layout"), "{text}");
        }
    }
    let path = layout.path().display();
    for place in [
        format!("oci-archive:{path}"),
        format!("docker-archive:{path}"),
        format!("oci-archive:{path}/index.json"),
        format!("docker-archive:{path}/oci-layout"),
        "oci-archive:".into(),
        "docker-archive:/nonexistent:a:b".into(),
        "docker://localhost:1/a:b".into(),
    ] {
        let (status, text) = inspect_at("ls", &place, &[]);
        assert_eq!((status, text.lines().count()), (Some(1), 1), "{place}: {text}");
        assert!(text.starts_with("oci-inspect: "), "{text}");
    }
}

#[test]
fn text_of_a_layout_cannot_move_the_cursor_or_begin_a_line() {
    let (_directory, layout, _, _) = layout();
    let index = layout.path().join("index.json");
    let name = r#""\u001b[2J\nv2\tsha256:0""#;
    let text = fs::read_to_string(&index).unwrap().replace("\"v1\"", name);
    fs::write(&index, text).unwrap();
    for (command, lines) in [("ls", 1), ("tree", 2)] {
        let (status, text) = inspect(&layout, command, "", &[]);
        assert_eq!(status, Some(0));
        assert!(text.contains(r"\u{1b}[2J\nv2\tsha256:0") && !text.contains('\x1b'), "{text}");
        assert_eq!(text.lines().count(), lines, "{text}");
    }
    let file = layout.path().join("blobs/sha256/\x1b[2J\nno fault");
    fs::write(file, "").unwrap();
    let (_, text) = inspect(&layout, "fsck", "", &[]);
    assert!(text.contains(r"\u{1b}[2J\nno fault") && !text.contains('\x1b'), "{text}");
}

#[test]
fn a_layout_of_another_version_is_a_finding() {
    let (_directory, layout, ..) = layout();
    let file = layout.path().join("oci-layout");
    for (content, kind) in [(r#"{"imageLayoutVersion":"2.0.0"}"#, "version"), ("{", "document")] {
        fs::write(&file, content).unwrap();
        let (status, text) = inspect(&layout, "fsck", "", &["--repair", "--json"]);
        assert_eq!(status, Some(1), "{text}");
        let lines = lines_of_json(&text);
        let found: Vec<_> = lines.iter().filter(|line| line["path"] == "oci-layout").collect();
        assert_eq!(found[0]["kind"], kind, "{text}");
        assert_eq!(found[0]["level"], "error");
        let (_, text) = inspect(&layout, "ls", "", &[]);
        assert_eq!(text.lines().count(), 1, "{text}");
    }
}

#[test]
fn of_images_that_cannot_be_read_the_list_says_why() {
    let (directory, layout, ..) = layout();
    let path = directory.path().join("saved.tar");
    let mut saved = DockerArchiveWriter::new(fs::File::create(&path).unwrap()).unwrap();
    saved.append(&layout.image("v1").unwrap(), &["good:1"]).unwrap();
    saved.finish().unwrap();
    let archive = path.to_str().unwrap();
    run("tar", &["-C", directory.path().to_str().unwrap(), "-xf", archive, "manifest.json"]).good();
    let list = directory.path().join("manifest.json");
    let bad = r#"{"Config":"none.json","RepoTags":["bad:1"],"Layers":[]},"#;
    let text = fs::read_to_string(&list).unwrap().replacen('[', &format!("[{bad}"), 1);
    fs::write(&list, text).unwrap();
    run("tar", &["--delete", "-f", archive, "manifest.json"]).good();
    run("tar", &["-C", directory.path().to_str().unwrap(), "-rf", archive, "manifest.json"]).good();
    let listed =
        run(env!("CARGO_BIN_EXE_oci-inspect"), &["ls", &format!("docker-archive:{archive}")]);
    assert!(listed.errors.starts_with("cannot read image `bad:1` in archive"), "{}", listed.errors);
    let listed = listed.good();
    assert!(listed.lines().count() == 1 && listed.contains("good:1"), "{listed}");
}

#[test]
fn lists_and_finds_files_without_unpacking() {
    use oci_image::layer::{Compression, Entry, Kind, Metadata, Writer};
    let (_directory, layout, ..) = layout();
    let mut layer = Writer::new(Vec::new(), &Compression::gzip()).unwrap();
    let entry = |path: &str, kind| Entry::new(path.parse().unwrap(), kind, Metadata::new(0o640));
    layer.append(&entry("etc", Kind::Directory).into()).unwrap();
    layer.append_file(&entry("etc/hosts", Kind::File { size: 3 }), &b"box"[..]).unwrap();
    let target = "etc/hosts".into();
    layer.append(&entry("link\n", Kind::Symlink { target }).into()).unwrap();
    let (blob, descriptor, diff_id) = layer.finish().unwrap();
    layout.put(&descriptor, &blob).unwrap();
    let layer = oci_image::build::Layer::new(descriptor, diff_id);
    let image = oci_image::build::Builder::new(&oci_image::Platform::host()).layer(layer);
    layout.put_image(&image.build().unwrap()).unwrap().tag("files").unwrap();

    let (status, text) = inspect(&layout, "files", ":files", &[]);
    assert_eq!(status, Some(0), "{text}");
    let lines: Vec<_> = text.lines().collect();
    assert_eq!(lines[1..3], ["1\t0\td0640 0:0 /etc", "1\t0\t-0640 0:0 3 /etc/hosts"], "{text}");
    assert_eq!(lines.len(), 4, "{text}");
    let (_, text) = inspect(&layout, "find", ":files", &["--json", "**/h*", "none"]);
    let [line] = &lines_of_json(&text)[..] else { panic!("{text}") };
    let expected = serde_json::json!({
        "path": "etc/hosts", "kind": "file", "size": 3, "mode": "0640", "uid": 0, "gid": 0,
        "mtime": "0", "target": null, "device": null, "xattrs": {}, "layer": 1,
    });
    assert_eq!(*line, expected);
    assert_eq!(inspect(&layout, "find", ":files", &[]).0, Some(1));
    assert_eq!(inspect(&layout, "files", ":none", &[]).0, Some(1));
}
