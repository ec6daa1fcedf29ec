//! `oci-pack`.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

use oci_image::blob::BlobSinkExt;
use oci_image::build::{Builder, Layer};
use oci_image::images::Images;
use oci_image::layer::{Compression, Device, Entry, Kind, Limits, Metadata, Writer};
use oci_image::{MediaType, Platform};
use oci_layout::Layout;
use oci_rootfs::unpack::Devices;
use oci_rootfs::{UnpackOptions, unpack, unpack_bundle};
use tempfile::TempDir;

use oci_testing::mount::Mount;
use oci_testing::program::{Done, copy_program, run, run_with};
use oci_testing::tree::differences;

const PACK: &str = env!("CARGO_BIN_EXE_oci-pack");

/// A directory to pack and a layout to pack into.
struct Field(TempDir);

impl Field {
    fn new() -> Self {
        let field = Self(tempfile::tempdir().unwrap());
        let tree = field.tree();
        fs::create_dir_all(tree.join("etc/deep/er")).unwrap();
        fs::write(tree.join("etc/motd"), "welcome").unwrap();
        fs::write(tree.join("etc/deep/er/file"), vec![7; 300_000]).unwrap();
        fs::hard_link(tree.join("etc/motd"), tree.join("etc/issue")).unwrap();
        symlink("/etc/motd", tree.join("link")).unwrap();
        fs::set_permissions(tree.join("etc/deep"), fs::Permissions::from_mode(0o1700)).unwrap();
        field
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn tree(&self) -> PathBuf {
        self.path("tree")
    }

    fn name(&self, tag: &str) -> String {
        format!("oci:{}:{tag}", self.path("layout").display())
    }

    fn pack(&self, more: &[&str]) -> Done {
        run_with(Command::new(PACK).arg(self.tree()).args(more).env_remove("SOURCE_DATE_EPOCH"))
    }

    /// How many blobs there are.
    fn blobs(&self) -> usize {
        fs::read_dir(self.path("layout/blobs/sha256")).unwrap().count()
    }

    /// The media types of an image's layers.
    fn layers(&self, tag: &str) -> Vec<MediaType> {
        let layout = Layout::open(self.path("layout")).unwrap();
        let image = layout.image(tag).unwrap();
        image.documents().unwrap();
        image.manifest().layers.iter().map(|layer| layer.media_type.clone()).collect()
    }

    /// What differs between the directory and an image of it.
    fn differences(&self, tag: &str) -> Vec<String> {
        let root = self.path(&format!("{tag}-root"));
        let layout = Layout::open(self.path("layout")).unwrap();
        let image = layout.image(tag).unwrap();
        unpack(&layout, image.manifest(), &root, &UnpackOptions::default()).unwrap();
        different(&self.tree(), &root)
    }
}

/// What differs below the roots: of these themselves a layer says nothing.
fn different(left: &Path, right: &Path) -> Vec<String> {
    differences(left, right).into_iter().filter(|line| !line.starts_with("\"\"")).collect()
}

#[test]
fn sets_the_config_and_the_platform_of_the_image() {
    let field = Field::new();
    let name = field.name("v1");
    let first = ["--image", &name, "--platform", "linux/arm64", "--env", "A=b=c", "--cmd", "sh -l"];
    field.pack(&[&first[..], &["--label", "org.example.a=1", "--user", "7:8"]].concat()).good();
    let of = |tag: &str| {
        let layout = Layout::open(field.path("layout")).unwrap();
        let config = layout.image(tag).unwrap().config().unwrap();
        (config.platform().to_string(), config.value().config.clone().unwrap())
    };
    let (platform, config) = of("v1");
    assert_eq!(platform, "linux/arm64");
    assert_eq!(
        (config.env.clone(), config.cmd.clone()),
        (vec!["A=b=c".into()], vec!["sh".into(), "-l".into()])
    );
    assert_eq!(config.user.as_deref(), Some("7:8"));

    let next = field.name("v2");
    field.pack(&["--image", &next, "--base", &name, "--unset-env", "A", "--user", "9"]).good();
    let (platform, config) = of("v2");
    assert_eq!(platform, "linux/arm64");
    assert_eq!((config.env.len(), config.cmd.len()), (0, 2));
    assert_eq!(config.user.as_deref(), Some("9"));

    let wrong = field.pack(&["--image", &next, "--env", "A"]).bad(2);
    assert!(wrong.contains("NAME=VALUE"), "{wrong}");
}

#[test]
fn packs_a_directory_in_every_compression() {
    let field = Field::new();
    for (word, level, media_type) in [
        ("none", None, MediaType::LAYER_TAR),
        ("gzip", Some("1"), MediaType::LAYER_TAR_GZIP),
        ("zstd", Some("19"), MediaType::LAYER_TAR_ZSTD),
    ] {
        let name = field.name(word);
        let mut arguments = vec!["--image", &name, "--compress", word];
        arguments.extend(level.iter().flat_map(|level| ["--level", level]));
        let digest = field.pack(&arguments).good();
        let layout = Layout::open(field.path("layout")).unwrap();
        assert_eq!(layout.resolve(word).unwrap().digest.to_string(), digest.trim());
        assert_eq!(field.layers(word), [media_type]);
        assert_eq!(field.differences(word), [""; 0], "{word}");
    }
    field.pack(&["--image", &field.name("default")]).good();
    assert_eq!(field.layers("default"), [MediaType::LAYER_TAR_GZIP]);
}

/// A layer that is not compressed waits nowhere: in the end it needs the room once.
#[test]
fn a_layer_needs_its_room_once() {
    oci_testing::needs!(root);
    let field = Field::new();
    fs::write(field.tree().join("large"), vec![7; 8 << 20]).unwrap();
    let pack = |mount: &Mount| {
        let image = format!("oci:{}:app", mount.layout().display());
        let mut pack = Command::new(PACK);
        pack.arg(field.tree()).args(["--compress", "none", "--image", &image]);
        run_with(pack.env("TMPDIR", mount.path()))
    };
    pack(&Mount::tmpfs(10 << 20, 0)).good();
    let mount = Mount::tmpfs(7 << 20, 0);
    let line = pack(&mount).bad(1);
    assert!(line.contains("No space left"), "{line}");
    let layout = Layout::open(mount.layout()).unwrap();
    assert_eq!(layout.fsck().unwrap(), []);
    assert_eq!(layout.garbage().unwrap(), oci_layout::Garbage::default());
}

#[test]
fn puts_what_differs_on_a_base() {
    let field = Field::new();
    let (base, top) = (field.name("base"), field.name("top"));
    field.pack(&["--image", &base]).good();
    fs::remove_file(field.tree().join("link")).unwrap();
    fs::write(field.tree().join("etc/deep/er/more"), "new").unwrap();
    fs::set_permissions(field.tree().join("etc/motd"), fs::Permissions::from_mode(0o600)).unwrap();
    field.pack(&["--base", &base, "--image", &top]).good();
    assert_eq!(field.layers("top").len(), 2);
    assert_eq!(field.differences("top"), [""; 0]);

    let done = field.pack(&["--base", &top, "--image", &field.name("same")]);
    assert!(done.errors.contains("nothing differs"), "{}", done.errors);
    assert_eq!(done.code, Some(0));
    assert_eq!(field.layers("same").len(), 2);

    let elsewhere = format!("oci:{}:top", field.path("other").display());
    field.pack(&["--base", &base, "--image", &elsewhere]).good();
    let layout = Layout::open(field.path("other")).unwrap();
    let image = layout.image("top").unwrap();
    let root = field.path("elsewhere");
    unpack(image.source(), image.manifest(), root, &UnpackOptions::default()).unwrap();
    assert_eq!(different(&field.tree(), &field.path("elsewhere")), [""; 0]);
}

#[test]
fn a_file_that_stands_in_for_a_device_is_no_difference() {
    let field = Field::new();
    let layout = Layout::create(field.path("layout")).unwrap();
    let mut layer = Writer::new(Vec::new(), &Compression::gzip()).unwrap();
    let null = Kind::CharDevice(Device { major: 1, minor: 3 });
    let null = Entry::new("null".parse().unwrap(), null, Metadata::new(0o666));
    layer.append(&null.into()).unwrap();
    let (blob, descriptor, diff_id) = layer.finish().unwrap();
    layout.put(&descriptor, &blob).unwrap();
    let image = Builder::new(&Platform::host()).layer(Layer::new(descriptor, diff_id)).build();
    layout.put_image(&image.unwrap()).unwrap().tag("base").unwrap();
    let image = layout.image("base").unwrap();
    let (root, mut options) = (field.path("root"), UnpackOptions::rootless());
    options.devices = Devices::Placeholder;
    unpack(image.source(), image.manifest(), &root, &options).unwrap();

    let (base, same) = (field.name("base"), field.name("same"));
    let arguments = [root.to_str().unwrap(), "--rootless", "--base", &base, "--image", &same]
        .map(str::to_owned);
    let packed = |more: &[&str]| {
        let more = more.iter().map(|&argument| argument.to_owned());
        let done = run(PACK, &arguments.iter().cloned().chain(more).collect::<Vec<_>>());
        assert_eq!(done.code, Some(0), "{}", done.errors);
        let image = layout.image("same").unwrap();
        let files: Vec<_> = image.files(&Limits::default()).unwrap().list().collect();
        let paths = files.iter().map(|file| file.entry.path.to_string()).collect::<Vec<_>>();
        (done.errors.contains("nothing differs"), image.manifest().layers.len(), paths)
    };
    // With or without saying so.
    let all = ["/", "/null"].map(str::to_owned).to_vec();
    assert_eq!(packed(&["--devices", "placeholder"]), (true, 1, all.clone()));
    assert_eq!(packed(&[]), (true, 1, all.clone()));
    fs::write(root.join("more"), "").unwrap();
    assert!(packed(&[]).2.contains(&"/more".to_owned()));
    let image = layout.image("same").unwrap();
    let null = image.files(&Limits::default()).unwrap().list().nth(2).unwrap().entry;
    assert_eq!(null.to_string(), "c0666 0:0 1:3 /null");
    fs::remove_file(root.join("more")).unwrap();

    // Where the devices were skipped none is missing, unless it is said that there were placeholders.
    fs::remove_file(root.join("null")).unwrap();
    fs::File::open(&root).unwrap().set_modified(std::time::UNIX_EPOCH).unwrap();
    assert_eq!(packed(&[]), (true, 1, all));
    assert_eq!(packed(&["--devices", "placeholder"]).2, ["/"]);
}

#[test]
fn makes_the_same_image_of_the_same_files() {
    let field = Field::new();
    let pack = |tree: &Path, tag: &str| {
        let name = field.name(tag);
        let mut command = Command::new(PACK);
        command.arg(tree).args(["--image", &name]).env("SOURCE_DATE_EPOCH", "1000000000");
        run_with(&mut command).good()
    };
    let copy = Field::new();
    assert_eq!(pack(&field.tree(), "one"), pack(&copy.tree(), "two"));
    let layout = Layout::open(field.path("layout")).unwrap();
    let image = layout.image("one").unwrap();
    assert_eq!(image.config().unwrap().created.as_deref(), Some("2001-09-09T01:46:40Z"));
}

#[test]
fn says_in_one_line_what_is_wrong() {
    let field = Field::new();
    let name = field.name("app");
    let missing = field.name("missing");
    let no_tag = format!("oci:{}", field.path("layout").display());
    let usage: &[&[&str]] = &[
        &[],
        &["--image", &name, "--compress", "lzma"],
        &["--image", &name, "--level", "high"],
        &["--image", "app"],
        &["--image", &name, "more"],
    ];
    for arguments in usage {
        let line = field.pack(arguments).bad(2);
        assert!(line.starts_with("oci-pack: ") && line.ends_with("--help"), "{line}");
    }
    field.pack(&["--image", &name]).good();
    let failures: &[(&[&str], &str)] = &[
        (&["--image", &no_tag], "has no tag"),
        (&["--image", "docker://localhost/app"], "not in a layout"),
        (&["--image", &name, "--base", &missing], "cannot find `missing`"),
        (&["--image", &name, "--level", "99"], "level"),
    ];
    for (arguments, reason) in failures {
        let line = field.pack(arguments).bad(1);
        assert!(line.contains(reason), "{line}");
    }
    // Before anything is packed.
    let (before, wrong) = (field.blobs(), field.name("a b"));
    assert!(field.pack(&["--image", &wrong]).bad(1).contains("cannot use `a b` as a name"));
    assert_eq!(field.blobs(), before);
    let line = run(PACK, &["/nowhere/at/all", "--image", &name]).bad(1);
    assert!(line.contains("cannot open `/nowhere/at/all`"), "{line}");
    let done = run_with(
        Command::new(PACK).args(["/", "--image", &name]).env("SOURCE_DATE_EPOCH", "yesterday"),
    );
    assert!(done.bad(2).contains("SOURCE_DATE_EPOCH"));
}

#[test]
fn other_tools_read_what_was_packed() {
    oci_testing::needs!(root, "umoci", "skopeo");
    let field = Field::new();
    let (base, top) = (field.name("base"), field.name("top"));
    field.pack(&["--image", &base]).good();
    fs::remove_dir_all(field.tree().join("etc/deep/er")).unwrap();
    fs::remove_file(field.tree().join("link")).unwrap();
    fs::create_dir(field.tree().join("link")).unwrap();
    fs::write(field.tree().join("link/file"), "new").unwrap();
    field.pack(&["--base", &base, "--image", &top, "--compress", "none"]).good();
    let bundle = field.path("bundle");
    let image = top.strip_prefix("oci:").unwrap();
    run("umoci", &["unpack", "--image", image, bundle.to_str().unwrap()]).good();
    assert_eq!(different(&field.tree(), &bundle.join("rootfs")), [""; 0]);

    // umoci does not read zstd.
    field.pack(&["--base", &base, "--image", &top, "--compress", "zstd"]).good();
    let inspected = run("skopeo", &["inspect", &top]).good();
    assert_eq!(inspected.matches("sha256:").count(), 3, "{inspected}");
    let copy = format!("dir:{}", field.path("copy").display());
    run("skopeo", &["copy", "-q", &top, &copy]).good();
}

/// Says where the layout is, to the process that [unpacks](unpack_as_user) as another user.
const LAYOUT: &str = "OCI_PACK_TEST_LAYOUT";

/// Unpacks the image `app` to `bundle` without privileges: this test program, run again as that user.
fn unpack_as_user(field: &Field, test: &str) {
    let program = field.path("unpack");
    copy_program(std::env::current_exe().unwrap().to_str().unwrap(), &program);
    let mut command = as_user(&program);
    run_with(command.args(["--exact", test]).env(LAYOUT, field.path("layout"))).good();
}

fn as_user(program: &Path) -> Command {
    let mut command = Command::new("setpriv");
    command.args(["--reuid=12345", "--regid=12346", "--clear-groups"]).arg(program);
    command
}

#[test]
fn a_user_without_privileges_packs_what_was_unpacked_as_it_is() {
    if let Some(layout) = std::env::var_os(LAYOUT).map(PathBuf::from) {
        let bundle = layout.with_file_name("bundle");
        let layout = Layout::open(&layout).unwrap();
        let image = layout.image("app").unwrap();
        let options = UnpackOptions::rootless();
        unpack_bundle(&layout, image.manifest(), bundle, &options).unwrap();
        return;
    }
    oci_testing::needs!(root, "setpriv");
    let field = Field::new();
    let tree = field.tree();
    for (path, mode, owner) in
        [("etc/shadow", 0, 0), ("etc/tool", 0o4111, 5), ("etc/deep/er/file", 0o200, 7)]
    {
        fs::write(tree.join(path), path).unwrap();
        std::os::unix::fs::chown(tree.join(path), Some(owner), Some(owner)).unwrap();
        fs::set_permissions(tree.join(path), fs::Permissions::from_mode(mode)).unwrap();
    }
    fs::set_permissions(tree.join("etc/deep"), fs::Permissions::from_mode(0o311)).unwrap();
    field.pack(&["--image", &field.name("app")]).good();

    fs::set_permissions(field.path(""), fs::Permissions::from_mode(0o777)).unwrap();
    unpack_as_user(&field, "pack::a_user_without_privileges_packs_what_was_unpacked_as_it_is");
    copy_program(PACK, field.path("oci-pack"));
    let pack = |arguments: &[&str]| {
        let mut command = as_user(&field.path("oci-pack"));
        run_with(command.args(arguments).env_remove("SOURCE_DATE_EPOCH"))
    };
    let (rootfs, image) =
        (field.path("bundle/rootfs"), format!("oci:{}:app", field.path("own").display()));
    let arguments = [rootfs.to_str().unwrap(), "--rootless", "--image", &image];
    pack(&arguments).good();
    let done = pack(&[&arguments[..], &["--base", &image]].concat());
    assert!(done.errors.contains("nothing differs"), "{}", done.errors);
    done.good();
    let mode = |path: &str| rootfs.join(path).metadata().unwrap().permissions().mode() & 0o7777;
    assert_eq!([mode("etc/shadow"), mode("etc/tool"), mode("etc/deep")], [0, 0o4111, 0o311]);

    let layout = Layout::open(field.path("own")).unwrap();
    let again = field.path("again");
    let image = layout.image("app").unwrap();
    oci_rootfs::unpack(&layout, image.manifest(), &again, &UnpackOptions::default()).unwrap();
    assert_eq!(different(&tree, &again), [""; 0]);
}
