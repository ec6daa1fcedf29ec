//! The files of images, without unpacking.

use std::ops::Range;

use oci_image::blob::{BlobSink, BlobSinkExt, Memory};
use oci_image::build::Image;
use oci_image::layer::{Compression, Files, FilesError, Limits, Obstacle, Reader};
use oci_image::{Config, Descriptor, Document, Manifest, MediaType};
use oci_rootfs::unpack::{apply_stream, unpack};
use oci_rootfs::{Root, UnpackOptions};
use proptest::prelude::*;

use crate::any_layers::{archives, config, stack};
use crate::overlay::hiding;
use crate::tree::{Tree, tree};
use crate::unpack::image;
use oci_testing::tar::{Tar, header};

fn config_of(blobs: &Memory, manifest: &Manifest) -> Document<Config> {
    oci_image::blob::BlobSourceExt::document(blobs, &manifest.config).unwrap()
}

fn files<'a>(
    blobs: &'a Memory,
    manifest: &Document<Manifest>,
) -> Result<Files<'a, Memory>, FilesError> {
    let rootfs = &config_of(blobs, manifest).rootfs;
    Files::new(blobs, &manifest.layers, rootfs, &Limits::default())
}

fn without_root(mut tree: Tree) -> Tree {
    tree.remove(".");
    tree
}

/// Directories that no layer describes belong to root, and only root can give them to root.
fn options() -> UnpackOptions {
    match oci_testing::tar::caller().0 {
        0 => UnpackOptions::default(),
        _ => UnpackOptions::rootless(),
    }
}

/// What unpacking the layers and what unpacking their export makes, where it is possible.
fn both(layers: &[Vec<u8>]) -> [Option<Tree>; 2] {
    let directory = tempfile::tempdir().unwrap();
    let [flat, whole] = ["flat", "whole"].map(|name| directory.path().join(name));
    let (blobs, manifest) = image(layers);
    let unpacked = unpack(&blobs, &manifest, &flat, &options());
    let exported = files(&blobs, &manifest)
        .map(|files| files.export(Vec::new(), &Compression::none()).unwrap().0);
    let apply = |archive: Vec<u8>| {
        let root = Root::create(&whole).unwrap();
        apply_stream(&archive[..], &root, &options()).unwrap();
        without_root(tree(&whole))
    };
    [unpacked.ok().map(|_| without_root(tree(&flat))), exported.ok().map(apply)]
}

#[test]
fn files_are_listed_and_found_with_the_layers_that_they_come_from() {
    let base = Tar::new()
        .entry(header(b'5', "./").mode(0o751))
        .entry(header(b'5', "etc").mode(0o710).owner(1, 2).mtime(3))
        .with(header(b'0', "etc/b").mode(0o4755).owner(4, 5).xattr("user.a", "x"), "four")
        .hardlink("etc/a", "etc/b")
        .symlink("link", "etc/b")
        .file("gone", "1")
        .file("usr/lib/x/y.so", "12")
        .end();
    let top = Tar::new()
        .file(".wh.gone", "")
        .entry(header(b'3', "null").device(1, 3))
        .file("usr/z.so", "new")
        .end();
    let (blobs, manifest) = image(&[base, top]);
    let files = files(&blobs, &manifest).unwrap();
    let line = |file: oci_image::layer::ListedFile| {
        let layer = file.layer.map_or("-".into(), |layer| layer.to_string());
        format!("{layer} {}", file.entry)
    };
    let all: Vec<_> = files.list().map(line).collect();
    // Entries belong to whoever runs the test, if nothing else is said.
    let (uid, gid) = (rustix::process::geteuid().as_raw(), rustix::process::getegid().as_raw());
    let own = format!("{uid}:{gid}");
    let expected = [
        "1 d0751 own /",
        "1 d0710 1:2 /etc",
        "1 -4755 4:5 4 /etc/a",
        "1 h4755 4:5 /etc/b = /etc/a",
        "1 l0777 own /link -> etc/b",
        "2 c0644 own 1:3 /null",
        "- d0755 0:0 /usr",
        "- d0755 0:0 /usr/lib",
        "- d0755 0:0 /usr/lib/x",
        "1 -0644 own 2 /usr/lib/x/y.so",
        "2 -0644 own 3 /usr/z.so",
    ]
    .map(|line| line.replace("own", &own));
    assert_eq!(all, expected);
    let a = files.list().nth(2).unwrap().entry.metadata;
    assert_eq!(a.xattrs, [(b"user.a".to_vec(), b"x".to_vec())].into());

    let found = |patterns: &[&str]| -> Vec<String> {
        let patterns: Vec<_> = patterns.iter().map(oci_image::layer::PathPattern::new).collect();
        files.find(&patterns).map(|file| file.entry.path.to_string()).collect()
    };
    assert_eq!(found(&["/etc/a"]), ["/etc/a"]);
    assert_eq!(found(&["etc/?", "null"]), ["/etc/a", "/etc/b", "/null"]);
    assert_eq!(found(&["*.so"]), [""; 0]);
    assert_eq!(found(&["**/*.so"]), ["/usr/lib/x/y.so", "/usr/z.so"]);
    assert_eq!(found(&["usr/**"]).len(), 5);
    assert_eq!(found(&["usr/*/x/**"]), ["/usr/lib/x", "/usr/lib/x/y.so"]);
    assert_eq!(found(&["**/l*b/**/y.*o"]), ["/usr/lib/x/y.so"]);
    assert_eq!(found(&["/"]), ["/"]);
    assert_eq!(found(&["**"]).len(), expected.len());
    assert_eq!(found(&["etc/[ab]", "gone", ""]), ["/"]);
}

/// What is listed is what unpacking makes.
#[test]
fn lists_of_any_layers_are_those_of_unpacked_trees() {
    oci_testing::needs!(root);
    proptest!(config(100), |(stack in stack())| {
        let layers = archives(&stack);
        let (blobs, manifest) = image(&layers);
        let Ok(listed) = files(&blobs, &manifest) else { return Ok(()) };
        let directory = crate::unpack::unpacked(&layers).unwrap();
        let tree = without_root(tree(&directory.path().join("root")));
        let listed: Vec<_> = listed.list().skip(1).collect();
        prop_assert_eq!(listed.len(), tree.len());
        for file in listed {
            let path = file.entry.path.as_bytes().escape_ascii().to_string();
            let (node, metadata) = (&tree[&path], &file.entry.metadata);
            prop_assert_eq!((metadata.uid, metadata.gid), node.owner);
            if !matches!(node.what, crate::tree::What::Symlink(_)) {
                prop_assert_eq!(metadata.mode, node.mode);
            }
            let time = (metadata.mtime.seconds(), i64::from(metadata.mtime.nanoseconds()));
            prop_assert_eq!(time, node.mtime);
            if let crate::tree::What::File(content) = &node.what
                && let oci_image::layer::Kind::File { size } = file.entry.kind
            {
                prop_assert_eq!(size, content.len() as u64);
            }
        }
    });
}

#[test]
fn an_export_is_what_the_layers_make() {
    let layers = hiding();
    for count in 1..=layers.len() {
        let [unpacked, exported] = both(&layers[..count]);
        assert!(unpacked.is_some());
        assert_eq!(unpacked, exported, "{count}");
    }
}

#[test]
fn an_export_keeps_the_links_of_a_file_whose_first_name_is_gone() {
    let base = Tar::new().file("a", "1").hardlink("b", "a").hardlink("d/c", "b").end();
    let top = Tar::new().file("a", "2").end();
    let [unpacked, exported] = both(&[base, top]);
    let exported = exported.unwrap();
    assert_eq!(exported["d/c"].same_as.as_deref(), Some("b"));
    assert_eq!(unpacked, Some(exported));
}

#[test]
fn an_export_is_a_layer_that_an_image_is_flattened_to() {
    let (blobs, manifest) = image(&hiding());
    let image = Image::new(manifest.clone(), config_of(&blobs, &manifest)).unwrap();
    let (blob, layer) =
        files(&blobs, &manifest).unwrap().export(Vec::new(), &Compression::gzip()).unwrap();
    let again = files(&blobs, &manifest).unwrap().export(Vec::new(), &Compression::gzip());
    assert_eq!(again.unwrap().0, blob);
    blobs.put(&layer.descriptor, &blob).unwrap();
    let flat = image.flatten(layer).unwrap();
    blobs.put(flat.config().descriptor(), flat.config().bytes()).unwrap();
    let directory = tempfile::tempdir().unwrap();
    let [one, many] = ["one", "many"].map(|name| directory.path().join(name));
    unpack(&blobs, flat.manifest(), &one, &options()).unwrap();
    unpack(&blobs, &manifest, &many, &options()).unwrap();
    assert_eq!(without_root(tree(&one)), without_root(tree(&many)));
}

/// What layers make, and what they make with one in the place of some; `None` if they cannot be applied.
fn with_squashed(layers: &[Vec<u8>], range: Range<usize>) -> Option<[Tree; 2]> {
    let (blobs, manifest) = image(&layers[..range.end]);
    let files = files(&blobs, &manifest).ok()?;
    let one = files.export_above(range.start, Vec::new(), &Compression::none()).unwrap().0;
    let mut squashed = layers.to_vec();
    squashed.splice(range, [one]);
    let directory = tempfile::tempdir().unwrap();
    let unpacked = |layers: &[Vec<u8>], name: &str| {
        let (blobs, manifest) = image(layers);
        let path = directory.path().join(name);
        let done = unpack(&blobs, &manifest, &path, &options());
        done.map(|_| without_root(tree(&path)))
    };
    let before = unpacked(layers, "before").ok()?;
    Some([before, unpacked(&squashed, "after").unwrap()])
}

fn ranges(count: usize) -> impl Iterator<Item = Range<usize>> {
    (0..count).flat_map(move |start| (start + 1..=count).map(move |end| start..end))
}

#[test]
fn one_layer_changes_what_some_changed_together() {
    let layers = hiding();
    for range in ranges(layers.len()) {
        let [before, after] = with_squashed(&layers, range.clone()).unwrap();
        assert_eq!(before, after, "{range:?}");
    }
}

#[test]
fn one_layer_changes_what_any_layers_changed_together() {
    oci_testing::needs!(root);
    proptest!(config(60), |(stack in stack())| {
        let layers = archives(&stack);
        for range in ranges(layers.len()).filter(|range| range.start > 0) {
            let Some([before, after]) = with_squashed(&layers, range.clone()) else { continue };
            prop_assert_eq!(before, after, "{:?}", range);
        }
    });
}

#[test]
fn one_layer_has_what_is_not_below_and_the_directories_on_the_way() {
    let base = Tar::new()
        .entry(header(b'5', "d").mode(0o710))
        .file("d/same", "1")
        .file("d/gone", "1")
        .file("linked", "1")
        .file("e/same", "1")
        .end();
    let second = Tar::new().file("d/new", "2").file("passing", "2").end();
    let third = Tar::new()
        .file("d/.wh.gone", "")
        .file(".wh.passing", "")
        .hardlink("link", "linked")
        .entry(header(b'3', "null").device(1, 3).owner(4, 5))
        .symlink("to", "null")
        .end();
    let (blobs, manifest) = image(&[base, second, third]);
    let files = files(&blobs, &manifest).unwrap();
    let (layer, _) = files.export_above(1, Vec::new(), &Compression::none()).unwrap();
    let mut reader = Reader::new(&layer[..], &MediaType::LAYER_TAR, Limits::default()).unwrap();
    let mut lines = Vec::new();
    while let Some(change) = reader.next_change().unwrap() {
        lines.push(change.to_string());
    }
    let (uid, gid) = oci_testing::tar::caller();
    let expected = [
        "d0710 own /d",
        "- /d/gone",
        "-0644 own 1 /link",
        "h0644 own /linked = /link",
        "-0644 own 1 /d/new",
        "c0644 4:5 1:3 /null",
        "l0777 own /to -> null",
    ];
    assert_eq!(lines, expected.map(|line| line.replace("own", &format!("{uid}:{gid}"))));
}

#[test]
fn a_file_is_read_by_links_that_stay_in_the_image() {
    let base = Tar::new()
        .file("etc/real", "old")
        .symlink("etc/name", "../../../etc/real")
        .symlink("abs", "/etc/name")
        .symlink("dir", "/etc")
        .symlink("gone", "nowhere")
        .file("outside", "in")
        .end();
    let top = Tar::new().file("etc/real", "new").hardlink("same", "etc/real").end();
    let (blobs, manifest) = image(&[base, top]);
    let files = files(&blobs, &manifest).unwrap();
    let read = |path: &str| files.read(&path.parse().unwrap(), 3);
    for path in ["etc/real", "/etc/name", "abs", "dir/real", "dir/name", "same"] {
        assert_eq!(read(path).unwrap(), b"new", "{path}");
    }
    assert_eq!(read("outside").unwrap(), b"in");
    for (path, expected) in [
        ("gone", Obstacle::NotFound),
        ("etc/none", Obstacle::NotFound),
        ("etc/real/x", Obstacle::NotADirectory),
        ("dir", Obstacle::NotAFile),
        ("/", Obstacle::NotAFile),
    ] {
        let error = read(path).unwrap_err();
        assert!(
            matches!(error, FilesError::Path { obstacle, .. } if obstacle == expected),
            "{path}: {error:?}"
        );
    }
    let error = files.read(&"abs".parse().unwrap(), 2).unwrap_err();
    let too_large = Obstacle::TooLarge { size: 3, limit: 2 };
    assert!(matches!(error, FilesError::Path { obstacle, .. } if obstacle == too_large));
}

/// A path makes a directory of each of its names, and attributes are kept.
#[test]
fn files_take_no_more_memory_than_the_limit() {
    let deep = |top: u32| format!("{top}/{}", "d/".repeat(900));
    let paths = (0..100).fold(Tar::new(), |tar, top| tar.directory(deep(top)));
    let attributes = (0..100).fold(Tar::new(), |tar, name| {
        tar.entry(header(b'5', name.to_string()).xattr("user.a", vec![b'x'; 100_000]))
    });
    let links =
        (0..3000).fold(Tar::new(), |tar, name| tar.symlink(name.to_string(), "x".repeat(4000)));
    for layer in [paths, attributes, links] {
        let (blobs, manifest) = image(&[layer.end()]);
        let rootfs = &config_of(&blobs, &manifest).rootfs;
        let mut limits = Limits::default();
        Files::new(&blobs, &manifest.layers, rootfs, &limits).unwrap();
        limits.files_bytes = 4 << 20;
        let error = Files::new(&blobs, &manifest.layers, rootfs, &limits).unwrap_err();
        let FilesError::Layer { source, .. } = &error else { panic!("{error:?}") };
        let too_much = Obstacle::TooMuch(4 << 20);
        assert!(
            matches!(**source, FilesError::Path { obstacle, .. } if obstacle == too_much),
            "{error:?}"
        );
    }
}

/// Each of these keeps little at a time, and many of them much.
#[test]
fn all_that_describes_files_counts_as_memory() {
    const LIMIT: u64 = 64 << 10;
    let many = |entry: &dyn Fn(u32) -> oci_testing::tar::Header| {
        (0..100).fold(Tar::new(), |tar, number| tar.entry(entry(number))).end()
    };
    let file = |number: u32| header(b'0', format!("f{number}"));
    let value = vec![b'x'; 400];
    for (name, layer, fits) in [
        ("files", many(&file), true),
        ("attributes", many(&|number| file(number).xattr("user.a", &value)), false),
        ("Windows records", many(&|number| file(number).pax("MSWINDOWS.rawsd", &value)), false),
        ("one directory", many(&|_| header(b'5', "d").mode(0o700)), true),
        (
            "one directory, with attributes",
            many(&|_| header(b'5', "d").xattr("user.a", &value)),
            false,
        ),
        ("directories", many(&|number| header(b'5', format!("d{number}"))), true),
    ] {
        let (blobs, manifest) = image(&[layer]);
        let rootfs = &config_of(&blobs, &manifest).rootfs;
        let mut limits = Limits::default();
        limits.files_bytes = LIMIT;
        let read = Files::new(&blobs, &manifest.layers, rootfs, &limits);
        assert_eq!(read.is_ok(), fits, "{name}: {:?}", read.err());
    }
    // What describes a directory again counts each time, though it takes the place of what described it before.
    let (blobs, manifest) = image(&[many(&|_| header(b'5', "d"))]);
    let rootfs = &config_of(&blobs, &manifest).rootfs;
    let mut limits = Limits::default();
    limits.files_bytes = 16 << 10;
    assert!(Files::new(&blobs, &manifest.layers, rootfs, &limits).is_err());
}

/// The chain ends, so that without the limit nothing is endless.
#[test]
fn a_way_leads_through_forty_links_at_most() {
    let chain = |links: u32| {
        let tar = Tar::new().file("0/f", "1");
        (1..=links).fold(tar, |tar, link| tar.symlink(link.to_string(), (link - 1).to_string()))
    };
    let (blobs, manifest) = image(&[chain(41).file("40/g", "2").end()]);
    let read = files(&blobs, &manifest).unwrap();
    assert_eq!(read.read(&"40/g".parse().unwrap(), 1).unwrap(), b"2");
    assert_eq!(obstacle(read.read(&"41/g".parse().unwrap(), 1).unwrap_err()), Obstacle::Loop);
    let (blobs, manifest) = image(&[chain(41).file("41/g", "2").end()]);
    assert_eq!(obstacle(files(&blobs, &manifest).unwrap_err()), Obstacle::Loop);
}

#[test]
fn hard_links_lead_to_files_that_stay() {
    for (layer, expected) in [
        (Tar::new().file("d/f", "1").hardlink("d", "d/f"), Obstacle::NotFound),
        (Tar::new().file("d/e/f", "1").hardlink("d", "d/e/f"), Obstacle::NotFound),
        (Tar::new().directory("d").hardlink("l", "d"), Obstacle::LinkToDirectory),
        (Tar::new().hardlink("l", "f"), Obstacle::NotFound),
        (Tar::new().file("f", "1").hardlink("l", "f/f"), Obstacle::NotADirectory),
    ] {
        let (blobs, manifest) = image(&[layer.end()]);
        assert_eq!(obstacle(files(&blobs, &manifest).unwrap_err()), expected);
    }
}

#[track_caller]
fn obstacle(error: FilesError) -> Obstacle {
    match error {
        FilesError::Path { obstacle, .. } => obstacle,
        FilesError::Layer { source, .. } => obstacle(*source),
        other => panic!("{other:?}"),
    }
}

#[test]
fn layers_are_read_that_have_their_type_and_their_diff_id() {
    let (blobs, manifest) = image(&[Tar::new().file("f", "1").end()]);
    let rootfs = config_of(&blobs, &manifest).rootfs.clone();
    let mut other = manifest.layers.clone();
    other[0].media_type = MediaType::EMPTY_JSON;
    let error = Files::new(&blobs, &other, &rootfs, &Limits::default()).unwrap_err();
    let FilesError::Layer { source, .. } = error else { panic!("{error:?}") };
    assert!(matches!(*source, FilesError::NotALayer { .. }), "{source:?}");
    for ids in [0, 2] {
        let mut rootfs = rootfs.clone();
        rootfs.diff_ids = vec![rootfs.diff_ids[0].clone(); ids];
        let error = Files::new(&blobs, &manifest.layers, &rootfs, &Limits::default()).unwrap_err();
        let FilesError::DiffIdCount { layers: 1, diff_ids } = error else { panic!("{error:?}") };
        assert_eq!(diff_ids, ids);
    }
}

#[test]
fn nothing_is_read_that_is_not_what_its_digests_say() {
    let layer = Tar::new().file("f", "1").end();
    let (blobs, manifest) = image(std::slice::from_ref(&layer));
    let mut rootfs = config_of(&blobs, &manifest).rootfs.clone();
    rootfs.diff_ids = vec![oci_testing::tar::diff_id(b"other")];
    let error = Files::new(&blobs, &manifest.layers, &rootfs, &Limits::default()).unwrap_err();
    let FilesError::Layer { number: 1, count: 1, source, .. } = error else { panic!("{error:?}") };
    assert!(matches!(*source, FilesError::DiffId { .. }));

    let mut missing = manifest.layers.clone();
    missing[0] = Descriptor::of(MediaType::LAYER_TAR, "absent");
    assert!(blobs.create(&missing[0]).unwrap().is_some());
    let rootfs = config_of(&blobs, &manifest).rootfs.clone();
    let error = Files::new(&blobs, &missing, &rootfs, &Limits::default()).unwrap_err();
    let FilesError::Layer { source, .. } = error else { panic!("{error:?}") };
    assert!(matches!(*source, FilesError::NoBlob));
}

#[test]
fn exports_and_unpacked_trees_of_any_layers_are_the_same() {
    proptest!(config(100), |(stack in stack())| {
        let [unpacked, exported] = both(&archives(&stack));
        prop_assert_eq!(unpacked, exported);
    });
}
