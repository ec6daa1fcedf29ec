//! What is wrong with a layout is found, and what can be is repaired.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::PathBuf;

use oci_image::blob::{BlobSinkExt, BlobSourceExt};
use oci_image::{Descriptor, Digest, Level, Platform};
use oci_layout::{Fault, FaultKind, Layout, LayoutOptions};

use crate::fixture::{directory, empty, image, image_for, index_of, manifest, put, put_document};

fn path_of(layout: &Layout, digest: &Digest) -> PathBuf {
    layout.path().join("blobs").join(digest.algorithm_name()).join(digest.encoded())
}

fn kinds(faults: &[Fault]) -> Vec<FaultKind> {
    faults.iter().map(|fault| fault.kind).collect()
}

/// A layout with one image, and the digests of its blobs.
fn sound() -> (tempfile::TempDir, Layout, Vec<Digest>) {
    let (directory, layout) = empty();
    let manifest = manifest(&layout, "layer", &Platform::host());
    let mut digests = vec![manifest.config.digest.clone(), manifest.layers[0].digest.clone()];
    let manifest = put_document(&layout, manifest);
    digests.push(manifest.digest.clone());
    let index = index_of(&layout, vec![manifest]);
    digests.push(index.digest.clone());
    layout.tag("v1", &index).unwrap();
    (directory, layout, digests)
}

#[test]
fn a_sound_layout_has_no_fault_and_is_not_changed() {
    let (_directory, layout, _) = sound();
    assert_eq!(layout.fsck().unwrap(), []);
    let path = layout.path().to_owned();
    drop(layout);
    fs::remove_dir_all(path.join(".in-flight")).unwrap();
    assert_eq!(Layout::open(&path).unwrap().fsck().unwrap(), []);
    assert!(!path.join(".in-flight").exists());
}

#[test]
fn each_byte_of_each_blob_counts() {
    let (_directory, layout, digests) = sound();
    for digest in &digests {
        let path = path_of(&layout, digest);
        let good = fs::read(&path).unwrap();
        for at in 0..good.len() {
            let mut bad = good.clone();
            bad[at] ^= 1;
            fs::write(&path, &bad).unwrap();
            let faults = layout.fsck().unwrap();
            assert_eq!(kinds(&faults), [FaultKind::Content], "byte {at} of {digest}: {faults:?}");
            assert_eq!(faults[0].digest.as_ref(), Some(digest));
            let blob = Descriptor::new("text/plain".into(), digest.clone(), good.len() as u64);
            layout.read(&blob, 1 << 20).unwrap_err();
        }
        fs::write(&path, good).unwrap();
    }
    assert_eq!(layout.fsck().unwrap(), []);
}

#[test]
fn what_is_missing_or_of_another_size_is_found() {
    for (index, digest) in sound().2.iter().enumerate() {
        let (_directory, layout, digests) = sound();
        assert_eq!(*digest, digests[index]);
        let path = path_of(&layout, digest);
        fs::write(&path, "another size").unwrap();
        let faults = layout.fsck().unwrap();
        assert!(kinds(&faults).contains(&FaultKind::Size), "{faults:?}");
        assert!(kinds(&faults).contains(&FaultKind::Content), "{faults:?}");
        fs::remove_file(&path).unwrap();
        let faults = layout.fsck().unwrap();
        // Of an index, one of the images may be elsewhere.
        let (kind, level) = match index {
            2 => (FaultKind::Sparse, Level::Warning),
            _ => (FaultKind::Missing, Level::Error),
        };
        assert_eq!(kinds(&faults), [kind], "{faults:?}");
        assert_eq!(faults[0].kind.level(), level);
    }
}

#[test]
fn what_a_sparse_index_lacks_hides_nothing_else() {
    let (_directory, layout) = empty();
    let [here, there] = ["linux/amd64", "linux/arm64"]
        .map(|platform| image_for(&layout, platform, &platform.parse().unwrap()));
    let index = index_of(&layout, vec![here.clone(), there.clone()]);
    layout.tag("v1", &index).unwrap();
    let parts: Vec<_> = layout.walk(&there).map(|node| node.unwrap().descriptor).collect();
    parts.iter().for_each(|part| fs::remove_file(path_of(&layout, &part.digest)).unwrap());
    let faults = layout.fsck().unwrap();
    assert_eq!(kinds(&faults), [FaultKind::Sparse], "{faults:?}");
    assert_eq!(faults[0].digest, Some(there.digest.clone()));
    assert_eq!(layout.repair(&faults).unwrap(), []);

    let path = layout.path().to_owned();
    put(&layout, "lost");
    drop(layout);
    let layout = Layout::open(path).unwrap();
    assert_eq!(kinds(&layout.fsck().unwrap()), [FaultKind::Sparse, FaultKind::Unreachable]);
    layout.collect_garbage().unwrap();
    // The layout's own index must have what it lists.
    layout.tag("v2", &there).unwrap();
    assert_eq!(kinds(&layout.fsck().unwrap()), [FaultKind::Missing, FaultKind::Sparse]);
}

#[test]
fn broken_documents_are_found() {
    let (_directory, layout) = empty();
    let text = r#"{"schemaVersion":2,"layers":[],"layers":[]}"#;
    let blob = Descriptor::of(oci_image::MediaType::IMAGE_MANIFEST, text);
    layout.put(&blob, text.as_bytes()).unwrap();
    layout.tag("v1", &blob).unwrap();
    let faults = layout.fsck().unwrap();
    assert_eq!(kinds(&faults), [FaultKind::Document]);
    assert_eq!(faults[0].digest.as_ref(), Some(&blob.digest));
    assert!(faults[0].message.contains("`layers`"), "{}", faults[0]);

    for (index, reason) in [("{", "EOF"), (r#"{"manifests":0}"#, "`0`")] {
        fs::write(layout.path().join("index.json"), index).unwrap();
        let faults = layout.fsck().unwrap();
        assert_eq!(kinds(&faults), [FaultKind::Document]);
        assert_eq!(faults[0].path, "index.json");
        assert!(faults[0].message.contains(reason), "{}", faults[0]);
    }
}

// covers: IMG-LAYOUT-02, IMG-LAYOUT-03
#[test]
fn a_layout_that_cannot_be_opened_can_be_checked() {
    let (_directory, layout, _) = sound();
    let check = || LayoutOptions::new().fsck(layout.path()).unwrap();
    let file = layout.path().join("oci-layout");
    assert_eq!(check(), []);
    for (content, kind) in [
        (r#"{"imageLayoutVersion":"1.1.0"}"#, FaultKind::Version),
        (r#"{"imageLayoutVersion":"1.0.0","imageLayoutVersion":"1.0.0"}"#, FaultKind::Document),
        ("{}", FaultKind::Document),
        ("", FaultKind::Document),
    ] {
        fs::write(&file, content).unwrap();
        Layout::open(layout.path()).unwrap_err();
        let faults = check();
        assert_eq!(kinds(&faults), [kind], "{content}: {faults:?}");
        assert_eq!(faults[0].path, "oci-layout");
        assert_eq!(kind.level(), Level::Error);
        assert_eq!(layout.fsck().unwrap(), faults);
        assert_eq!(layout.repair(&faults).unwrap(), []);
    }
    fs::remove_file(&file).unwrap();
    symlink("index.json", &file).unwrap();
    assert_eq!(kinds(&check()), [FaultKind::Document]);
    fs::remove_file(&file).unwrap();
    assert_eq!(kinds(&check()), [FaultKind::Missing]);
    fs::rename(layout.path().join("index.json"), layout.path().join("moved.json")).unwrap();
    assert_eq!(kinds(&check()), [FaultKind::Missing; 2]);
    fs::rename(layout.path().join("blobs"), layout.path().join("moved")).unwrap();
    let paths: Vec<_> = check().into_iter().map(|fault| fault.path).collect();
    assert!(paths.contains(&"oci-layout".into()) && paths.contains(&"blobs".into()), "{paths:?}");
    let nowhere = LayoutOptions::new().fsck(layout.path().join("nowhere")).unwrap_err();
    assert_eq!(nowhere.kind(), oci_layout::ErrorKind::NotFound);
}

#[test]
fn what_nothing_needs_is_found_unless_a_writer_has_it_under_way() {
    let (_directory, layout, _) = sound();
    let blob = put(&layout, "lost");
    assert_eq!(layout.fsck().unwrap(), [], "this handle may still name it");
    let path = layout.path().to_owned();
    drop(layout);
    let layout = Layout::open(&path).unwrap();
    let faults = layout.fsck().unwrap();
    assert_eq!(kinds(&faults), [FaultKind::Unreachable]);
    assert_eq!(faults[0].digest.as_ref(), Some(&blob.digest));
    assert_eq!(faults[0].kind.level(), Level::Warning);
}

#[test]
fn what_is_not_a_blob_is_found_and_left() {
    let (_directory, layout, digests) = sound();
    let blobs = layout.path().join("blobs");
    fs::write(blobs.join("note"), "").unwrap();
    fs::write(blobs.join("sha256/note"), "").unwrap();
    fs::create_dir(blobs.join("sha256/deep")).unwrap();
    symlink("/etc/passwd", blobs.join(format!("sha256/{}", "0".repeat(64)))).unwrap();
    let faults = layout.fsck().unwrap();
    assert_eq!(kinds(&faults), [FaultKind::Odd; 4], "{faults:?}");
    assert_eq!(layout.repair(&faults).unwrap(), []);

    // A link in a blob's place is not followed.
    let layer = path_of(&layout, &digests[1]);
    fs::rename(&layer, layout.path().join("moved")).unwrap();
    symlink("../../moved", &layer).unwrap();
    let faults = layout.fsck().unwrap();
    assert!(kinds(&faults).contains(&FaultKind::Content), "{faults:?}");
    assert_eq!(layout.repair(&faults).unwrap(), []);
    assert_eq!(fs::read(&layer).unwrap(), b"layer");

    fs::remove_file(&layer).unwrap();
    fs::create_dir(&layer).unwrap();
    let faults = layout.fsck().unwrap();
    assert!(kinds(&faults).contains(&FaultKind::Content), "{faults:?}");
    assert_eq!(layout.repair(&faults).unwrap(), []);
}

#[test]
fn blobs_of_unknown_algorithms_are_said_to_be_unverifiable() {
    let (_directory, layout, _) = sound();
    let path = layout.path().join("blobs/whirlpool");
    fs::create_dir(&path).unwrap();
    fs::write(path.join("abcdef"), "content").unwrap();
    let faults = layout.fsck().unwrap();
    assert!(kinds(&faults).contains(&FaultKind::Unverifiable), "{faults:?}");
}

#[test]
fn leftovers_and_wrong_content_are_repaired_and_nothing_else() {
    let (_directory, layout, digests) = sound();
    let dead = layout.path().join(".in-flight/0123456789abcdef.0");
    fs::write(&dead, "half").unwrap();
    let layer = path_of(&layout, &digests[1]);
    fs::write(&layer, "LAYER").unwrap();
    let faults = layout.fsck().unwrap();
    assert_eq!(kinds(&faults), [FaultKind::Content, FaultKind::Leftover]);
    assert_eq!(layout.repair(&faults).unwrap(), faults);
    assert!(!dead.exists() && !layer.exists());
    assert_eq!(kinds(&layout.fsck().unwrap()), [FaultKind::Missing]);

    // A pull brings the content again; old findings then harm nothing.
    let layer = Descriptor::of(oci_image::MediaType::LAYER_TAR, "layer");
    layout.put(&layer, b"layer").unwrap();
    assert_eq!(layout.repair(&faults).unwrap(), []);
    assert_eq!(layout.fsck().unwrap(), []);
}

#[test]
fn shared_blobs_are_looked_at_where_they_are() {
    let directory = directory();
    let shared = directory.path().join("shared");
    fs::create_dir(&shared).unwrap();
    let options = LayoutOptions::new().shared_blobs(&shared);
    let layout = options.create(directory.path().join("layout")).unwrap();
    let image = image(&layout, "layer");
    layout.tag("v1", &image).unwrap();
    put(&layout, "of another layout, for all that is known");
    assert_eq!(layout.fsck().unwrap(), []);
    fs::write(shared.join("sha256").join(image.digest.encoded()), "{}").unwrap();
    assert!(kinds(&layout.fsck().unwrap()).contains(&FaultKind::Content));
}
