use std::collections::BTreeSet;
use std::error::Error;
use std::fs;
use std::io::Write;
use std::path::Path;

use oci_image::blob::{BlobSink, BlobSinkExt, BlobSource, BlobSourceExt};
use oci_image::images::Images;
use oci_image::{Descriptor, Digest, Manifest, MediaType};
use oci_layout::{ErrorKind, Garbage, Layout, LayoutOptions};

use crate::fixture::{directory, empty, image, index_of, put, put_document, read_whole};

/// Collects with a handle that pins nothing, after the one that wrote is gone.
fn collect(layout: Layout) -> (Layout, Garbage) {
    let path = layout.path().to_owned();
    drop(layout);
    let layout = Layout::open(path).unwrap();
    let listed = layout.garbage().unwrap();
    let collected = layout.collect_garbage().unwrap();
    assert_eq!(listed, collected);
    assert_eq!(layout.garbage().unwrap(), Garbage::default());
    (layout, collected)
}

fn has(layout: &Layout, blob: &Descriptor) -> bool {
    layout.open(blob).unwrap().is_some()
}

// covers: IMG-LAYOUT-07
#[test]
fn what_the_index_does_not_reach_is_removed() {
    let (_directory, layout) = empty();
    let (kept, gone) = (image(&layout, "a"), image(&layout, "b"));
    let stray = put(&layout, "stray");
    layout.tag("kept", &kept).unwrap();
    layout.tag("gone", &gone).unwrap();
    layout.untag("gone").unwrap();
    let (layout, garbage) = collect(layout);
    assert_eq!(garbage.blobs.len(), 4);
    assert!(garbage.bytes > stray.size + gone.size);
    assert!(has(&layout, &kept) && !has(&layout, &gone) && !has(&layout, &stray));
    let nodes: Vec<_> = layout.walk(&kept).collect::<Result<_, _>>().unwrap();
    assert!(nodes.iter().all(|node| has(&layout, &node.descriptor)));
}

/// Whoever stores an image could otherwise have the layers of another one collected.
#[test]
fn a_manifest_that_another_image_has_as_a_layer_is_reached_all_the_same() {
    let (_directory, layout) = empty();
    let victim = image(&layout, "victim");
    let hiding = Descriptor::new(MediaType::LAYER_TAR, victim.digest.clone(), victim.size);
    let mut attacker = Manifest::new(put(&layout, "{}"));
    attacker.media_type = Some(MediaType::IMAGE_MANIFEST);
    attacker.layers.push(hiding);
    layout.tag("attacker", &put_document(&layout, attacker)).unwrap();
    layout.tag("victim", &victim).unwrap();
    let (layout, garbage) = collect(layout);
    assert_eq!(garbage, Garbage::default());
    let layer = Descriptor::of(MediaType::LAYER_TAR, "victim");
    fs::remove_file(layout.path().join("blobs/sha256").join(layer.digest.encoded())).unwrap();
    let faults = layout.fsck().unwrap();
    assert!(faults.iter().any(|fault| fault.digest.as_ref() == Some(&layer.digest)), "{faults:?}");
}

#[test]
fn nested_indexes_subjects_and_unknown_types_are_kept() {
    let (_directory, layout) = empty();
    let deep = image(&layout, "deep");
    let nested = index_of(&layout, vec![index_of(&layout, vec![deep.clone()])]);
    let subject = image(&layout, "subject");
    let mut referrer = Manifest::new(put(&layout, "{}"));
    referrer.media_type = Some(MediaType::IMAGE_MANIFEST);
    referrer.subject = Some(subject.clone());
    let referrer = put_document(&layout, referrer);
    let mentioned = put(&layout, "mentioned by a document of the future");
    let future = put(&layout, &format!(r#"{{"parts":[{{"is":"{}"}}]}}"#, mentioned.digest));
    let indirect = put(&layout, &format!(r#"{{"see":"{}"}}"#, future.digest));
    for entry in [&nested, &referrer, &indirect] {
        layout.add(entry).unwrap();
    }
    let (layout, garbage) = collect(layout);
    assert_eq!(garbage, Garbage::default());
    for kept in [deep, subject, mentioned, future, indirect] {
        assert!(has(&layout, &kept));
    }
}

#[test]
fn what_is_missing_stops_no_collector_and_what_is_wrong_does() {
    let (_directory, layout) = empty();
    let image = image(&layout, "a");
    let stray = put(&layout, "stray");
    layout.tag("v1", &image).unwrap();
    let absent = Descriptor::of(MediaType::IMAGE_MANIFEST, "absent");
    layout.tag("absent", &absent).unwrap();
    let path = layout.path().join("blobs/sha256").join(image.digest.encoded());
    let manifest = fs::read(&path).unwrap();
    fs::write(&path, vec![b' '; manifest.len()]).unwrap();
    let root = layout.path().to_owned();
    drop(layout);
    let layout = Layout::open(root).unwrap();
    assert!(layout.collect_garbage().is_err());
    assert!(has(&layout, &stray));
    fs::write(&path, manifest).unwrap();
    let garbage = layout.collect_garbage().unwrap();
    assert_eq!(garbage.blobs, [stray.digest]);
}

#[test]
fn what_a_live_handle_has_under_way_is_kept() {
    let (_directory, layout) = empty();
    let stored = put(&layout, "stored and not named yet");
    let found = put(&layout, "found there by another handle");
    let path = layout.path().to_owned();
    let writer = Layout::open(&path).unwrap();
    assert!(writer.create(&found).unwrap().is_none());
    let blob = Descriptor::of("text/plain".into(), "half");
    let mut half = writer.create(&blob).unwrap().unwrap();
    half.write_all(b"ha").unwrap();

    let collector = Layout::open(&path).unwrap();
    assert_eq!(collector.collect_garbage().unwrap(), Garbage::default());
    drop(layout);
    assert_eq!(collector.collect_garbage().unwrap().blobs, [stored.digest]);
    half.write_all(b"lf").unwrap();
    half.commit().unwrap();
    assert_eq!(collector.collect_garbage().unwrap(), Garbage::default());
    assert!(has(&collector, &blob) && has(&collector, &found));
    drop(writer);
    assert_eq!(collector.collect_garbage().unwrap().blobs.len(), 2);
}

#[test]
fn what_a_dead_writer_left_is_removed() {
    let (_directory, layout) = empty();
    let work = layout.path().join(".in-flight");
    fs::write(work.join("0123"), format!("{}\n", Digest::EMPTY_JSON)).unwrap();
    fs::write(work.join("0123.7"), "half a blob").unwrap();
    fs::write(work.join("4567.0"), "half a blob whose session is gone").unwrap();
    layout.put(&Descriptor::empty_json(), b"{}").unwrap();
    let (layout, garbage) = collect(layout);
    assert_eq!(garbage.blobs, [Digest::EMPTY_JSON]);
    let expected = [".in-flight/0123", ".in-flight/0123.7", ".in-flight/4567.0"];
    assert_eq!(garbage.leftovers, expected);
    let left: Vec<_> = fs::read_dir(layout.path().join(".in-flight")).unwrap().collect();
    assert_eq!(left.len(), 1, "{left:?}");
}

#[test]
fn files_that_are_no_blobs_are_left_alone() {
    let (_directory, layout) = empty();
    put(&layout, "stray");
    let names = ["blobs/README", "blobs/sha256/README", "blobs/sha256/abc", "blobs/UPPER"];
    for name in names {
        fs::write(layout.path().join(name), "x").unwrap();
    }
    let (layout, garbage) = collect(layout);
    assert_eq!(garbage.blobs.len(), 1);
    assert!(names.iter().all(|name| layout.path().join(name).exists()));
}

/// Two layouts that share their blobs, each with an image of its own, and one of nobody.
fn sharing(directory: &Path) -> (Layout, Layout) {
    let options = LayoutOptions::new().shared_blobs(directory.join("shared"));
    let open = |name| options.create(directory.join(name)).unwrap();
    fs::create_dir(directory.join("shared")).unwrap();
    let (one, two) = (open("one"), open("two"));
    one.tag("v1", &image(&one, "of one")).unwrap();
    two.tag("v1", &image(&two, "of two")).unwrap();
    image(&one, "of nobody");
    drop((one, two));
    (open("one"), open("two"))
}

#[test]
fn the_garbage_of_layouts_that_share_blobs_is_what_none_of_them_needs() {
    let directory = directory();
    let (one, two) = sharing(directory.path());
    for place in ["shared", "one"] {
        fs::write(directory.path().join(place).join(".in-flight/0123.4"), "half").unwrap();
    }
    let all = [&two, &one, &two];
    let listed = Layout::shared_garbage(&all).unwrap();
    assert_eq!(listed.blobs.len(), 3);
    let leftovers = ["one", "shared"]
        .map(|place| format!("{}/{place}/.in-flight/0123.4", directory.path().display()));
    assert_eq!(listed.leftovers.iter().collect::<BTreeSet<_>>(), leftovers.iter().collect());
    assert_eq!(Layout::collect_shared_garbage(&all).unwrap(), listed);
    assert_eq!(Layout::collect_shared_garbage(&all).unwrap(), Garbage::default());
    for layout in [&one, &two] {
        read_whole(layout, &layout.resolve("v1").unwrap());
        assert_eq!(layout.fsck().unwrap(), []);
    }
    let future = put(&one, "mentioned");
    let unknown = put(&one, &format!(r#"{{"part":"{}"}}"#, future.digest));
    one.add(&unknown).unwrap();
    drop(one);
    assert_eq!(Layout::shared_garbage(&[&two]).unwrap().blobs.len(), 3 + 2);
    let options = LayoutOptions::new().shared_blobs(directory.path().join("shared"));
    let one = options.open(directory.path().join("one")).unwrap();
    assert_eq!(Layout::shared_garbage(&[&one, &two]).unwrap(), Garbage::default());
}

#[test]
fn who_looks_for_the_garbage_of_layouts_that_share_blobs_leaves_nothing_in_them() {
    let directory = directory();
    let (one, two) = sharing(directory.path());
    let work = ["shared", "one", "two"].map(|name| directory.path().join(name).join(".in-flight"));
    work.iter().for_each(|work| fs::remove_dir_all(work).unwrap());
    assert_eq!(Layout::shared_garbage(&[&one, &two]).unwrap().blobs.len(), 3);
    assert!(!work.iter().any(|work| work.exists()));
}

#[test]
fn what_a_live_handle_has_among_shared_blobs_is_kept() {
    let directory = directory();
    let (one, two) = sharing(directory.path());
    put(&one, "stored and not named yet");
    assert_eq!(Layout::collect_shared_garbage(&[&one, &two]).unwrap().blobs.len(), 3);
}

#[test]
fn layouts_are_collected_alone_or_together_as_they_keep_their_blobs() {
    let directory = directory();
    let (one, two) = sharing(directory.path());
    for error in [one.collect_garbage().unwrap_err(), two.garbage().unwrap_err()] {
        assert_eq!(error.kind(), ErrorKind::Shared);
        assert!(error.source().unwrap().to_string().contains("all of them"), "{error:?}");
    }
    let (_directory, alone) = empty();
    let elsewhere = crate::fixture::directory();
    let (other, _) = sharing(elsewhere.path());
    for layouts in [&[&one, &alone][..], &[&alone], &[&one, &two, &other]] {
        let error = Layout::collect_shared_garbage(layouts).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Shared);
    }
    assert_eq!(Layout::collect_shared_garbage(&[]).unwrap(), Garbage::default());
    read_whole(&other, &other.resolve("v1").unwrap());
}
