use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};

use oci_image::blob::BlobSourceExt;
use oci_image::images::Images;
use oci_image::{Document, Index, LayoutFile, MediaType, json};
use oci_layout::{Archive, Durability, ErrorKind, FaultKind, Layout, LayoutOptions};

use crate::fixture::{empty, image, put};
use oci_testing::tar::Tar;

// covers: IMG-LAYOUT-02, IMG-LAYOUT-03, IMG-LAYOUT-04
#[test]
fn a_new_layout_has_what_the_spec_asks_for() {
    let (_directory, layout) = empty();
    let file: LayoutFile =
        json::from_slice(&fs::read(layout.path().join("oci-layout")).unwrap()).unwrap();
    assert_eq!(file.image_layout_version, "1.0.0");
    assert!(layout.path().join("blobs").is_dir());
    let index = fs::read_to_string(layout.path().join("index.json")).unwrap();
    let expected = r#"{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[]}"#;
    assert_eq!(index, expected);
}

#[test]
fn creating_again_opens_and_loses_nothing() {
    let (_directory, layout) = empty();
    let image = image(&layout, "a");
    layout.tag("v1", &image).unwrap();
    let again = Layout::create(layout.path()).unwrap();
    assert_eq!(again.resolve("v1").unwrap().digest, image.digest);
}

#[test]
fn a_directory_of_other_files_does_not_become_a_layout() {
    for name in ["README.md", "blobs.txt", ".git", "index.json~"] {
        let directory = tempfile::tempdir().unwrap();
        fs::write(directory.path().join(name), "text").unwrap();
        fs::create_dir(directory.path().join("blobs")).unwrap();
        let error = Layout::create(directory.path()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotEmpty, "{name}");
        let why = format!("the directory is not a layout and not empty: it has `{name}`");
        assert!(error.to_string().ends_with(&why), "{error}");
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 2, "{name}");
    }
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("index.json"), "{}").unwrap();
    assert_eq!(Layout::create(directory.path()).unwrap_err().kind(), ErrorKind::Invalid);
    assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1);
}

#[test]
fn an_interrupted_creation_is_completed() {
    let (_whole, layout) = empty();
    for has in [&[][..], &[".in-flight"], &["blobs", ".in-flight"], &["index.json", "blobs"]] {
        let directory = tempfile::tempdir().unwrap();
        for name in has {
            let (from, to) = (layout.path().join(name), directory.path().join(name));
            match *name {
                "index.json" => drop(fs::copy(from, to).unwrap()),
                _ => fs::create_dir(to).unwrap(),
            }
        }
        let created = Layout::create(directory.path()).unwrap();
        let image = image(&created, "a");
        created.tag("v1", &image).unwrap();
        assert_eq!(Layout::open(directory.path()).unwrap().fsck().unwrap(), [], "{has:?}");
    }
}

#[test]
fn what_is_not_a_layout_is_not_opened() {
    let directory = tempfile::tempdir().unwrap();
    let error = Layout::open(directory.path()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
    assert!(error.to_string().ends_with("`: it has no file `oci-layout`"), "{error}");
    let missing = directory.path().join("missing");
    assert_eq!(Layout::open(&missing).unwrap_err().kind(), ErrorKind::NotFound);
    let missing_parent = missing.join("layout");
    assert_eq!(Layout::create(missing_parent).unwrap_err().kind(), ErrorKind::NotFound);
}

// covers: IMG-LAYOUT-03
#[test]
fn wrong_layout_files_are_refused() {
    let cases = [
        ("", ErrorKind::Invalid),
        ("{}", ErrorKind::Invalid),
        ("[]", ErrorKind::Invalid),
        ("\u{feff}{\"imageLayoutVersion\":\"1.0.0\"}", ErrorKind::Invalid),
        ("{\"imageLayoutVersion\":\"1.0.0\"}\0", ErrorKind::Invalid),
        ("{\"imageLayoutVersion\":\"1.0.0\"}{}", ErrorKind::Invalid),
        (r#"{"imageLayoutVersion":"1.0.0","imagelayoutversion":"2"}"#, ErrorKind::Invalid),
        (r#"{"imageLayoutVersion":"2.0.0"}"#, ErrorKind::Version),
        (r#"{"imageLayoutVersion":""}"#, ErrorKind::Version),
    ];
    for (text, kind) in cases {
        let (_directory, layout) = empty();
        fs::write(layout.path().join("oci-layout"), text).unwrap();
        assert_eq!(Layout::open(layout.path()).unwrap_err().kind(), kind, "{text}");
    }
}

// covers: IMG-LAYOUT-03
#[test]
fn other_members_of_the_layout_file_are_not_an_error() {
    let (_directory, layout) = empty();
    let text = r#"{"imageLayoutVersion":"1.0.0","com.example.more":[1]}"#;
    fs::write(layout.path().join("oci-layout"), text).unwrap();
    Layout::open(layout.path()).unwrap();
}

// covers: IMG-LAYOUT-04
#[test]
fn wrong_indexes_are_refused_and_never_overwritten() {
    let cases = [
        "",
        "{}",
        "\u{feff}{}",
        r#"{"schemaVersion":2,"manifests":[]} x"#,
        r#"{"schemaVersion":2,"manifests":[],"manifests":[]}"#,
        r#"{"schemaVersion":2,"manifests":[],"Manifests":[]}"#,
        r#"{"schemaVersion":2,"manifests":[],"layers":[]}"#,
        r#"{"schemaVersion":2,"manifests":[],"Layers":[]}"#,
        r#"{"schemaVersion":2,"manifests":[],"Config":{}}"#,
        r#"{"schemaVersion":2,"manifests":[],"fslayers":[]}"#,
        r#"{"schemaVersion":2,"manifests":[],"mediaType":"application/vnd.oci.image.manifest.v1+json"}"#,
    ];
    for text in cases {
        let (_directory, layout) = empty();
        let image = image(&layout, "a");
        let path = layout.path().join("index.json");
        fs::write(&path, text).unwrap();
        assert_eq!(layout.list().unwrap_err().kind(), std::io::ErrorKind::InvalidData, "{text}");
        assert_eq!(layout.tag("v1", &image).unwrap_err().kind(), ErrorKind::Invalid, "{text}");
        assert_eq!(layout.collect_garbage().unwrap_err().kind(), ErrorKind::Invalid, "{text}");
        let faults = layout.fsck().unwrap();
        let index = faults.iter().find(|fault| fault.path == "index.json");
        assert_eq!(index.map(|fault| fault.kind), Some(FaultKind::Document), "{text}");
        let document = Document::<Index>::from_own_bytes(text.as_bytes(), MediaType::IMAGE_INDEX);
        assert!(document.is_err(), "{text}");
        let tar = Tar::new()
            .file("oci-layout", r#"{"imageLayoutVersion":"1.0.0"}"#)
            .file("index.json", text);
        let archive = layout.path().join("archive");
        fs::write(&archive, tar.end()).unwrap();
        assert_eq!(Archive::open(archive).unwrap_err().kind(), ErrorKind::Invalid, "{text}");
        assert_eq!(fs::read_to_string(&path).unwrap(), text);
    }
}

#[test]
fn a_layout_that_is_moved_stays_open() {
    let (directory, layout) = empty();
    let blob = put(&layout, "before");
    fs::rename(layout.path(), directory.path().join("moved")).unwrap();
    assert_eq!(layout.read(&blob, 100).unwrap(), b"before");
    let blob = put(&layout, "after");
    let moved = Layout::open(directory.path().join("moved")).unwrap();
    assert_eq!(moved.read(&blob, 100).unwrap(), b"after");
}

#[test]
fn reading_writes_nothing() {
    let (_directory, layout) = empty();
    let image = image(&layout, "a");
    layout.tag("v1", &image).unwrap();
    let path = layout.path().to_owned();
    drop(layout);
    fs::remove_dir_all(path.join(".in-flight")).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o555)).unwrap();
    let layout = Layout::open(&path).unwrap();
    assert_eq!(layout.image("v1").unwrap().descriptor().digest, image.digest);
    assert_eq!(layout.fsck().unwrap(), []);
    assert_eq!(layout.garbage().unwrap().blobs, []);
    assert!(!path.join(".in-flight").exists());
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
}

#[test]
fn a_layout_is_reached_through_a_symbolic_link() {
    let (directory, layout) = empty();
    let link = directory.path().join("link");
    symlink(layout.path(), &link).unwrap();
    let blob = put(&layout, "a");
    assert_eq!(Layout::open(link).unwrap().read(&blob, 100).unwrap(), b"a");
}

#[test]
fn layouts_may_share_their_blobs() {
    let directory = tempfile::tempdir().unwrap();
    let shared = directory.path().join("shared");
    fs::create_dir(&shared).unwrap();
    let options = LayoutOptions::new().durability(Durability::Relaxed).shared_blobs(&shared);
    let one = options.create(directory.path().join("one")).unwrap();
    let two = options.create(directory.path().join("two")).unwrap();
    let image = image(&one, "a");
    two.tag("v1", &image).unwrap();
    two.image("v1").unwrap().config().unwrap();
    assert!(shared.join("sha256").join(image.digest.encoded()).is_file());
}

// covers: IMG-LAYOUT-08
#[test]
fn images_may_be_incomplete() {
    let (_directory, layout) = empty();
    let image = image(&layout, "layer");
    layout.tag("v1", &image).unwrap();
    let layer = layout.image("v1").unwrap().manifest().layers[0].clone();
    fs::remove_file(layout.path().join("blobs/sha256").join(layer.digest.encoded())).unwrap();
    layout.image("v1").unwrap().config().unwrap();
    layout.collect_garbage().unwrap();
    let error = layout.read(&layer, 100).unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::NotFound);
}
