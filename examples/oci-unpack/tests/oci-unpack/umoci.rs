//! What `oci-unpack` makes of layers, beside what umoci makes of them.

use oci_image::Platform;
use oci_image::blob::BlobSinkExt;
use oci_image::build::{Builder, Layer};
use oci_image::layer::{
    Change, Compression, Device, Entry, EntryPath, Kind, Metadata, Order, Timestamp, Writer,
};
use oci_layout::Layout;

use oci_testing::program::run;
use oci_testing::tree::differences_below;

const UNPACK: &str = env!("CARGO_BIN_EXE_oci-unpack");

/// A layer in the making.
struct Changes(Writer<Vec<u8>>);

impl Changes {
    fn new() -> Self {
        Self(Writer::new(Vec::new(), &Compression::gzip()).unwrap().order(Order::Any))
    }

    fn entry(&mut self, path: impl AsRef<[u8]>, kind: Kind, metadata: Metadata) {
        let path = EntryPath::parse(path.as_ref()).unwrap();
        self.0.append(&Entry::new(path, kind, metadata).into()).unwrap();
    }

    fn file(&mut self, path: &str, content: &str, metadata: Metadata) {
        let kind = Kind::File { size: content.len() as u64 };
        let entry = Entry::new(path.parse().unwrap(), kind, metadata);
        self.0.append_file(&entry, content.as_bytes()).unwrap();
    }

    fn directory(&mut self, path: &str) {
        self.entry(path, Kind::Directory, metadata(0o755));
    }

    fn symlink(&mut self, path: &str, target: &str) {
        self.entry(path, Kind::Symlink { target: target.into() }, metadata(0o777));
    }

    fn hardlink(&mut self, path: &str, target: &str, metadata: Metadata) {
        self.entry(path, Kind::Hardlink { target: target.parse().unwrap() }, metadata);
    }

    fn whiteout(&mut self, path: &str) {
        self.0.append(&Change::Whiteout(path.parse().unwrap())).unwrap();
    }

    fn opaque(&mut self, path: &str) {
        self.0.append(&Change::Opaque(path.parse().unwrap())).unwrap();
    }

    fn store(self, layout: &Layout) -> Layer {
        let (bytes, descriptor, diff_id) = self.0.finish().unwrap();
        layout.put(&descriptor, &bytes).unwrap();
        Layer::new(descriptor, diff_id)
    }
}

fn metadata(mode: u32) -> Metadata {
    let mut metadata = Metadata::new(mode);
    metadata.mtime = Timestamp::new(1_600_000_000, 123_456_789).unwrap();
    metadata
}

fn owned(mode: u32, uid: u32, gid: u32) -> Metadata {
    let mut metadata = metadata(mode);
    (metadata.uid, metadata.gid) = (uid, gid);
    metadata
}

fn with_attribute(name: &str, value: &[u8]) -> Metadata {
    let mut metadata = metadata(0o755);
    metadata.xattrs.insert(name.into(), value.into());
    metadata
}

/// What differs between our tree and umoci's, of an image of these layers, and the size of ours.
fn compare(layers: Vec<Changes>) -> (Vec<String>, usize) {
    let directory = tempfile::tempdir().unwrap();
    let at = |name: &str| directory.path().join(name).to_str().unwrap().to_owned();
    let layout = Layout::create(at("layout")).unwrap();
    let builder = layers.into_iter().fold(Builder::new(&Platform::host()), |builder, layer| {
        builder.layer(layer.store(&layout))
    });
    layout.put_image(&builder.build().unwrap()).unwrap().tag("app").unwrap();
    let image = format!("{}:app", at("layout"));
    run(UNPACK, &["--image", &format!("oci:{image}"), &at("ours")]).good();
    run("umoci", &["unpack", "--image", &image, &at("theirs")]).good();
    let [ours, theirs] =
        ["ours", "theirs"].map(|bundle| directory.path().join(bundle).join("rootfs"));
    (differences_below(&theirs, &ours), oci_testing::tree::tree(&ours).len())
}

/// Images of the time of AUFS: umoci reads what their layers hold and leaves out what AUFS noted.
#[test]
fn umoci_passes_over_what_aufs_left_behind_too() {
    oci_testing::needs!(root, "umoci");
    use oci_testing::tar::Tar;
    let directory = tempfile::tempdir().unwrap();
    let at = |name: &str| directory.path().join(name).to_str().unwrap().to_owned();
    let layout = Layout::create(at("layout")).unwrap();
    let layer = Tar::new()
        .file(".wh..wh.aufs", "")
        .directory(".wh..wh.orph")
        .directory(".wh..wh.plnk")
        .file("a", "1")
        .end();
    let descriptor = oci_image::Descriptor::of(oci_image::MediaType::LAYER_TAR, &layer);
    layout.put(&descriptor, &layer).unwrap();
    let layer = Layer::new(descriptor, oci_testing::tar::diff_id(&layer));
    let image = Builder::new(&Platform::host()).layer(layer).build().unwrap();
    layout.put_image(&image).unwrap().tag("app").unwrap();
    let image = format!("{}:app", at("layout"));
    run(UNPACK, &["--image", &format!("oci:{image}"), &at("ours")]).good();
    run("umoci", &["unpack", "--image", &image, &at("theirs")]).good();
    let names = |bundle: &str| -> Vec<_> {
        let names = std::fs::read_dir(format!("{}/rootfs", at(bundle))).unwrap();
        names.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
    };
    assert_eq!(names("ours"), ["a"]);
    assert_eq!(names("theirs"), ["a"]);
}

/// Every type of entry, with every attribute.
fn lower() -> Changes {
    let mut lower = Changes::new();
    for path in ["etc", "usr", "usr/lib", "dev", "gone", "hidden", "hidden/below", "to-file", "bin"]
    {
        lower.directory(path);
    }
    for path in ["etc/a", "usr/lib/old", "gone/file", "gone-file", "hidden/old", "hidden/below/old"]
    {
        lower.file(path, path, metadata(0o644));
    }
    for path in ["to-file/content", "to-directory", "to-symlink", "bin/kept"] {
        lower.file(path, path, metadata(0o600));
    }
    lower.file("empty", "", metadata(0o644));
    lower.file("implied/parents/file", "1", metadata(0o644));
    lower.file("bin/set", "2", owned(0o6755, 1000, 1001));
    lower.hardlink("bin/same", "bin/set", owned(0o6755, 1000, 1001));
    lower.file("bin/note", "3", with_attribute("user.note", b"a\0b"));
    let capability = b"\x01\0\0\x02\0\x04\0\0\0\0\0\0\0\0\0\0\0\0\0\0";
    lower.file("bin/able", "4", with_attribute("security.capability", capability));
    lower.entry("dev/null", Kind::CharDevice(Device { major: 1, minor: 3 }), owned(0o666, 0, 5));
    lower.entry("dev/disk", Kind::BlockDevice(Device { major: 7, minor: 300 }), metadata(0o660));
    lower.entry("dev/pipe", Kind::Fifo, owned(0o620, 7, 8));
    lower.entry("sticky", Kind::Directory, owned(0o1777, u32::MAX - 1, 9));
    lower.entry("shut", Kind::Directory, metadata(0));
    lower.file("shut/inside", "5", metadata(0));
    lower.entry("trusted", Kind::Directory, with_attribute("trusted.note", b"x"));
    lower.symlink("lib", "usr/lib");
    lower.symlink("absolute", "/etc/a");
    lower.symlink("outside", "../../../../etc/passwd");
    lower.symlink("dangling", "nowhere");
    lower.symlink("link-gone", "etc/a");
    lower.symlink("link-to-file", "etc/a");
    lower.hardlink("same-link", "dangling", metadata(0o777));
    let long = "long/".repeat(30) + &"name".repeat(50);
    lower.symlink("long-link", &long);
    lower.file(&"n".repeat(250), "6", metadata(0o644));
    lower.entry(b"not-\xff-text", Kind::File { size: 0 }, metadata(0o644));
    let mut old = metadata(0o644);
    old.mtime = Timestamp::new(-86_400, 0).unwrap();
    lower.file("old", "7", old);
    lower
}

/// Every way of taking away and replacing what is below.
fn upper() -> Changes {
    let mut upper = Changes::new();
    for path in ["gone", "gone-file", "link-gone", "dev/disk"] {
        upper.whiteout(path);
    }
    upper.opaque("hidden");
    upper.file("hidden/new", "new", metadata(0o644));
    upper.entry("implied", Kind::Directory, metadata(0o711));
    upper.entry("implied/parents", Kind::Directory, metadata(0o700));
    upper.file("to-file", "file", metadata(0o644));
    upper.directory("to-directory");
    upper.file("to-directory/file", "file", metadata(0o644));
    upper.symlink("to-symlink", "etc");
    upper.file("link-to-file", "file", metadata(0o644));
    upper.file("dev/null", "file", metadata(0o644));
    upper.file("lib/new", "through the link", metadata(0o644));
    upper.hardlink("etc/below", "etc/a", metadata(0o644));
    upper.entry("bin", Kind::Directory, owned(0o2750, 3, 4));
    upper
}

#[test]
fn every_type_of_entry_becomes_what_umoci_makes_of_it() {
    oci_testing::needs!(root, "umoci");
    let (differ, size) = compare(vec![lower(), upper()]);
    assert_eq!(differ, [""; 0]);
    assert!(size > 40, "only {size} files");
}

#[test]
fn twenty_thousand_files_are_those_that_umoci_makes() {
    oci_testing::needs!(root, "umoci");
    const FILES: usize = 20_000;
    let mut layers = [Changes::new(), Changes::new()];
    for (number, layer) in (0..).zip(&mut layers) {
        for directory in 0..100 {
            layer.directory(&format!("{directory}"));
            for file in 0..FILES / 200 {
                let path = format!("{directory}/{number}-{file}");
                layer.file(&path, &path.repeat(file), owned(0o644, file as u32, 0));
            }
        }
    }
    for directory in 0..50 {
        layers[1].whiteout(&format!("{directory}/0-0"));
        layers[1].opaque(&format!("{}", directory + 50));
    }
    let (differ, size) = compare(layers.into());
    assert_eq!(differ, [""; 0]);
    assert_eq!(size, FILES + 101 - 50 - FILES / 4);
}

/// umoci leaves out what an overlay would take for its own; here nothing is lost.
#[test]
fn umoci_leaves_out_attributes_of_overlays_that_root_alone_may_set() {
    oci_testing::needs!(root, "umoci");
    let mut layer = Changes::new();
    for (path, name) in [("d", "trusted.overlay.opaque"), ("e", "user.overlay.redirect")] {
        layer.entry(path, Kind::Directory, with_attribute(name, b"y"));
    }
    let (differ, _) = compare(vec![layer]);
    assert!(matches!(&differ[..], [line] if line.contains("trusted.overlay.opaque")), "{differ:?}");
}

/// skopeo copies it without a look, and podman goes by the content.
#[test]
fn a_plain_layer_under_the_media_type_of_gzip_is_refused_by_umoci_too() {
    oci_testing::needs!(root, "umoci");
    let directory = tempfile::tempdir().unwrap();
    let at = |name: &str| directory.path().join(name).to_str().unwrap().to_owned();
    let layout = Layout::create(at("layout")).unwrap();
    let tar = oci_testing::tar::Tar::new().file("f", "1").end();
    let blob = oci_image::Descriptor::of(oci_image::MediaType::LAYER_TAR_GZIP, &tar);
    layout.put(&blob, &tar).unwrap();
    let layer = Layer::new(blob, oci_testing::tar::diff_id(&tar));
    let image = Builder::new(&Platform::host()).layer(layer).build().unwrap();
    layout.put_image(&image).unwrap().tag("app").unwrap();
    let image = format!("{}:app", at("layout"));
    let theirs = run("umoci", &["unpack", "--image", &image, &at("theirs")]);
    assert!(theirs.code == Some(1) && theirs.errors.contains("gzip"), "{}", theirs.errors);
    let image = format!("oci:{image}");
    let refused = run(UNPACK, &["--image", &image, &at("ours")]).bad(1);
    assert!(refused.contains("its media type says gzip"), "{refused}");
    run(UNPACK, &["--codec-by-content", "--image", &image, &at("read")]).good();
    assert_eq!(std::fs::read(at("read/rootfs/f")).unwrap(), b"1");
}
