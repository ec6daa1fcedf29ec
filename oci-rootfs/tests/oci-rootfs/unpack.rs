//! Layers to trees.

use std::io;
use std::path::Path;

use oci_image::blob::{BlobSinkExt, BlobSourceExt, Memory};
use oci_image::layer::{Change, Compression, Entry, Files, Limits, Reader};
use oci_image::{
    Algorithm, Config, Descriptor, Digest, Document, Manifest, MediaType, Platform, RootFs,
};
use oci_rootfs::pack::{Pack, PackOptions};
use oci_rootfs::unpack::{Devices, IdRange, OwnerXattr, Owners, apply_stream, unpack};
use oci_rootfs::{Root, UnpackError, UnpackErrorKind, UnpackOptions, XattrFilter};
use tempfile::TempDir;

use crate::tree::{Node, What, outline, tree};
use oci_testing::tar::{MTIME, Tar, diff_id, header};

/// An image of plain layers, in memory.
pub(crate) fn image(layers: &[Vec<u8>]) -> (Memory, Document<Manifest>) {
    let diff_ids = layers.iter().map(|layer| diff_id(layer)).collect();
    image_of(layers, diff_ids)
}

fn image_of(layers: &[Vec<u8>], diff_ids: Vec<Digest>) -> (Memory, Document<Manifest>) {
    let memory = Memory::new();
    let mut rootfs = RootFs::new();
    rootfs.diff_ids = diff_ids;
    let platform = Platform::host();
    let config = Document::new(Config::new(platform.architecture, platform.os, rootfs)).unwrap();
    memory.put(config.descriptor(), config.bytes()).unwrap();
    let mut manifest = Manifest::new(config.descriptor().clone());
    manifest.media_type = Some(MediaType::IMAGE_MANIFEST);
    for layer in layers {
        let blob = Descriptor::of(MediaType::LAYER_TAR, layer);
        memory.put(&blob, layer).unwrap();
        manifest.layers.push(blob);
    }
    (memory, Document::new(manifest).unwrap())
}

/// Unpacks an image of these layers exactly.
pub(crate) fn unpacked(layers: &[Vec<u8>]) -> Result<TempDir, UnpackError> {
    unpacked_with(layers, &UnpackOptions::default())
}

fn unpacked_with(layers: &[Vec<u8>], options: &UnpackOptions) -> Result<TempDir, UnpackError> {
    let directory = tempfile::tempdir().unwrap();
    let (blobs, manifest) = image(layers);
    unpack(&blobs, &manifest, directory.path().join("root"), options)?;
    Ok(directory)
}

/// As faithful as whoever runs the tests may be: directories that a layer only implies belong to root.
pub(crate) fn options() -> UnpackOptions {
    match rustix::process::geteuid().is_root() {
        true => UnpackOptions::default(),
        false => UnpackOptions::rootless(),
    }
}

/// What a tree of these layers looks like.
fn outline_of(layers: &[Vec<u8>]) -> Vec<String> {
    let directory = unpacked_with(layers, &options()).unwrap();
    outline(&directory.path().join("root"))
}

fn apply(root: &Path, layer: &[u8]) -> Result<(), UnpackError> {
    let root = Root::create(root).unwrap();
    apply_stream(layer, &root, &UnpackOptions::default()).map(drop)
}

#[test]
fn a_root_that_no_layer_describes_has_the_time_of_the_epoch() {
    let base = Tar::new().file("f", "1");
    let tops = [
        (Tar::new().file("g", "2"), 0),
        (Tar::new().file(".wh.f", ""), 0),
        (Tar::new().entry(header(b'5', "./").mtime(5)).file("g", "2"), 5),
    ];
    for (top, mtime) in tops {
        let directory = unpacked_with(&[base.clone().end(), top.end()], &options()).unwrap();
        assert_eq!(tree(&directory.path().join("root"))["."].mtime, (mtime, 0));
    }
    let directory = tempfile::tempdir().unwrap();
    apply(directory.path(), &Tar::new().entry(header(b'5', "./").mtime(5)).end()).unwrap();
    apply(directory.path(), &base.end()).unwrap();
    assert_eq!(tree(directory.path())["."].mtime, (5, 0));
}

// covers: IMG-LAYER-03
#[test]
fn gives_files_their_attributes_exactly() {
    let layer = Tar::new()
        .entry(header(b'5', "./").mode(0o711).mtime(5))
        .entry(header(b'5', "d/").mode(0o1775).mtime(7))
        .with(header(b'0', "d/suid").mode(0o6755).pax("mtime", "1.000000001"), "x")
        .entry(header(b'0', "d/read-only").mode(0o400).mtime(0))
        .entry(header(b'2', "d/link").mode(0o777).link("/outside").mtime(9))
        .entry(header(b'6', "d/pipe").mode(0o620))
        .entry(header(b'0', "d/early").pax("mtime", "-2.5"))
        .end();
    let directory = unpacked(&[layer]).unwrap();
    let tree = tree(&directory.path().join("root"));
    let node = |what, mode, mtime| Node {
        what,
        mode,
        owner: oci_testing::tar::caller(),
        mtime,
        xattrs: Default::default(),
        same_as: None,
    };
    let file = |content: &str| What::File(content.into());
    let expected = [
        (".", node(What::Directory, 0o711, (5, 0))),
        ("d", node(What::Directory, 0o1775, (7, 0))),
        ("d/suid", node(file("x"), 0o6755, (1, 1))),
        ("d/read-only", node(file(""), 0o400, (0, 0))),
        ("d/link", node(What::Symlink("/outside".into()), 0o777, (9, 0))),
        ("d/pipe", node(What::Fifo, 0o620, (MTIME as i64, 0))),
        ("d/early", node(file(""), 0o644, (-3, 500_000_000))),
    ];
    assert_eq!(tree, expected.map(|(path, node)| (path.to_owned(), node)).into());
}

// covers: IMG-MAN-13, IMG-LAYER-01, IMG-LAYER-09, IMG-LAYER-10
#[test]
fn applies_layers_in_their_order() {
    let base = Tar::new().directory("d").file("d/a", "1").file("d/b", "1").symlink("l", "d").end();
    let middle = Tar::new().file("d/a", "2").file("l", "2").end();
    let top = Tar::new().entry(header(b'5', "d").mode(0o700)).directory("l").file("d/c", "3").end();
    assert_eq!(outline_of(&[base, middle, top]), ["d/", "d/a: 2", "d/b: 1", "d/c: 3", "l/"],);
}

// covers: IMG-LAYER-08, IMG-LAYER-11, IMG-LAYER-12, IMG-LAYER-15
#[test]
fn whiteouts_act_on_lower_layers_alone_wherever_they_are_in_the_archive() {
    let base = || {
        Tar::new()
            .directory("d")
            .file("d/old", "1")
            .file("d/both", "1")
            .directory("d/sub")
            .file("d/sub/old", "1")
            .file("gone", "1")
            .symlink("link", "d")
            .end()
    };
    let whiteouts = |tar: Tar| {
        tar.file("d/.wh..wh..opq", "")
            .file(".wh.gone", "")
            .file(".wh.link", "")
            .file(".wh.none", "")
    };
    let files = |tar: Tar| tar.file("d/both", "2").file("d/sub/new", "2").file("gone", "2");
    let expected = ["d/", "d/both: 2", "d/sub/", "d/sub/new: 2", "gone: 2"];
    assert_eq!(outline_of(&[base(), whiteouts(files(Tar::new())).end()]), expected);
    assert_eq!(outline_of(&[base(), files(whiteouts(Tar::new())).end()]), expected);
}

#[test]
fn a_whiteout_of_a_directory_spares_what_its_own_layer_has_in_it() {
    let base = Tar::new().directory("d").file("d/old", "1").directory("d/e").file("d/e/old", "1");
    let top = Tar::new().file("d/e/new", "2").file(".wh.d", "");
    assert_eq!(outline_of(&[base.clone().end(), top.end()]), ["d/", "d/e/", "d/e/new: 2"]);
    let top = Tar::new().directory("d").file(".wh.d", "");
    assert_eq!(outline_of(&[base.end(), top.end()]), ["d/"]);
}

#[test]
fn what_changes_below_it_leaves_a_directory_its_time() {
    let base = Tar::new().directory("d").directory("d/e").file("d/e/f", "1").file("d/g", "1");
    let top = Tar::new().file("d/e/new", "2").file("d/.wh.g", "");
    let directory = unpacked(&[base.end(), top.end()]).unwrap();
    let tree = tree(&directory.path().join("root"));
    assert_eq!(tree["d"].mtime, (MTIME as i64, 0));
    assert_eq!(tree["d/e"].mtime, (MTIME as i64, 0));
}

/// More directories than are held until the end, with long paths: they are changed again when they have
/// their attributes already.
#[test]
fn directories_have_their_attributes_however_many_there_are() {
    let long = ["d".repeat(250).as_str(); 7].join("/");
    let leaves: Vec<_> = (0..1000).map(|number| format!("{number}/{long}/leaf")).collect();
    let made = leaves.iter().fold(Tar::new(), |tar, leaf| {
        tar.entry(header(b'5', leaf).mode(0o550).mtime(7)).file(format!("{leaf}/old"), "")
    });
    let changed = leaves.iter().fold(Tar::new(), |tar, leaf| {
        tar.file(format!("{leaf}/new"), "").file(format!("{leaf}/.wh.old"), "")
    });
    let directory = unpacked_with(&[made.end(), changed.end()], &options()).unwrap();
    let mut found = 0;
    for (path, node) in tree(&directory.path().join("root")) {
        let is_leaf = path.ends_with("leaf");
        found += usize::from(is_leaf);
        match node.what {
            What::Directory if is_leaf => assert_eq!((node.mode, node.mtime), (0o550, (7, 0))),
            What::Directory if path == "." => assert_eq!(node.mtime, (0, 0)),
            What::Directory => assert_eq!((node.mode, node.mtime), (0o755, (0, 0)), "{path}"),
            _ => assert!(path.ends_with("leaf/new"), "{path}"),
        }
    }
    assert_eq!(found, leaves.len());
}

#[test]
fn a_directory_made_by_way_of_a_link_has_its_attributes_when_the_link_is_gone() {
    let layer = Tar::new()
        .directory("real")
        .symlink("link", "real")
        .entry(header(b'5', "link/d").mode(0o711).mtime(5))
        .file("link", "1")
        .end();
    let directory = unpacked(&[layer]).unwrap();
    let tree = tree(&directory.path().join("root"));
    assert_eq!((tree["real/d"].mode, tree["real/d"].mtime), (0o711, (5, 0)));
}

#[test]
fn refuses_content_that_is_not_what_its_digests_say() {
    let directory = tempfile::tempdir().unwrap();
    let layer = Tar::new().file("f", "1").end();
    let (blobs, manifest) = image_of(std::slice::from_ref(&layer), vec![diff_id(b"other")]);
    let root = directory.path().join("root");
    let error = unpack(&blobs, &manifest, &root, &UnpackOptions::default()).unwrap_err();
    assert_eq!(error.kind(), UnpackErrorKind::Digest);
    assert!(Root::open(&root).unwrap().incomplete().unwrap().unwrap().contains("unpacking"));
    let (blobs, manifest) = image_of(&[layer], vec![]);
    let error = unpack(&blobs, &manifest, &root, &UnpackOptions::default()).unwrap_err();
    assert_eq!(error.kind(), UnpackErrorKind::Image);
}

// covers: IMG-DIG-03, IMG-DIG-09
#[test]
fn a_diff_id_is_verified_by_its_own_algorithm_or_refused() {
    let layer = Tar::new().file("f", "1").end();
    let directory = tempfile::tempdir().unwrap();
    let unpack = |name: &str, diff_id: Digest| {
        let (blobs, manifest) = image_of(std::slice::from_ref(&layer), vec![diff_id]);
        let root = directory.path().join(name);
        let rootfs = &blobs.document::<Config>(&manifest.config).unwrap().rootfs;
        let files = Files::new(&blobs, &manifest.layers, rootfs, &Limits::default());
        let unpacked = unpack(&blobs, &manifest, root, &UnpackOptions::default());
        assert_eq!(files.is_ok(), unpacked.is_ok());
        unpacked.map(drop).map_err(|error| error.kind())
    };
    for name in ["sha256", "sha384", "sha512", "blake3"] {
        let Some(algorithm) = Algorithm::from_name(name) else { continue };
        assert!(unpack(name, Digest::of(algorithm, &layer)).is_ok(), "{name}");
        let wrong = unpack(&format!("{name}-wrong"), Digest::of(algorithm, b"other"));
        assert_eq!(wrong, Err(UnpackErrorKind::Digest), "{name}");
    }
    let unknown: Digest = "unknown:0123456789abcdef".parse().unwrap();
    assert_eq!(unpack("unknown", unknown), Err(UnpackErrorKind::Digest));
}

#[test]
fn an_incomplete_tree_can_be_unpacked_again_and_another_one_not() {
    let directory = tempfile::tempdir().unwrap();
    let root = directory.path().join("root");
    let broken = Tar::new().directory("d").file("d/stale", "1").hardlink("h", "missing").end();
    let error = apply(&root, &broken).unwrap_err();
    assert_eq!(error.io_kind(), Some(io::ErrorKind::NotFound));
    let (blobs, manifest) = image(&[Tar::new().file("f", "1").end()]);
    unpack(&blobs, &manifest, &root, &UnpackOptions::default()).unwrap();
    assert_eq!(outline(&root), ["f: 1"]);
    assert_eq!(Root::open(&root).unwrap().incomplete().unwrap(), None);
    let error = unpack(&blobs, &manifest, &root, &UnpackOptions::default()).unwrap_err();
    assert_eq!(error.kind(), UnpackErrorKind::Target);
    assert_eq!(outline(&root), ["f: 1"]);
}

#[test]
fn a_layer_is_applied_to_what_is_there() {
    let directory = tempfile::tempdir().unwrap();
    apply(directory.path(), &Tar::new().file("a", "1").file("b", "1").end()).unwrap();
    apply(directory.path(), &Tar::new().file(".wh.a", "").file("c", "2").end()).unwrap();
    assert_eq!(outline(directory.path()), ["b: 1", "c: 2"]);
}

// covers: IMG-LAYER-03
#[test]
fn gives_files_owners_devices_and_extended_attributes() {
    oci_testing::needs!(root);
    let capability = b"\x01\0\0\x02\0\x04\0\0\0\0\0\0\0\0\0\0\0\0\0\0";
    let layer = Tar::new()
        .entry(header(b'5', "d").owner(1000, 1001).xattr("user.on", "directory"))
        .with(
            header(b'0', "f").mode(0o4711).owner(1, 2).xattr("security.capability", capability),
            "x",
        )
        .entry(header(b'2', "l").mode(0o777).link("f").owner(3, 4).xattr("trusted.on", "a\0b"))
        .entry(header(b'3', "c").mode(0o666).owner(5, 6).device(1, 3))
        .entry(header(b'4', "b").mode(0o660).device(7, 0xf_ffff & 0o7777))
        .entry(header(b'0', "o").xattr("trusted.overlay.opaque", "y").xattr("user.overlay.x", "y"))
        .end();
    let directory = unpacked(&[layer]).unwrap();
    let tree = tree(&directory.path().join("root"));
    let xattr = |name: &str, value: &[u8]| [(name.to_owned(), value.to_vec())].into();
    assert_eq!(tree["d"].owner, (1000, 1001));
    assert_eq!(tree["d"].xattrs, xattr("user.on", b"directory"));
    assert_eq!((tree["f"].owner, tree["f"].mode), ((1, 2), 0o4711));
    assert_eq!(tree["f"].xattrs, xattr("security.capability", capability));
    assert_eq!(tree["l"].owner, (3, 4));
    assert_eq!(tree["l"].xattrs, xattr("trusted.on", b"a\0b"));
    assert_eq!((&tree["c"].what, tree["c"].mode), (&What::CharDevice(0x103), 0o666));
    assert!(matches!(tree["b"].what, What::BlockDevice(_)));
    let names: Vec<_> = tree["o"].xattrs.keys().collect();
    assert_eq!(names, ["trusted.overlay.opaque", "user.overlay.x"]);
}

#[test]
fn attributes_of_the_host_are_left_out_unless_asked_for() {
    oci_testing::needs!(root);
    let names = ["security.selinux", "trusted.overlay.opaque", "user.overlay.x", "user.own"];
    let file = names.iter().fold(header(b'0', "f"), |file, name| file.xattr(name, "v"));
    let layer = Tar::new().entry(file).end();
    let directory = tempfile::tempdir().unwrap();
    let attributes = |root: &str, filter: &XattrFilter| {
        let root = Root::create(directory.path().join(root)).unwrap();
        let mut options = UnpackOptions::default();
        options.xattr_filter = filter.clone();
        apply_stream(&layer[..], &root, &options).unwrap();
        let there: Vec<_> = tree(root.path())["f"].xattrs.keys().cloned().collect();

        let mut options = PackOptions::new(Compression::none());
        options.xattr_filter = filter.clone();
        let (blob, _) = Pack::all(&root).write(Vec::new(), &options).unwrap();
        let mut reader = Reader::detect(&blob[..], Limits::default()).unwrap();
        let root = reader.next_change().unwrap().unwrap();
        assert!(root.path().is_root());
        let Some(Change::Upsert(entry)) = reader.next_change().unwrap() else { panic!("a file") };
        let packed: Vec<_> = entry.metadata.xattrs.into_keys().collect();
        assert_eq!(packed, there.iter().map(|name| name.as_bytes()).collect::<Vec<_>>());
        there
    };
    assert_eq!(attributes("default", &XattrFilter::default()), names[1..]);
    assert_eq!(attributes("all", &XattrFilter::none()), names);
    let filter = XattrFilter::default().let_through("security.selinux").leave_out("user.*");
    assert_eq!(attributes("some", &filter), names[..2]);
}

#[test]
fn owners_are_mapped_there_and_back() {
    oci_testing::needs!(root);
    let layer = Tar::new()
        .entry(header(b'5', "d").owner(0, 5))
        .entry(header(b'0', "f").owner(1000, 0))
        .entry(header(b'2', "l").mode(0o777).link("f").owner(65_535, 65_535))
        .end();
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("root");
    let range = |inside, outside, size| IdRange { inside, outside, size };
    let owners = Owners::Mapped {
        users: vec![range(0, 100_000, 1000), range(1000, 300_000, 64_536)],
        groups: vec![range(0, 200_000, 65_536)],
    };
    let mut options = UnpackOptions::default();
    options.owners = owners.clone();
    let (blobs, manifest) = image(std::slice::from_ref(&layer));
    unpack(&blobs, &manifest, &path, &options).unwrap();
    let tree = tree(&path);
    assert_eq!(tree["d"].owner, (100_000, 200_005));
    assert_eq!(tree["f"].owner, (300_000, 200_000));
    assert_eq!(tree["l"].owner, (364_535, 265_535));

    let mut packing = PackOptions::new(Compression::none());
    packing.owners = owners;
    let root = Root::open(&path).unwrap();
    let (blob, _) = Pack::all(&root).write(Vec::new(), &packing).unwrap();
    let again = directory.path().join("again");
    apply(&again, &blob).unwrap();
    assert_eq!(crate::tree::tree(&again)["l"].owner, (65_535, 65_535));

    let foreign = Tar::new().entry(header(b'0', "f").owner(0, 65_536)).end();
    let root = Root::create(directory.path().join("foreign")).unwrap();
    let error = apply_stream(&foreign[..], &root, &options).unwrap_err();
    assert_eq!(error.kind(), UnpackErrorKind::Entry);
}

/// Unpacks a layer as an ordinary user does, and packs it again.
fn there_and_back(layer: &[u8], unpacking: &UnpackOptions) -> (TempDir, Vec<Entry>) {
    let directory = tempfile::tempdir().unwrap();
    let root = Root::create(directory.path().join("root")).unwrap();
    apply_stream(layer, &root, unpacking).unwrap();
    let own = oci_testing::tar::caller();
    assert!(tree(root.path()).values().all(|node| node.owner == own));
    let mut options = PackOptions::new(Compression::none());
    options.owners = Owners::Caller;
    let (blob, _) = Pack::all(&root).write(Vec::new(), &options).unwrap();
    let mut reader = Reader::detect(&blob[..], Limits::default()).unwrap();
    let mut entries = Vec::new();
    while let Some(change) = reader.next_change().unwrap() {
        let Change::Upsert(entry) = change else { panic!("{change}") };
        assert!(entry.metadata.xattrs.is_empty());
        if !entry.path.is_root() {
            entries.push(entry);
        }
    }
    (directory, entries)
}

/// Without privileges all files are the caller's, and a layer of them says whose they were.
#[test]
fn owners_that_files_cannot_have_are_recorded() {
    oci_testing::needs!(user_attributes);
    let layer = Tar::new()
        .entry(header(b'5', "d").owner(0, 0))
        .entry(header(b'0', "d/f").owner(1000, 0))
        .entry(header(b'0', "d/g").owner(3, 4))
        .end();
    let (_directory, entries) = there_and_back(&layer, &UnpackOptions::rootless());
    let owner = |entry: &Entry| (entry.path.to_string(), entry.metadata.uid, entry.metadata.gid);
    let owners: Vec<_> = entries.iter().map(owner).collect();
    let expected = [("/d", 0, 0), ("/d/f", 1000, 0), ("/d/g", 3, 4)];
    assert_eq!(owners, expected.map(|(path, uid, gid)| (path.to_owned(), uid, gid)));
}

#[test]
fn owners_modes_and_devices_are_recorded_as_containers_storage_does() {
    oci_testing::needs!(user_attributes);
    let layer = Tar::new()
        .entry(header(b'5', "d").owner(0, 0).mode(0o1777))
        .entry(header(b'4', "d/disk").owner(0, 6).mode(0o660).device(8, 1))
        .with(header(b'0', "d/f").owner(1000, 5).mode(0o4711), "content")
        .entry(header(b'3', "d/null").owner(0, 0).mode(0o666).device(1, 3))
        .end();
    let mut options = UnpackOptions::rootless();
    options.owner_xattr = OwnerXattr::OverrideStat;
    options.devices = Devices::Placeholder;
    let (directory, entries) = there_and_back(&layer, &options);
    let tree = tree(&directory.path().join("root"));
    let recorded = |path: &str| tree[path].xattrs["user.containers.override_stat"].clone();
    assert_eq!(recorded("d"), b"0:0:1777:dir");
    assert_eq!(recorded("d/f"), b"1000:5:4711:file");
    assert_eq!(recorded("d/disk"), b"0:6:0660:block-8-1");
    assert_eq!(recorded("d/null"), b"0:0:0666:char-1-3");
    let mut reader = Reader::detect(&layer[..], Limits::default()).unwrap();
    let mut expected = Vec::new();
    while let Some(change) = reader.next_change().unwrap() {
        let Change::Upsert(entry) = change else { panic!("{change}") };
        expected.push(entry);
    }
    assert_eq!(entries, expected);
}

/// An image has no say in whose its files are by an attribute.
#[test]
fn attributes_of_an_image_record_no_owner() {
    oci_testing::needs!(user_attributes);
    let file =
        header(b'0', "f").owner(1, 1).xattr("user.containers.override_stat", "9:9:4755:file");
    let (_directory, entries) =
        there_and_back(&Tar::new().entry(file).end(), &UnpackOptions::rootless());
    let metadata = &entries[0].metadata;
    assert_eq!((metadata.uid, metadata.gid, metadata.mode), (1, 1, 0o644));
}
