//! Layers and neighbours that want out of the root.

mod cases;
mod known_bad;
mod trusting;

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use oci_rootfs::unpack::apply_stream;
use oci_rootfs::{Resolver, Root, UnpackError};
use rustix::fs::{CWD, RenameFlags, renameat_with};
use tempfile::TempDir;

use self::cases::{End, attacks};
use crate::root::resolvers;
use crate::tree::{Tree, outline, tree};
use crate::unpack::options;
use oci_testing::tar::{Tar, header};

/// A root with something next to it that nobody may touch.
struct Field {
    directory: TempDir,
    before: Tree,
    resolver: Resolver,
}

impl Field {
    fn new() -> Self {
        Self::with(Root::open("/").unwrap().resolver())
    }

    fn with(resolver: Resolver) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let outside = directory.path().join("outside");
        fs::create_dir_all(outside.join("sub")).unwrap();
        fs::write(outside.join("canary"), "alive").unwrap();
        fs::write(outside.join("sub/canary"), "alive").unwrap();
        fs::create_dir(directory.path().join("root")).unwrap();
        Self { before: tree(&outside), directory, resolver }
    }

    fn root(&self) -> PathBuf {
        self.directory.path().join("root")
    }

    fn outside(&self) -> String {
        self.directory.path().join("outside").to_str().unwrap().to_owned()
    }

    fn apply(&self, layer: &[u8]) -> Result<(), UnpackError> {
        let root = Root::open(self.root()).unwrap().with_resolver(self.resolver);
        apply_stream(layer, &root, &options()).map(drop)
    }

    fn check(&self, what: &str) {
        assert_eq!(self.harm(), None, "{what}");
    }

    /// What was done to the outside.
    fn harm(&self) -> Option<String> {
        let outside = self.outside();
        let names = fs::read_dir(self.directory.path()).map_or(0, Iterator::count);
        if names != 2 || !self.root().symlink_metadata().is_ok_and(|root| root.is_dir()) {
            return Some("the root is gone, or something is next to it".to_owned());
        }
        let found = tree(Path::new(&outside));
        if found != self.before {
            return Some(format!("{found:?} was {:?}", self.before));
        }
        let links = Path::new(&outside).join("canary").metadata().unwrap().nlink();
        (links != 1).then(|| "the canary has another name".to_owned())
    }

    /// Whether a layer that was applied, or was not, has come to this end.
    fn ended(&self, is_applied: bool, end: &End) -> bool {
        match end {
            End::Refused => !is_applied,
            End::Harmless => is_applied,
            End::Held(expected) => is_applied && outline(&self.root()) == *expected,
        }
    }
}

// covers: IMG-LAYER-05, IMG-LAYER-10, IMG-LAYER-13
#[test]
fn no_layer_reaches_out_of_the_root() {
    let all = resolvers().into_iter().flat_map(|it| attacks().into_iter().map(move |of| (it, of)));
    for (resolver, (what, attack, end, _)) in all {
        let field = Field::with(resolver);
        // Whiteouts act on lower layers, so there is one, and each attack is tried in two ways.
        field.apply(&Tar::new().directory("low").file("low/f", "1").end()).unwrap();
        field.apply(&Tar::new().file(".wh.low", "").end()).unwrap();
        let result = field.apply(&attack(Tar::new(), &field.outside()).end());
        field.check(what);
        let ended = field.ended(result.is_ok(), &end);
        assert!(ended, "{what}: {result:?}, {:?}", outline(&field.root()));
    }
}

/// The same attacks that begin with a link, split over two layers.
#[test]
fn links_of_lower_layers_lead_nowhere_else() {
    resolvers().into_iter().for_each(lead_links_of_lower_layers_nowhere_else);
}

fn lead_links_of_lower_layers_nowhere_else(resolver: Resolver) {
    let field = Field::with(resolver);
    let out = field.outside();
    field.apply(&Tar::new().symlink("l", &out).symlink("m", "../outside").end()).unwrap();
    let evil = Tar::new()
        .file("l/canary", "x")
        .file("m/canary", "x")
        .file("l/.wh..wh..opq", "")
        .file("m/.wh.sub", "")
        .entry(header(b'5', "l/sub").mode(0o777));
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
fn race(field: &Field, seconds: f64, apply: impl Fn(&Field, &[u8]) -> bool) -> bool {
    let root = field.root();
    fs::create_dir_all(root.join("a/b/c")).unwrap();
    std::os::unix::fs::symlink(field.outside(), root.join("trap")).unwrap();
    std::os::unix::fs::symlink(field.outside(), root.join("a/trap")).unwrap();
    std::os::unix::fs::symlink("../../../outside", root.join("a/b/trap")).unwrap();
    let layers = [
        Tar::new().file("a/b/c/canary", "x").file("a/b/canary", "x").file("a/canary", "x"),
        Tar::new().file("a/b/.wh..wh..opq", "").file("a/b/c/f", "x").file("a/.wh.sub", ""),
        Tar::new().entry(header(b'5', "a/b").mode(0o777)).entry(header(b'5', "a/b/c").mode(0o777)),
        Tar::new().entry(header(b'6', "a/b/p").mode(0o666)).hardlink("h", "a/b/canary"),
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
                match apply(field, layer) {
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
    for resolver in resolvers() {
        let apply = |field: &Field, layer: &[u8]| field.apply(layer).is_ok();
        assert!(!race(&Field::with(resolver), seconds.unwrap_or(1.0), apply), "{resolver:?}");
    }
}

/// The race has teeth: it leads a program out that trusts in paths.
#[test]
fn exchanged_directories_lead_a_trusting_program_out_of_the_root() {
    oci_testing::needs!(gnu_tar, two_processors);
    assert!(race(&Field::new(), 60.0, |field, layer| {
        let archive = field.directory.path().with_extension("tar");
        fs::write(&archive, layer).unwrap();
        let mut tar = std::process::Command::new("tar");
        tar.arg("-xPf").arg(&archive).arg("-C").arg(field.root());
        let output = tar.stderr(std::process::Stdio::null()).status().unwrap();
        fs::remove_file(&archive).unwrap();
        output.success()
    }));
}
