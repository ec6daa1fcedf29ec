//! What umoci and GNU tar write is read here as they mean it, and the other way round.

use std::fs;
use std::os::unix::fs::{PermissionsExt, chown, symlink};
use std::path::{Path, PathBuf};

use oci_image::images::Images;
use oci_layout::Layout;
use oci_rootfs::{Root, UnpackOptions, unpack};
use rustix::fs::{CWD, FileType, Mode, XattrFlags};
use tempfile::TempDir;

use oci_testing::program::run;
use oci_testing::tree::differences;

const PACK: &str = env!("CARGO_BIN_EXE_oci-pack");

struct Field(TempDir);

impl Field {
    /// With a tree that has something of every kind.
    fn new() -> Self {
        let field = Self(tempfile::tempdir().unwrap());
        let at = |path: &str| field.path("tree").join(path);
        for path in ["etc/deep", "keep", "gone/in", "swap"] {
            fs::create_dir_all(at(path)).unwrap();
        }
        for path in ["etc/a", "etc/deep/b", "keep/old", "gone/in/c", "file"] {
            fs::write(at(path), path.repeat(1000)).unwrap();
        }
        fs::write(at(&"long-".repeat(40)), "long").unwrap();
        // `umoci insert` does not end its archives: one that ends in a file is cut off, to GNU tar too.
        fs::write(at("keep/z"), "").unwrap();
        symlink("etc/a", at("link")).unwrap();
        fs::hard_link(at("etc/a"), at("etc/same")).unwrap();
        for (path, kind, device) in [
            ("pipe", FileType::Fifo, 0),
            ("null", FileType::CharacterDevice, rustix::fs::makedev(1, 3)),
        ] {
            rustix::fs::mknodat(CWD, at(path), kind, Mode::RUSR, device).unwrap();
        }
        chown(at("etc/a"), Some(1000), Some(100_000)).unwrap();
        fs::set_permissions(at("etc/a"), fs::Permissions::from_mode(0o4750)).unwrap();
        fs::set_permissions(at("keep"), fs::Permissions::from_mode(0o1777)).unwrap();
        for (path, name, value) in
            [("keep", "user.on", &b"a directory"[..]), ("file", "trusted.bytes", b"\0\xff\n=")]
        {
            rustix::fs::lsetxattr(at(path), name, value, XattrFlags::empty()).unwrap();
        }
        field
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn text(&self, name: &str) -> String {
        self.path(name).to_str().unwrap().to_owned()
    }

    /// The name of an image for umoci.
    fn image(&self, tag: &str) -> String {
        format!("{}:{tag}", self.text("layout"))
    }

    fn pack(&self, tag: &str) {
        let image = format!("oci:{}", self.image(tag));
        run(PACK, &[&self.text("tree"), "--image", &image]).good();
    }

    /// Unpacks an image here and gives where to.
    fn unpack(&self, tag: &str) -> PathBuf {
        let root = self.path(&format!("{tag}-rootfs"));
        let layout = Layout::open(self.path("layout")).unwrap();
        let image = layout.image(tag).unwrap();
        unpack(&layout, image.manifest(), &root, &UnpackOptions::default()).unwrap();
        root
    }
}

/// What differs below two roots.
fn different(left: &Path, right: &Path) -> Vec<String> {
    differences(left, right).into_iter().filter(|line| !line.starts_with("\"\"")).collect()
}

/// Changes every kind of thing into another.
fn change(root: &Path) {
    let at = |path: &str| root.join(path);
    fs::remove_dir_all(at("gone")).unwrap();
    fs::remove_file(at("link")).unwrap();
    fs::create_dir(at("link")).unwrap();
    fs::write(at("link/new"), "new").unwrap();
    fs::remove_dir(at("swap")).unwrap();
    symlink("keep", at("swap")).unwrap();
    fs::write(at("etc/deep/b"), "changed").unwrap();
    fs::set_permissions(at("etc/deep"), fs::Permissions::from_mode(0o700)).unwrap();
    fs::remove_file(at("pipe")).unwrap();
    chown(at("file"), Some(7), Some(8)).unwrap();
}

#[test]
fn what_umoci_packs_and_inserts_is_unpacked_as_it_is() {
    oci_testing::needs!(root, "umoci");
    let field = Field::new();
    field.pack("base");
    let bundle = field.text("umoci");
    run("umoci", &["unpack", "--image", &field.image("base"), &bundle]).good();
    let rootfs = field.path("umoci/rootfs");
    change(&rootfs);
    run("umoci", &["repack", "--image", &field.image("repacked"), &bundle]).good();
    // umoci writes whole seconds, so its own reading is what counts.
    run("umoci", &["unpack", "--image", &field.image("repacked"), &field.text("again")]).good();
    assert_eq!(different(&field.path("again/rootfs"), &field.unpack("repacked")), [""; 0]);

    let inserted = ["insert", "--image", &field.image("repacked"), "--tag", "inserted"];
    let more = [&field.text("tree/etc"), "/srv/etc"];
    run("umoci", &[&inserted[..], &more[..]].concat()).good();
    let opaque = ["insert", "--image", &field.image("inserted"), "--opaque"];
    run("umoci", &[&opaque[..], &[&field.text("tree/keep"), "/link"]].concat()).good();
    let ours = field.unpack("inserted");
    assert!(ours.join("srv/etc/deep/b").exists() && !ours.join("link/new").exists());
    let theirs = field.text("umoci-inserted");
    run("umoci", &["unpack", "--image", &field.image("inserted"), &theirs]).good();
    // umoci gives directories that no layer speaks of the time of unpacking.
    let differ = different(&Path::new(&theirs).join("rootfs"), &ours);
    assert!(differ.iter().all(|line| line.starts_with("\"srv\":")), "{differ:?}");
}

#[test]
fn a_difference_is_unpacked_by_umoci_as_it_is() {
    oci_testing::needs!(root, "umoci");
    let field = Field::new();
    field.pack("base");
    change(&field.path("tree"));
    let [base, top] = ["base", "top"].map(|tag| format!("oci:{}", field.image(tag)));
    run(PACK, &[&field.text("tree"), "--base", &base, "--image", &top]).good();
    run("umoci", &["unpack", "--image", &field.image("top"), &field.text("umoci")]).good();
    assert_eq!(different(&field.path("tree"), &field.path("umoci/rootfs")), [""; 0]);
    assert_eq!(different(&field.path("tree"), &field.unpack("top")), [""; 0]);
}

#[test]
fn what_gnu_tar_packs_is_unpacked_as_it_is() {
    oci_testing::needs!(root, gnu_tar);
    let field = Field::new();
    for (format, exact) in [("pax", true), ("gnu", false), ("ustar", false)] {
        if format == "ustar" {
            // It has no room for so long a name.
            fs::remove_file(field.path("tree").join("long-".repeat(40))).unwrap();
        }
        let archive = field.text(format);
        let mut arguments = vec!["-C", "", "--numeric-owner", "--format", format];
        let tree = field.text("tree");
        arguments[1] = &tree;
        if exact {
            arguments.extend(["--xattrs", "--xattrs-include=*"]);
        }
        run("tar", &[&arguments[..], &["-cf", &archive, "."]].concat()).good();
        let [ours, theirs] = ["ours", "theirs"].map(|who| field.text(&format!("{format}-{who}")));
        let blob = fs::File::open(&archive).unwrap();
        let root = Root::create(&ours).unwrap();
        unpack::apply_stream(blob, &root, &UnpackOptions::default()).unwrap();
        fs::create_dir(&theirs).unwrap();
        let extract = ["--xattrs", "--xattrs-include=*", "--numeric-owner", "-xpf", &archive];
        run("tar", &[&extract[..], &["-C", &theirs]].concat()).good();
        assert_eq!(differences(Path::new(&theirs), Path::new(&ours)), [""; 0], "{format}");
        if exact {
            assert_eq!(differences(&field.path("tree"), Path::new(&ours)), [""; 0]);
        }
    }
}
