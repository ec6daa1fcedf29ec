use std::collections::BTreeSet;
use std::error::Error;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

use oci_image::blob::{BlobSink, BlobSinkExt, BlobSource, BlobSourceExt};
use oci_image::images::Images;
use oci_image::{Descriptor, Digest, Manifest, MediaType};
use oci_layout::{ErrorKind, Garbage, Layout, LayoutOptions};
use tempfile::TempDir;

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

/// A layout that lists an image and something else, and holds a blob that nothing needs.
fn listing(entry: impl FnOnce(&Layout) -> Descriptor) -> (TempDir, Layout, Descriptor) {
    let (directory, layout) = empty();
    layout.tag("whole", &image(&layout, "whole")).unwrap();
    put(&layout, "stray");
    let entry = entry(&layout);
    layout.tag("broken", &entry).unwrap();
    let path = layout.path().to_owned();
    drop(layout);
    (directory, Layout::open(path).unwrap(), entry)
}

fn path(layout: &Layout, blob: &Descriptor) -> PathBuf {
    layout.path().join(blob.digest.blob_path())
}

fn blobs(layout: &Layout) -> usize {
    fs::read_dir(layout.path().join("blobs/sha256")).unwrap().count()
}

/// Nothing is removed, and the error names `digest`.
fn refuses(layout: &Layout, digest: &Digest) {
    let before = blobs(layout);
    for error in [layout.garbage().unwrap_err(), layout.collect_garbage().unwrap_err()] {
        let text = whole_text(&error);
        assert!(text.contains(digest.as_str()), "{text}");
        assert_eq!(error.kind(), ErrorKind::Invalid, "{text}");
    }
    assert_eq!(blobs(layout), before);
}

fn whole_text(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        text = format!("{text}: {error}");
        source = error.source();
    }
    text
}

#[test]
fn nothing_is_removed_where_the_index_lists_what_is_missing() {
    let types = [
        MediaType::IMAGE_MANIFEST,
        MediaType::IMAGE_INDEX,
        MediaType::DOCKER_MANIFEST,
        MediaType::DOCKER_MANIFEST_LIST,
        "application/vnd.docker.distribution.manifest.v1+prettyjws".into(),
        "application/x-future".into(),
    ];
    for media_type in types {
        let absent = Descriptor::of(media_type, "absent");
        let (_directory, layout, absent) = listing(|_| absent);
        refuses(&layout, &absent.digest);
        layout.untag("broken").unwrap();
        assert_eq!(layout.collect_garbage().unwrap().blobs, [Digest::sha256("stray")]);
    }
}

#[test]
fn what_the_index_lists_and_an_index_names_too_may_not_be_missing() {
    let absent = Descriptor::of(MediaType::IMAGE_MANIFEST, "absent");
    let (_directory, layout, absent) = listing(|layout| {
        layout.tag("sparse", &index_of(layout, vec![absent.clone()])).unwrap();
        absent
    });
    refuses(&layout, &absent.digest);
    layout.untag("broken").unwrap();
    assert_eq!(layout.collect_garbage().unwrap().blobs, [Digest::sha256("stray")]);
}

#[test]
fn children_of_an_index_and_subjects_may_be_missing() {
    let absent = Descriptor::of(MediaType::IMAGE_MANIFEST, "absent");
    let unknown = Descriptor::of("application/x-future".into(), "absent too");
    let (_directory, layout, _) = listing(|layout| {
        let mut referrer = Manifest::new(put(layout, "{}"));
        referrer.media_type = Some(MediaType::IMAGE_MANIFEST);
        referrer.subject = Some(absent.clone());
        let there = image(layout, "there");
        index_of(layout, vec![absent, unknown, there, put_document(layout, referrer)])
    });
    assert_eq!(layout.collect_garbage().unwrap().blobs, [Digest::sha256("stray")]);
}

/// Other bytes of the same size, too few, none, one too many.
const DAMAGES: [fn(&Path); 4] = [
    |path| {
        let size = fs::metadata(path).unwrap().len();
        fs::write(path, vec![0; size as usize]).unwrap();
    },
    |path| fs::write(path, "{").unwrap(),
    |path| fs::write(path, "").unwrap(),
    |path| {
        let mut bytes = fs::read(path).unwrap();
        bytes.push(b' ');
        fs::write(path, bytes).unwrap();
    },
];

#[test]
fn nothing_is_removed_where_something_that_may_need_more_is_damaged() {
    let future = |layout: &Layout| {
        let mentioned = put(layout, "mentioned");
        put(layout, &format!(r#"{{"part":"{}"}}"#, mentioned.digest))
    };
    let makers: [fn(&Layout) -> Descriptor; 3] =
        [|layout| image(layout, "a"), |layout| index_of(layout, vec![image(layout, "a")]), future];
    for make in makers {
        for damage in DAMAGES {
            let (_directory, layout, broken) = listing(make);
            damage(&path(&layout, &broken));
            refuses(&layout, &broken.digest);

            let mut nested = None;
            let (_directory, layout, _) = listing(|layout| {
                let broken = nested.insert(make(layout)).clone();
                index_of(layout, vec![index_of(layout, vec![broken])])
            });
            let nested = nested.unwrap();
            damage(&path(&layout, &nested));
            refuses(&layout, &nested.digest);
        }
    }
}

#[test]
fn nothing_is_removed_where_a_document_has_no_reading() {
    let large = format!(r#"{{"schemaVersion":2,"manifests":[]{}}}"#, " ".repeat(4 << 20));
    let texts = ["", "not JSON", "[]", r#"{"schemaVersion":2}"#, r#"{"layers":[],"layers":[]}"#];
    for text in texts.into_iter().chain([large.as_str()]) {
        for media_type in [MediaType::IMAGE_MANIFEST, MediaType::IMAGE_INDEX] {
            let blob = Descriptor::of(media_type, text);
            let (_directory, layout, blob) = listing(|layout| {
                layout.put(&blob, text.as_bytes()).unwrap();
                blob
            });
            refuses(&layout, &blob.digest);
        }
    }
}

#[test]
fn nothing_is_removed_where_an_entry_says_another_size_or_type() {
    let changes: [fn(&mut Descriptor); 3] = [
        |entry| entry.size += 1,
        |entry| entry.size = 8 << 20,
        |entry| entry.media_type = MediaType::IMAGE_INDEX,
    ];
    for change in changes {
        let (_directory, layout, entry) = listing(|layout| {
            let mut entry = image(layout, "a");
            change(&mut entry);
            entry
        });
        refuses(&layout, &entry.digest);
    }
}

#[test]
fn a_directory_in_the_place_of_a_manifest_stops_the_collector() {
    let (_directory, layout, entry) = listing(|layout| image(layout, "a"));
    let path = path(&layout, &entry);
    fs::remove_file(&path).unwrap();
    fs::create_dir(&path).unwrap();
    let before = blobs(&layout);
    assert!(whole_text(&layout.collect_garbage().unwrap_err()).contains(entry.digest.as_str()));
    assert_eq!(blobs(&layout), before);
}

#[test]
fn what_a_large_document_of_unknown_type_mentions_is_kept() {
    let (_directory, layout, _) = listing(|layout| {
        let mentioned = put(layout, "mentioned");
        let space = " ".repeat(5 << 20);
        let long = "a".repeat(2000);
        put(layout, &format!(r#"{{"{long}":{space}"{}"}}"#, mentioned.digest))
    });
    assert_eq!(layout.collect_garbage().unwrap().blobs, [Digest::sha256("stray")]);
}

#[test]
fn one_of_several_layouts_that_lists_what_is_missing_stops_their_collector() {
    let directory = directory();
    let (one, two) = sharing(directory.path());
    let absent = Descriptor::of(MediaType::IMAGE_MANIFEST, "absent");
    two.tag("absent", &absent).unwrap();
    let error = Layout::collect_shared_garbage(&[&one, &two]).unwrap_err();
    assert!(whole_text(&error).contains(absent.digest.as_str()), "{error:?}");
    two.untag("absent").unwrap();
    assert_eq!(Layout::collect_shared_garbage(&[&one, &two]).unwrap().blobs.len(), 3);
}

#[test]
fn umoci_too_removes_nothing_where_the_index_lists_what_is_missing() {
    oci_testing::needs!("umoci");
    let absent = Descriptor::of(MediaType::IMAGE_MANIFEST, "absent");
    let (_directory, layout, absent) = listing(|_| absent);
    let before = blobs(&layout);
    let path = layout.path().to_str().unwrap();
    let umoci = Command::new("umoci").args(["gc", "--layout", path]).output().unwrap();
    assert!(!umoci.status.success(), "{umoci:?}");
    assert_eq!(blobs(&layout), before);
    refuses(&layout, &absent.digest);
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
fn files_that_are_not_blobs_are_left_alone() {
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

/// Two layouts that share their blobs, each with an image of its own, and one that neither needs.
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
fn listing_the_garbage_of_layouts_that_share_blobs_leaves_nothing_in_them() {
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
