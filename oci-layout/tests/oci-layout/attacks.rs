//! Layers and neighbours that want out of the root.

mod known_bad;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use oci_layout::unpack::apply_stream;
use oci_layout::{Root, UnpackError};
use rustix::fs::{CWD, RenameFlags, renameat_with};
use tempfile::TempDir;

use crate::tar::{Tar, header, options};
use crate::tree::{Tree, outline, tree};

/// A root with something next to it that nobody may touch.
struct Field {
    directory: TempDir,
    before: Tree,
}

impl Field {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let outside = directory.path().join("outside");
        fs::create_dir_all(outside.join("sub")).unwrap();
        fs::write(outside.join("canary"), "alive").unwrap();
        fs::write(outside.join("sub/canary"), "alive").unwrap();
        fs::create_dir(directory.path().join("root")).unwrap();
        Self { before: tree(&outside), directory }
    }

    fn root(&self) -> PathBuf {
        self.directory.path().join("root")
    }

    fn outside(&self) -> String {
        self.directory.path().join("outside").to_str().unwrap().to_owned()
    }

    fn apply(&self, layer: &[u8]) -> Result<(), UnpackError> {
        let root = Root::open(self.root()).unwrap();
        apply_stream(layer, &root, &options()).map(drop)
    }

    fn check(&self, what: &str) {
        assert_eq!(tree(Path::new(&self.outside())), self.before, "{what}");
        let names: Vec<_> = fs::read_dir(self.directory.path()).unwrap().collect();
        assert_eq!(names.len(), 2, "{what}: something is next to the root");
    }
}

/// What becomes of an attack.
enum End {
    /// The layer is refused.
    Refused,
    /// The layer is applied, within the root: the tree is this. `OUT` stands for the outside's path.
    Held(&'static [&'static str]),
    /// The layer is applied, within the root.
    Harmless,
}

// covers: IMG-LAYER-05, IMG-LAYER-10, IMG-LAYER-13
#[test]
fn no_layer_reaches_out_of_the_root() {
    use End::{Harmless, Held, Refused};
    let new = Tar::new;
    type Attack = (&'static str, fn(Tar, &str) -> Tar, End);
    let attacks: &[Attack] = &[
        ("climbing name", |tar, _| tar.file("../outside/canary", "x"), Refused),
        ("climbing in the middle", |tar, _| tar.directory("a").file("a/../../x", "x"), Refused),
        ("absolute name", |tar, out| tar.file(format!("{out}/canary"), "x"), Harmless),
        ("root as a link", |tar, out| tar.symlink("./", out), Refused),
        ("root as a file", |tar, _| tar.file(".", "x"), Refused),
        ("root as a whiteout", |tar, _| tar.file(".wh..", ""), Refused),
        ("parent as a whiteout", |tar, _| tar.file(".wh...", ""), Refused),
        ("bare whiteout", |tar, _| tar.file(".wh.", ""), Refused),
        (
            "file through an absolute link",
            |tar, out| tar.symlink("l", out).file("l/canary", "x"),
            Harmless,
        ),
        (
            "file through a climbing link",
            |tar, _| tar.symlink("l", "../../outside").file("l/canary", "x"),
            Held(&["l -> ../../outside", "outside/", "outside/canary: x"]),
        ),
        (
            "file through a chain of links",
            |tar, _| {
                let tar = tar.directory("d").symlink("d/up", "..").symlink("d/l", "up/../outside");
                tar.file("d/l/canary", "x")
            },
            Held(&["d/", "d/l -> up/../outside", "d/up -> ..", "outside/", "outside/canary: x"]),
        ),
        (
            "file over a link",
            |tar, out| tar.symlink("l", format!("{out}/canary")).file("l", "x"),
            Held(&["l: x"]),
        ),
        (
            "directory over a link, to change its mode",
            |tar, out| tar.symlink("l", out).add(header(b'5', "l/").mode(0o777)),
            Held(&["l/"]),
        ),
        (
            "hard link through a link",
            |tar, out| tar.symlink("l", out).hardlink("h", "l/canary"),
            Refused,
        ),
        (
            "hard link to a link, then written to",
            |tar, out| {
                tar.symlink("l", format!("{out}/canary"))
                    .hardlink("h", "l")
                    .file("h", "x")
                    .file("l", "y")
            },
            Held(&["h: x", "l: y"]),
        ),
        ("hard link that climbs", |tar, _| tar.hardlink("h", "../outside/canary"), Refused),
        (
            "hard link to an absolute name",
            |tar, out| tar.hardlink("h", format!("{out}/canary")),
            Refused,
        ),
        ("hard link to a directory", |tar, _| tar.directory("d").hardlink("h", "d"), Refused),
        (
            "hard link to what is missing",
            |tar, _| tar.hardlink("h", "later").file("later", ""),
            Refused,
        ),
        ("hard link to itself", |tar, _| tar.file("f", "1").hardlink("f", "f"), Held(&["f: 1"])),
        ("hard link to the root", |tar, _| tar.hardlink("h", "."), Refused),
        (
            "whiteout through a link",
            |tar, out| tar.symlink("l", out).file("l/.wh.canary", ""),
            Harmless,
        ),
        (
            "opaque through a link",
            |tar, out| tar.symlink("l", out).file("l/.wh..wh..opq", ""),
            Harmless,
        ),
        ("link that leads to itself", |tar, _| tar.symlink("l", "l").file("l/f", "x"), Refused),
        (
            "file below a file",
            |tar, _| tar.file("f", "1").file("f/g", "2"),
            Held(&["f/", "f/g: 2"]),
        ),
        (
            "file over a full directory",
            |tar, _| tar.directory("d").file("d/f", "1").file("d", "2"),
            Held(&["d: 2"]),
        ),
        (
            "directory over a pipe",
            |tar, _| tar.add(header(b'6', "p")).directory("p"),
            Held(&["p/"]),
        ),
        (
            "the mark of an incomplete tree",
            |tar, _| tar.file(".wh..oci-layout.incomplete", ""),
            Harmless,
        ),
        (
            "the process's own directory",
            |tar, _| tar.symlink("l", "/proc/self/cwd").file("l/f", ""),
            Harmless,
        ),
    ];
    for (what, attack, end) in attacks {
        let field = Field::new();
        // Whiteouts act on lower layers, so there is one, and each attack is tried in two ways.
        field.apply(&new().directory("low").file("low/f", "1").end()).unwrap();
        field.apply(&new().file(".wh.low", "").end()).unwrap();
        let result = field.apply(&attack(new(), &field.outside()).end());
        match (end, result) {
            (End::Refused, result) => {
                assert!(result.is_err(), "{what}: {:?}", outline(&field.root()))
            }
            (End::Harmless, result) => result.unwrap_or_else(|error| panic!("{what}: {error:?}")),
            (End::Held(expected), result) => {
                result.unwrap_or_else(|error| panic!("{what}: {error:?}"));
                assert_eq!(outline(&field.root()), *expected, "{what}");
            }
        }
        field.check(what);
    }
}

/// The same attacks that begin with a link, split over two layers.
#[test]
fn links_of_lower_layers_lead_nowhere_else() {
    let field = Field::new();
    let out = field.outside();
    field.apply(&Tar::new().symlink("l", &out).symlink("m", "../../outside").end()).unwrap();
    let evil = Tar::new()
        .file("l/canary", "x")
        .file("m/canary", "x")
        .file("l/.wh..wh..opq", "")
        .file("m/.wh.sub", "")
        .add(header(b'5', "l/sub").mode(0o777));
    field.apply(&evil.end()).unwrap();
    field.check("links below");
}

#[test]
fn a_deep_tree_is_removed_without_recursion_and_with_few_descriptors() {
    let field = Field::new();
    let root = Root::open(field.root()).unwrap();
    let mut path = field.root().join("deep");
    fs::create_dir(&path).unwrap();
    let mut directory =
        rustix::fs::open(&path, rustix::fs::OFlags::PATH, rustix::fs::Mode::empty()).unwrap();
    for _ in 0..3000 {
        rustix::fs::mkdirat(&directory, "d", rustix::fs::Mode::RWXU).unwrap();
        directory = rustix::fs::openat(
            &directory,
            "d",
            rustix::fs::OFlags::PATH,
            rustix::fs::Mode::empty(),
        )
        .unwrap();
    }
    drop(root);
    field.apply(&Tar::new().file(".wh.deep", "").end()).unwrap();
    path.pop();
    assert_eq!(outline(&path), [""; 0]);
}

/// Exchanges a directory and a link that leads out, again and again, while layers are applied, and
/// says whether something outside was changed.
fn race(seconds: f64, apply: impl Fn(&Field, &[u8]) -> bool) -> bool {
    let field = Field::new();
    let root = field.root();
    fs::create_dir_all(root.join("a/b/c")).unwrap();
    std::os::unix::fs::symlink(field.outside(), root.join("trap")).unwrap();
    std::os::unix::fs::symlink(field.outside(), root.join("a/trap")).unwrap();
    std::os::unix::fs::symlink("../../../outside", root.join("a/b/trap")).unwrap();
    let layers = [
        Tar::new().file("a/b/c/canary", "x").file("a/b/canary", "x").file("a/canary", "x"),
        Tar::new().file("a/b/.wh..wh..opq", "").file("a/b/c/f", "x").file("a/.wh.sub", ""),
        Tar::new().add(header(b'5', "a/b").mode(0o777)).add(header(b'5', "a/b/c").mode(0o777)),
        Tar::new().add(header(b'6', "a/b/p").mode(0o666)).hardlink("h", "a/b/canary"),
        Tar::new().file("a/b/.wh.c", "").file("a/b/.wh.canary", "").symlink("a/b/canary", "x"),
    ]
    .map(Tar::end);
    let (stop, began) = (AtomicBool::new(false), Instant::now());
    let (mut good, mut bad) = (0, 0);
    std::thread::scope(|scope| {
        for [left, right] in [["a", "trap"], ["a/b", "a/trap"], ["a/b/c", "a/b/trap"]] {
            let (root, stop) = (&root, &stop);
            scope.spawn(move || {
                let (left, right) = (root.join(left), root.join(right));
                while !stop.load(Ordering::Relaxed) {
                    // Fails where another exchange has moved it away, or the layer has removed it.
                    let _ = renameat_with(CWD, &left, CWD, &right, RenameFlags::EXCHANGE);
                }
            });
        }
        while began.elapsed() < Duration::from_secs_f64(seconds) {
            for layer in &layers {
                match apply(&field, layer) {
                    true => good += 1,
                    false => bad += 1,
                }
            }
            if tree(Path::new(&field.outside())) != field.before {
                break;
            }
            // By way of the root: a path might lead out just now.
            let _ = field.apply(&Tar::new().directory("a/b/c").end());
        }
        stop.store(true, Ordering::Relaxed);
    });
    assert!(good > 0, "no layer was applied, {bad} were not");
    tree(Path::new(&field.outside())) != field.before
}

#[test]
fn exchanged_directories_lead_no_change_out_of_the_root() {
    let seconds = std::env::var("OCI_RACE_SECONDS").ok().and_then(|text| text.parse().ok());
    assert!(!race(seconds.unwrap_or(1.0), |field, layer| field.apply(layer).is_ok()));
}

/// The race has teeth: it leads a program out that trusts in paths.
#[test]
#[ignore = "needs GNU tar and two processors"]
fn exchanged_directories_lead_a_trusting_program_out_of_the_root() {
    assert!(race(60.0, |field, layer| {
        let archive = field.directory.path().with_extension("tar");
        fs::write(&archive, layer).unwrap();
        let mut tar = std::process::Command::new("tar");
        tar.arg("-xPf").arg(&archive).arg("-C").arg(field.root());
        let output = tar.stderr(std::process::Stdio::null()).status().unwrap();
        fs::remove_file(&archive).unwrap();
        output.success()
    }));
}
