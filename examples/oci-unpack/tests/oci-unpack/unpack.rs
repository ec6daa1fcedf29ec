//! `oci-unpack`.

use std::fs;
use std::os::unix::fs::{PermissionsExt, chown, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

use oci_image::build::{Builder, assemble};
use oci_image::json;
use oci_image::layer::{Compression, Device, Entry, Kind, Metadata, Writer};
use oci_image::{MediaType, Platform};
use oci_layout::Layout;
use oci_rootfs::pack::Pack;
use oci_rootfs::{PackOptions, Root};
use oci_runtime::Spec;
use oci_runtime::spec::{Process, User};
use rustix::fs::{CWD, FileType, Mode, XattrFlags};
use tempfile::TempDir;

use oci_testing::program::{Done, copy_program, run, run_with};
use oci_testing::tree::differences;

const UNPACK: &str = env!("CARGO_BIN_EXE_oci-unpack");

/// A layout with the image `app`.
struct Field(TempDir);

impl Field {
    /// With a tree that any user can make.
    fn new() -> Self {
        let field = Self(tempfile::tempdir().unwrap());
        let tree = field.path("tree");
        fs::create_dir_all(tree.join("etc")).unwrap();
        fs::create_dir_all(tree.join("bin")).unwrap();
        let passwd = "root:x:0:0::/:/bin/sh\napp:x:1000:1001::/:/bin/sh\n";
        fs::write(tree.join("etc/passwd"), passwd).unwrap();
        fs::write(tree.join("etc/group"), "root:x:0:\napp:x:1001:\nmore:x:5:app\n").unwrap();
        fs::write(tree.join("bin/tool"), "tool").unwrap();
        fs::hard_link(tree.join("bin/tool"), tree.join("bin/same")).unwrap();
        symlink("/bin/tool", tree.join("link")).unwrap();
        field
    }

    /// With all that root can make, too.
    fn with_everything() -> Self {
        let field = Self::new();
        let tree = field.path("tree");
        let at = |path: &str| tree.join(path);
        for (path, kind, device) in [
            ("null", FileType::CharacterDevice, rustix::fs::makedev(1, 3)),
            ("block", FileType::BlockDevice, rustix::fs::makedev(7, 300)),
            ("pipe", FileType::Fifo, 0),
        ] {
            let mode = Mode::from_raw_mode(0o640);
            rustix::fs::mknodat(CWD, at(path), kind, mode, device).unwrap();
        }
        fs::create_dir_all(at("srv/sticky")).unwrap();
        let paths = ["bin/tool", "srv", "null", "pipe"];
        for (path, owner) in paths.iter().zip([(1000, 1001), (7, 0), (0, 8), (u32::MAX - 1, 9)]) {
            chown(at(path), Some(owner.0), Some(owner.1)).unwrap();
        }
        std::os::unix::fs::lchown(at("link"), Some(3), Some(4)).unwrap();
        for (path, mode) in [("bin/tool", 0o6711), ("srv/sticky", 0o1777), ("etc", 0o555)] {
            fs::set_permissions(at(path), fs::Permissions::from_mode(mode)).unwrap();
        }
        let capability = b"\x01\0\0\x02\0\x04\0\0\0\0\0\0\0\0\0\0\0\0\0\0";
        fs::copy(at("bin/tool"), at("bin/able")).unwrap();
        for (path, name, value) in [
            ("bin/able", "security.capability", &capability[..]),
            ("srv", "user.mime", b"text"),
            ("srv/sticky", "trusted.note", b"a\0b"),
        ] {
            rustix::fs::lsetxattr(at(path), name, value, XattrFlags::empty()).unwrap();
        }
        field
    }

    /// Makes the image, with a second layer above the tree's.
    fn store(self) -> Self {
        let layout = Layout::create(self.path("layout")).unwrap();
        let root = Root::open(self.path("tree")).unwrap();
        let options = PackOptions::new(Compression::gzip());
        let base = Pack::all(&root).store(&layout, &options).unwrap();
        fs::rename(self.path("tree/link"), self.path("tree/moved")).unwrap();
        fs::write(self.path("tree/bin/new"), "new").unwrap();
        let snapshot = tempfile::tempdir_in(self.0.path()).unwrap();
        let lower = Root::open(snapshot.path()).unwrap();
        oci_rootfs::unpack::apply_layer(
            &layout,
            &base.descriptor,
            &base.diff_id,
            &lower,
            &Default::default(),
        )
        .unwrap();
        let top = Pack::difference(&lower, &root).store(&layout, &options).unwrap();
        let image = Builder::new(&Platform::host())
            .layer(base)
            .layer(top)
            .user("app")
            .working_dir("/srv")
            .entrypoint(["/bin/tool", "-v"])
            .cmd(["all"])
            .env("PATH", "/bin")
            .env("A", "b c")
            .label("org.example", "1")
            .author("somebody")
            .build()
            .unwrap();
        layout.put_image(&image).unwrap().tag("app").unwrap();
        self
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn text(&self, name: &str) -> String {
        self.path(name).to_str().unwrap().to_owned()
    }

    fn image(&self) -> String {
        format!("oci:{}:app", self.text("layout"))
    }

    fn unpack(&self, bundle: &str, more: &[&str]) -> Done {
        let (image, bundle) = (self.image(), self.text(bundle));
        let arguments = [&["--image", &image, &bundle], more].concat();
        run(UNPACK, &arguments)
    }

    fn umoci(&self, bundle: &str) {
        let image = format!("{}:app", self.text("layout"));
        run("umoci", &["unpack", "--image", &image, &self.text(bundle)]).good();
    }
}

/// What differs below two roots.
fn different(left: &Path, right: &Path) -> Vec<String> {
    differences(left, right).into_iter().filter(|line| !line.starts_with("\"\"")).collect()
}

/// What the config of a bundle says.
fn config(bundle: &Path) -> Spec {
    json::from_slice(&fs::read(bundle.join("config.json")).unwrap()).unwrap()
}

fn user(process: &Process) -> User {
    process.user.clone().unwrap_or_default()
}

fn mode(path: &Path) -> u32 {
    path.metadata().unwrap().permissions().mode() & 0o7777
}

#[test]
fn makes_a_bundle_of_an_image() {
    let field = Field::new().store();
    field.unpack("bundle", &[]).good();
    assert_eq!(different(&field.path("tree"), &field.path("bundle/rootfs")), [""; 0]);
    let process = config(&field.path("bundle")).process.unwrap();
    assert_eq!(process.args, ["/bin/tool", "-v", "all"]);
    assert_eq!(process.cwd, "/srv");
    assert_eq!((user(&process).uid, user(&process).gid), (Some(1000), Some(1001)));
    assert!(process.env.contains(&"A=b c".to_owned()));

    assert_eq!(mode(&field.path("bundle")), 0o700);

    let line = field.unpack("bundle", &[]).bad(1);
    assert!(line.contains("is not empty"), "{line}");
    let line = run(UNPACK, &["--image", "docker://localhost/app", "bundle"]).bad(1);
    assert!(line.contains("not in a layout"), "{line}");
}

#[test]
fn says_in_one_line_what_it_is_not_told() {
    let wrong: &[&[&str]] = &[
        &[],
        &["bundle"],
        &["--image", "oci:layout:app"],
        &["--layer", "file"],
        &["--layer", "file", "--image", "oci:layout:app", "root"],
        &["--layer", "file", "--overlay", "store", "root"],
        &["--image", "oci:layout:app", "--overlay", "store", "--rootless", "bundle"],
        &["--image", "oci:layout:app", "--cat", "a", "--export", "b"],
        &["--devices", "break", "--layer", "file", "root"],
        &["--ratio", "much", "--layer", "file", "root"],
    ];
    for arguments in wrong {
        let line = run(UNPACK, arguments).bad(1);
        assert!(line.starts_with("oci-unpack: ") && line.ends_with("see oci-unpack --help"));
    }
}

#[test]
fn exports_an_image_and_prints_a_file_of_it() {
    let field = Field::new().store();
    let (image, archive) = (field.image(), field.text("all.tar"));
    let mut export = Command::new("sh");
    export.args(["-c", "umask 026; exec \"$0\" \"$@\"", UNPACK]);
    run_with(export.args(["--image", &image, "--export", &archive])).good();
    assert_eq!(mode(Path::new(&archive)), 0o640);
    let link = field.text("link");
    symlink("/dev/stdout", &link).unwrap();
    let mut pipe = Command::new("sh");
    pipe.args(["-c", "\"$0\" \"$@\" | sha256sum", UNPACK, "--image", &image, "--export", &link]);
    let [piped, whole] = [run_with(&mut pipe), run("sha256sum", &[&archive])].map(Done::good);
    assert_eq!(piped[..64], whole[..64]);
    assert!(Path::new(&link).is_symlink());
    run(UNPACK, &["--layer", &archive, &field.text("again")]).good();
    assert_eq!(different(&field.path("tree"), &field.path("again")), [""; 0]);

    let cat = |path: &str| run(UNPACK, &["--image", &image, "--cat", path]);
    assert_eq!(cat("/moved").good(), "tool");
    assert!(cat("/link").bad(1).contains("cannot reach `/link`: it does not exist"));
    assert!(cat("../etc").bad(1).contains(".."));
    run(UNPACK, &["--image", &image, "--export", "/nowhere/file"]).bad(1);
    run(UNPACK, &["--image", &image, "--export", &archive, "--cat", "x"]).bad(1);
}

#[test]
fn an_export_holds_what_umoci_unpacks() {
    oci_testing::needs!(root, gnu_tar, "umoci");
    let field = Field::with_everything().store();
    let (image, archive) = (field.image(), field.text("all.tar"));
    run(UNPACK, &["--image", &image, "--export", &archive]).good();
    field.umoci("theirs");
    fs::create_dir(field.path("tar")).unwrap();
    let options = ["--xattrs", "--xattrs-include=*", "--numeric-owner"];
    // Files of one directory stand apart if they come from different layers.
    let extract = ["--delay-directory-restore", "-xpf", &archive, "-C", &field.text("tar")];
    run("tar", &[&options[..], &extract[..]].concat()).good();
    assert_eq!(different(&field.path("theirs/rootfs"), &field.path("tar")), [""; 0]);
}

/// A layer with one file, in some compression.
fn layer(compression: &Compression) -> Vec<u8> {
    let mut writer = Writer::new(Vec::new(), compression).unwrap();
    let entry = Entry::new("file".parse().unwrap(), Kind::File { size: 5 }, own(0o640));
    writer.append_file(&entry, &b"hello"[..]).unwrap();
    writer.finish().unwrap().0
}

/// The attributes of a file of whoever runs the test.
fn own(mode: u32) -> Metadata {
    let mut metadata = Metadata::new(mode);
    metadata.uid = rustix::process::geteuid().as_raw();
    metadata.gid = rustix::process::getegid().as_raw();
    metadata
}

#[test]
fn applies_a_layer_file_of_every_compression() {
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name);
    for (name, compression) in [
        ("plain", Compression::none()),
        ("gzip", Compression::gzip()),
        ("zstd", Compression::zstd()),
    ] {
        let bytes = layer(&compression);
        fs::write(path("layer"), &bytes).unwrap();
        run(UNPACK, &["--layer".as_ref(), path("layer").as_path(), &path(name)]).good();
        assert_eq!(fs::read(path(name).join("file")).unwrap(), b"hello", "{name}");

        fs::write(path("layer"), &bytes[..bytes.len() / 4]).unwrap();
        let broken = path(&format!("broken-{name}"));
        run(UNPACK, &["--layer".as_ref(), path("layer").as_path(), &broken]).bad(1);
        assert!(Root::open(&broken).unwrap().incomplete().unwrap().is_some(), "{name}");
        fs::write(path("layer"), &bytes).unwrap();
        run(UNPACK, &["--layer".as_ref(), path("layer").as_path(), &broken]).good();
        assert_eq!(different(&broken, &path(name)), [""; 0]);
    }
    let missing = path("no/root");
    let line = run(UNPACK, &["--layer".as_ref(), path("layer").as_path(), &missing]).bad(1);
    assert!(line.contains("no/root` as a root: No such file"), "{line}");
}

#[test]
fn makes_the_same_tree_as_umoci_and_a_config_that_means_the_same() {
    oci_testing::needs!(root, "umoci");
    let field = Field::with_everything().store();
    field.unpack("ours", &[]).good();
    field.umoci("theirs");
    assert_eq!(different(&field.path("theirs/rootfs"), &field.path("ours/rootfs")), [""; 0]);

    let [ours, theirs] = ["ours", "theirs"].map(|bundle| config(&field.path(bundle)));
    assert_eq!(ours.root.unwrap().path, theirs.root.unwrap().path);
    for (key, value) in &ours.annotations {
        assert_eq!(Some(value), theirs.annotations.get(key), "{key}");
    }
    let [ours, theirs] = [ours.process.unwrap(), theirs.process.unwrap()];
    assert!(ours.env.iter().all(|variable| theirs.env.contains(variable)), "{:?}", ours.env);
    let [our_user, their_user] = [user(&ours), user(&theirs)];
    assert_eq!((ours.args, ours.cwd), (theirs.args, theirs.cwd));
    assert_eq!((our_user.uid, our_user.gid), (their_user.uid, their_user.gid));
    // The user's own group may be among them or not.
    let gids = |gids: Vec<u32>| gids.into_iter().filter(|gid| *gid != 1001).collect::<Vec<_>>();
    assert_eq!(gids(our_user.additional_gids), gids(their_user.additional_gids));
}

#[test]
fn makes_the_same_tree_as_umoci_for_a_user_without_privileges() {
    oci_testing::needs!(root, "umoci", "setpriv");
    let field = Field::with_everything().store();
    // The program and the layout must be within reach of anyone.
    copy_program(UNPACK, field.path("oci-unpack"));
    fs::set_permissions(field.0.path(), fs::Permissions::from_mode(0o777)).unwrap();
    run("chmod", &["-R", "a+rX", &field.text("layout")]).good();
    let as_user = |program: &str, arguments: &[&str]| {
        let mut command = Command::new("setpriv");
        command.args(["--reuid=12345", "--regid=12346", "--clear-groups", program]);
        run_with(command.args(arguments).env("HOME", field.0.path()))
    };
    let (image, name) = (field.image(), format!("{}:app", field.text("layout")));
    let [ours, theirs, bare] = ["ours", "theirs", "bare"].map(|bundle| field.text(bundle));
    let program = field.text("oci-unpack");
    let arguments = ["--rootless", "--devices", "placeholder", "--image", &image, &ours];
    as_user(&program, &arguments).good();
    as_user("umoci", &["unpack", "--rootless", "--image", &name, &theirs]).good();
    let [our_root, their_root] = [&ours, &theirs].map(|bundle| Path::new(bundle).join("rootfs"));
    // umoci leaves the attributes out that need privileges without saying so, and so does this.
    assert_eq!(different(&their_root, &our_root), [""; 0]);
    let attribute = |path: &str| {
        let mut value = [0; 64];
        let name = "user.rootlesscontainers";
        let length = rustix::fs::lgetxattr(our_root.join(path), name, &mut value[..]).unwrap();
        value[..length].to_vec()
    };
    assert_eq!(attribute("bin/tool"), b"\x08\xe8\x07\x10\xe9\x07");
    assert_eq!(attribute("srv"), b"\x08\x07\x10\xff\xff\xff\xff\x0f");
    assert!(our_root.join("null").metadata().unwrap().is_file());
    let [our_linux, their_linux] =
        [&ours, &theirs].map(|bundle| config(Path::new(bundle)).linux.unwrap());
    assert_eq!(our_linux.uid_mappings, their_linux.uid_mappings);
    assert_eq!(our_linux.gid_mappings, their_linux.gid_mappings);

    as_user(&program, &["--rootless", "--image", &image, &bare]).good();
    assert!(!Path::new(&bare).join("rootfs/null").exists());
    let made = field.text("made");
    let arguments = ["--rootless", "--devices", "make", "--image", &image, &made];
    let line = as_user(&program, &arguments).bad(1);
    assert!(line.contains("create the device"), "{line}");
}

#[test]
fn mounts_layers_that_images_share() {
    oci_testing::needs!(root);
    let field = Field::with_everything().store();
    let store = field.text("store");
    for bundle in ["one", "two"] {
        field.unpack(bundle, &["--overlay", &store]).good();
    }
    let again = field.unpack("one", &["--overlay", &store]);
    let mounted = field.path("one/rootfs");
    let differ = different(&field.path("tree"), &mounted);
    fs::write(mounted.join("changed"), "1").unwrap();
    let changed = [field.path("one/upper/changed"), field.path("two/rootfs/changed")];
    let exist = changed.map(|path| path.exists());
    let config = config(&field.path("one"));
    for bundle in ["one", "two"] {
        run("umount", &["-l".as_ref(), field.path(bundle).join("rootfs").as_path()]).good();
    }
    assert!(again.bad(1).contains("already"));
    assert_eq!(mode(&field.path("one")), 0o700);
    assert_eq!(differ, [""; 0]);
    assert_eq!(exist, [true, false]);
    assert_eq!(user(&config.process.unwrap()).uid, Some(1000));
    assert_eq!(fs::read_dir(field.path("store/trusted")).unwrap().count(), 2);
}

#[test]
fn a_device_is_an_error_for_who_cannot_make_it_unless_it_is_left_out() {
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name).to_str().unwrap().to_owned();
    let mut writer = Writer::new(Vec::new(), &Compression::none()).unwrap();
    let kind = Kind::CharDevice(Device { major: 1, minor: 3 });
    let metadata = own(0o666);
    writer.append(&Entry::new("null".parse().unwrap(), kind, metadata).into()).unwrap();
    let (bytes, descriptor, _) = writer.finish().unwrap();
    assert_eq!(descriptor.media_type, MediaType::LAYER_TAR);
    fs::write(path("layer"), bytes).unwrap();
    let unpack = |what: &str, root: &str| {
        run(UNPACK, &["--layer", &path("layer"), "--devices", what, &path(root)])
    };
    let done = unpack("skip", "skipped");
    assert!(done.errors.contains(", 1 device left out"), "{}", done.errors);
    done.good();
    assert!(!directory.path().join("skipped/null").exists());
    unpack("placeholder", "placed").good();
    assert!(directory.path().join("placed/null").metadata().unwrap().is_file());
    if own(0).uid != 0 {
        unpack("make", "made").bad(1);
    }
}

#[test]
fn takes_the_image_for_the_platform_that_is_asked_for() {
    let directory = tempfile::tempdir().unwrap();
    let at = |name: &str| directory.path().join(name).to_str().unwrap().to_owned();
    let layout = Layout::create(at("layout")).unwrap();
    let platforms = ["linux/arm64", "linux/riscv64"];
    let images = platforms.map(|platform| {
        let image = Builder::new(&platform.parse().unwrap()).cmd([platform]).build().unwrap();
        layout.put_image(&image).unwrap().descriptor().clone()
    });
    let index: oci_image::Document<oci_image::Index> = assemble(images).unwrap();
    layout.put_document(&index.into()).unwrap().tag("app").unwrap();
    let image = format!("oci:{}:app", at("layout"));
    for (platform, bundle) in platforms.into_iter().zip(["one", "two"]) {
        run(UNPACK, &["--platform", platform, "--image", &image, &at(bundle)]).good();
        assert_eq!(config(Path::new(&at(bundle))).process.unwrap().args, [platform]);
    }
    let missing = run(UNPACK, &["--platform", "linux/s390x", "--image", &image, &at("three")]);
    assert!(missing.bad(1).contains("linux/s390x"));
}
