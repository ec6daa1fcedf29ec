//! Upper directories of overlays that hold only a part of what was changed, as `metacopy`,
//! `redirect_dir` and `index` make them. The oracle is what the kernel shows.

use std::fs;
use std::os::unix::fs::{FileExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use oci_image::layer::{Change, Compression, Kind, Limits, Reader};
use oci_rootfs::Root;
use oci_rootfs::pack::{Pack, PackError, PackErrorKind, PackOptions};
use oci_rootfs::unpack::apply_stream;
use rustix::fs::{CWD, FileType, Mode, XattrFlags, lgetxattr, llistxattr, lremovexattr, lsetxattr};
use tempfile::TempDir;

use super::{Mounted, without_root};
use crate::tree::{Tree, What, tree};

/// What changes a tree.
type Step = fn(&Path);

/// A tree that is changed in overlays, each above all before it.
struct Tower {
    directory: TempDir,
    /// The directories, the base first.
    floors: Vec<PathBuf>,
}

impl Tower {
    fn new(base: impl FnOnce(&Path)) -> Self {
        let mut tower = Self { directory: oci_testing::directory(), floors: Vec::new() };
        let floor = tower.floor();
        base(&floor);
        tower.floors.push(floor);
        tower
    }

    fn path(&self, name: &str) -> PathBuf {
        let path = self.directory.path().join(name);
        fs::create_dir_all(&path).unwrap();
        path
    }

    fn floor(&self) -> PathBuf {
        self.path(&format!("floor{}", self.floors.len()))
    }

    /// Changes the tree in an overlay, and gives what that showed in the end.
    fn raise(&mut self, options: &str, change: impl FnOnce(&Path)) -> Tree {
        let [merged, upper] = [self.path("merged"), self.floor()];
        let work = self.path(&format!("work{}", self.floors.len()));
        fs::set_permissions(&upper, fs::metadata(self.top()).unwrap().permissions()).unwrap();
        let lower: Vec<_> = self.floors.iter().rev().map(|path| path.to_str().unwrap()).collect();
        let options = format!(
            "{options},lowerdir={},upperdir={},workdir={}",
            lower.join(":"),
            upper.display(),
            work.display()
        );
        let mounted = Mounted::new(&merged, &options);
        change(&merged);
        drop(mounted);
        // What is shown is looked at anew: an overlay that is mounted has things in memory.
        let mounted = Mounted::new(&merged, &options);
        let shown = tree(&merged);
        drop(mounted);
        self.floors.push(upper);
        without_root(shown)
    }

    fn top(&self) -> &Path {
        self.floors.last().unwrap()
    }

    /// The layer of the upper directory at the top.
    fn pack(&self) -> Result<Vec<u8>, PackError> {
        let (top, below) = self.floors.split_last().unwrap();
        let lower: Vec<_> = below.iter().rev().map(|path| Root::open(path).unwrap()).collect();
        pack(top, &lower)
    }

    /// What the layer of each upper directory makes of the base.
    fn flat(&self) -> Tree {
        let flat = self.directory.path().join("flat");
        let root = Root::create(&flat).unwrap();
        let base = Root::open(&self.floors[0]).unwrap();
        apply(&root, &Pack::all(&base).write(Vec::new(), &options()).unwrap().0);
        for count in 2..=self.floors.len() {
            let directory = oci_testing::directory();
            let tower = Self { directory, floors: self.floors[..count].to_vec() };
            apply(&root, &tower.pack().unwrap());
        }
        let found = without_root(tree(&flat));
        fs::remove_dir_all(&flat).unwrap();
        found
    }
}

/// Shows only what differs.
fn assert_same(made: &Tree, shown: &Tree, what: &str) {
    let differs = |path: &&String| made.get(*path) != shown.get(*path);
    if let Some(path) = made.keys().chain(shown.keys()).find(differs) {
        panic!("{what}: {path} is {:?}, not {:?}", made.get(path), shown.get(path));
    }
}

fn options() -> PackOptions {
    PackOptions::new(Compression::none())
}

fn apply(root: &Root, layer: &[u8]) {
    apply_stream(layer, root, &oci_rootfs::UnpackOptions::default()).unwrap();
}

fn pack(upper: &Path, lower: &[Root]) -> Result<Vec<u8>, PackError> {
    let upper = Root::open(upper).unwrap();
    Ok(Pack::overlay(&upper, lower).write(Vec::new(), &options())?.0)
}

/// The changes of a layer, but that of the root.
fn lines(layer: &[u8]) -> Vec<String> {
    let mut reader = Reader::detect(layer, Limits::default()).unwrap();
    let mut lines = Vec::new();
    while let Some(change) = reader.next_change().unwrap() {
        let sign = match &change {
            Change::Whiteout(_) => '-',
            Change::Opaque(_) => '!',
            Change::Upsert(entry) if matches!(entry.kind, Kind::Hardlink { .. }) => '=',
            Change::Upsert(_) => '+',
        };
        lines.push(format!("{sign} {}", change.path()));
    }
    lines.retain(|line| line != "+ /");
    lines
}

fn mode(path: PathBuf, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

fn base(root: &Path) {
    for path in ["sub/deep/er", "old/in", "other"] {
        fs::create_dir_all(root.join(path)).unwrap();
    }
    mode(root.join("sub/deep"), 0o710);
    for (path, content) in [
        ("big", "the content of it"),
        ("sub/other", "one"),
        ("sub/deep/f", "two"),
        ("sub/deep/g", "three"),
        ("sub/deep/er/h", "four"),
        ("old/in/i", "five"),
        ("old/j", "six"),
        ("linked", "of three names"),
    ] {
        fs::write(root.join(path), content).unwrap();
    }
    fs::hard_link(root.join("linked"), root.join("sub/linked")).unwrap();
    fs::hard_link(root.join("linked"), root.join("other/linked")).unwrap();
    symlink("deep", root.join("sub/link")).unwrap();
    rustix::fs::mknodat(CWD, root.join("sub/pipe"), FileType::Fifo, Mode::RUSR, 0).unwrap();
    lsetxattr(root.join("sub/deep/g"), "user.a", b"b", XattrFlags::empty()).unwrap();
}

fn rename(root: &Path, from: &str, to: &str) {
    fs::rename(root.join(from), root.join(to)).unwrap();
}

/// Changes that leave a part of what they make below.
const CHANGES: [(&str, Step); 21] = [
    ("attributes alone", |root| mode(root.join("big"), 0o600)),
    ("a file moved", |root| rename(root, "sub/other", "moved")),
    ("a file called otherwise", |root| rename(root, "big", "bigger")),
    ("owner and attributes", |root| {
        std::os::unix::fs::chown(root.join("big"), Some(1), Some(2)).unwrap();
        lsetxattr(root.join("big"), "user.x", b"y", XattrFlags::empty()).unwrap();
    }),
    ("a directory called otherwise", |root| rename(root, "sub", "name")),
    ("a directory moved", |root| rename(root, "sub/deep", "other/deep")),
    ("moved and changed", |root| {
        rename(root, "sub/deep", "other/deep");
        fs::remove_file(root.join("other/deep/f")).unwrap();
        fs::write(root.join("other/deep/new"), "new").unwrap();
        mode(root.join("other/deep/g"), 0o640);
        rename(root, "other/deep/er/h", "other/deep/h");
    }),
    ("changed and moved", |root| {
        mode(root.join("sub/deep/g"), 0o640);
        fs::remove_file(root.join("sub/deep/f")).unwrap();
        rename(root, "sub", "other/sub");
    }),
    ("moved twice", |root| {
        rename(root, "sub/deep/er", "er");
        rename(root, "sub/deep", "er/deep");
        rename(root, "er", "other/last");
    }),
    ("moved to where another was", |root| {
        fs::remove_dir_all(root.join("old")).unwrap();
        rename(root, "sub", "old");
    }),
    ("moved to where another still is below", |root| {
        rename(root, "old", "older");
        rename(root, "sub", "old");
        rename(root, "older", "sub");
    }),
    ("moved and back", |root| {
        rename(root, "sub", "x");
        fs::remove_file(root.join("x/deep/g")).unwrap();
        rename(root, "x", "sub");
    }),
    ("a new one in its place", |root| {
        rename(root, "sub", "x");
        fs::create_dir(root.join("sub")).unwrap();
        fs::write(root.join("sub/other"), "new").unwrap();
    }),
    ("one more name", |root| {
        mode(root.join("big"), 0o604);
        fs::hard_link(root.join("big"), root.join("other/big")).unwrap();
    }),
    ("content of a file of several names", |root| {
        fs::write(root.join("sub/linked"), "changed").unwrap();
    }),
    ("mode of a file of several names", |root| mode(root.join("other/linked"), 0o666)),
    ("names moved", |root| {
        rename(root, "other/linked", "other/name");
        rename(root, "sub", "other/sub");
    }),
    ("a name changed, one removed, one added", |root| {
        fs::write(root.join("linked"), "changed").unwrap();
        fs::remove_file(root.join("sub/linked")).unwrap();
        fs::hard_link(root.join("linked"), root.join("added")).unwrap();
    }),
    ("made anew", |root| {
        fs::remove_dir_all(root.join("old")).unwrap();
        fs::create_dir_all(root.join("old/in")).unwrap();
        fs::write(root.join("old/in/i"), "new").unwrap();
    }),
    ("a file in the place of a directory, a directory in that of a file", |root| {
        fs::remove_dir_all(root.join("old")).unwrap();
        rename(root, "big", "old");
        rename(root, "sub", "big");
    }),
    ("a part of the content", |root| {
        mode(root.join("big"), 0o600);
        let file = fs::File::options().write(true).open(root.join("big")).unwrap();
        file.write_at(b"THE", 0).unwrap();
        file.set_len(5).unwrap();
    }),
];

const ALL: [&str; 4] = [
    "metacopy=on,redirect_dir=on,index=on",
    "metacopy=on,redirect_dir=on,index=off",
    "metacopy=off,redirect_dir=on,index=on",
    "metacopy=off,redirect_dir=nofollow,index=off",
];

/// What a mount does not allow changes nothing: a directory that is below cannot be moved without
/// `redirect_dir`.
fn try_to(change: Step, root: &Path) {
    let hook = std::panic::take_hook();
    std::panic::set_hook(Box::new(|_| {}));
    let _ = std::panic::catch_unwind(|| change(root));
    std::panic::set_hook(hook);
}

#[test]
fn a_layer_has_all_that_the_overlay_showed() {
    oci_testing::needs!(root);
    for options in ALL {
        for (what, change) in CHANGES {
            let mut tower = Tower::new(base);
            let shown = tower.raise(options, |root| match options.contains("redirect_dir=on") {
                true => change(root),
                false => try_to(change, root),
            });
            assert_same(&tower.flat(), &shown, &format!("{what}, {options}"));
        }
    }
}

#[test]
fn layers_have_all_that_overlays_above_overlays_showed() {
    oci_testing::needs!(root);
    // Redirects that lead through layers with redirects of their own, data three layers below.
    let towers: [&[Step]; 5] = [
        &[|root| {
            fs::remove_file(root.join("linked")).unwrap();
            fs::remove_file(root.join("sub/linked")).unwrap();
        }],
        &[
            |root| rename(root, "sub", "a"),
            |root| rename(root, "a/deep", "deep"),
            |root| rename(root, "deep", "old/deep"),
            |root| rename(root, "old", "end"),
        ],
        &[
            |root| mode(root.join("big"), 0o600),
            |root| rename(root, "big", "other/big"),
            |root| mode(root.join("other/big"), 0o640),
            |root| rename(root, "other", "sub/other2"),
            |root| rename(root, "sub/other2/big", "big"),
        ],
        &[
            |root| rename(root, "sub/deep", "x"),
            |root| fs::write(root.join("x/f"), "new").unwrap(),
            |root| fs::remove_dir_all(root.join("x/er")).unwrap(),
            |root| rename(root, "x", "sub/deep"),
            |root| mode(root.join("sub/deep/g"), 0o604),
        ],
        &[
            |root| rename(root, "sub", "old/sub"),
            |root| fs::create_dir(root.join("sub")).unwrap(),
            |root| rename(root, "old/sub/deep", "sub/deep"),
            |root| rename(root, "old", "sub/old"),
            |root| mode(root.join("sub/old/sub/other"), 0o600),
        ],
    ];
    for (number, steps) in towers.iter().enumerate() {
        let mut tower = Tower::new(base);
        for step in *steps {
            let shown = tower.raise("metacopy=on,redirect_dir=on,index=off", step);
            assert_same(&tower.flat(), &shown, &format!("{number}, floor {}", tower.floors.len()));
        }
    }
}

/// Numbers that look random and are the same each time.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, limit: usize) -> usize {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % limit
    }
}

/// Changes something, if that is possible.
fn stir(root: &Path, numbers: &mut Numbers) {
    let paths: Vec<PathBuf> = tree(root).into_keys().map(|path| root.join(path)).collect();
    let path = &paths[numbers.below(paths.len())];
    let directories: Vec<_> =
        paths.iter().filter(|path| path.is_dir() && !path.is_symlink()).collect();
    let name = ["big", "sub", "deep", "old", "x", "y"][numbers.below(6)];
    let to = directories[numbers.below(directories.len())].join(name);
    let is_file = path.is_file() && !path.is_symlink();
    let _ = match numbers.below(8) {
        0..=2 => fs::rename(path, to),
        3 if !path.is_symlink() => {
            fs::set_permissions(path, fs::Permissions::from_mode(0o700 + numbers.below(64) as u32))
        }
        4 if is_file => fs::write(path, format!("content {}", numbers.below(1000))),
        5 => fs::hard_link(path, to),
        6 if path != root => fs::remove_file(path).or_else(|_| fs::remove_dir_all(path)),
        _ => fs::create_dir(&to),
    };
}

#[test]
fn layers_have_all_that_was_changed_in_any_way() {
    oci_testing::needs!(root);
    for seed in 0..24 {
        let mut numbers = Numbers(seed);
        // An index of one overlay does not reach through another.
        let options = ALL[[1, 1, 1, 3][seed as usize % 4]];
        let mut tower = Tower::new(base);
        for _ in 0..3 {
            let shown = tower.raise(options, |root| {
                (0..10).for_each(|_| stir(root, &mut numbers));
            });
            assert_same(&tower.flat(), &shown, &format!("{seed}, floor {}", tower.floors.len()));
        }
        let mut tower = Tower::new(base);
        let shown = tower.raise(ALL[seed as usize % 4], |root| {
            (0..20).for_each(|_| stir(root, &mut numbers));
        });
        // What only the index has cannot be packed.
        if tower.pack().is_err_and(|error| error.to_string().contains("index=off")) {
            continue;
        }
        assert_same(&tower.flat(), &shown, &format!("seed {seed}"));
    }
}

/// Gives attributes of overlays the names that they have in one mounted with `userxattr`.
fn as_of_users(root: &Path) {
    for path in tree(root).into_keys().map(|path| root.join(path)) {
        for name in names(&path).iter().filter(|name| name.starts_with("trusted.overlay.")) {
            let mut value = vec![0; 1 << 12];
            let length = lgetxattr(&path, name, &mut value[..]).unwrap();
            let new = name.replace("trusted.", "user.");
            // Only files and directories can have them.
            let _ = lsetxattr(&path, new, &value[..length], XattrFlags::empty());
            lremovexattr(&path, name).unwrap();
        }
    }
}

fn names(path: &Path) -> Vec<String> {
    let mut names = vec![0; 1 << 12];
    let length = llistxattr(path, &mut names[..]).unwrap();
    let names = names[..length].split(|byte| *byte == 0).filter(|name| !name.is_empty());
    names.map(|name| String::from_utf8_lossy(name).into_owned()).collect()
}

#[test]
fn attributes_of_users_mean_the_same() {
    oci_testing::needs!(root);
    for (what, change) in CHANGES {
        let mut tower = Tower::new(base);
        tower.raise(ALL[0], change);
        let trusted = tower.pack().unwrap();
        as_of_users(tower.top());
        assert_eq!(lines(&tower.pack().unwrap()), lines(&trusted), "{what}");
    }
}

/// What a user gave a file by a name that means something to other overlays alone is the file's.
#[test]
fn attributes_of_the_other_kind_are_the_files_own() {
    oci_testing::needs!(root);
    let mut tower = Tower::new(base);
    tower.raise(ALL[0], |root| {
        mode(root.join("big"), 0o600);
        fs::create_dir(root.join("sub/new")).unwrap();
        for (name, value) in [("user.overlay.opaque", "y"), ("user.overlay.redirect", "/old")] {
            lsetxattr(root.join("sub"), name, value.as_bytes(), XattrFlags::empty()).unwrap();
        }
    });
    let expected = ["+ /big", "+ /sub", "+ /sub/new", "! /sub/new"];
    assert_eq!(lines(&tower.pack().unwrap()), expected);
}

/// The other names show what the removed one was changed to, which neither directory has.
#[test]
fn what_only_the_index_has_is_refused() {
    oci_testing::needs!(root);
    let mut tower = Tower::new(base);
    let shown = tower.raise(ALL[0], |root| {
        fs::write(root.join("sub/linked"), "changed").unwrap();
        fs::remove_file(root.join("sub/linked")).unwrap();
    });
    assert_eq!(shown["linked"].what, What::File(b"changed".into()));
    let error = tower.pack().unwrap_err();
    assert_eq!(error.kind(), PackErrorKind::Entry);
    assert!(error.to_string().contains("mount it with `index=off`"), "{error}");
    let error = pack(tower.top(), &[]).unwrap_err().to_string();
    assert!(error.ends_with("give the lower directories to `Pack::overlay`"), "{error}");
}

#[test]
fn what_is_not_whole_without_the_lower_directories_is_refused_without_them() {
    oci_testing::needs!(root);
    let parts: [(&str, Step); 4] = [
        ("`/big`: its attribute `trusted.overlay.metacopy`", |root| mode(root.join("big"), 0o600)),
        ("`/moved`: its attribute `trusted.overlay.metacopy`", |root| {
            rename(root, "sub/other", "moved");
        }),
        ("`/x`: its attribute `trusted.overlay.redirect`", |root| rename(root, "sub", "x")),
        ("`/sub/linked`: its attribute `trusted.overlay.nlink`", |root| {
            fs::write(root.join("sub/linked"), "x").unwrap();
        }),
    ];
    for (expected, change) in parts {
        let mut tower = Tower::new(base);
        tower.raise(ALL[usize::from(!expected.contains("nlink"))], change);
        let error = pack(tower.top(), &[]).unwrap_err();
        assert_eq!(error.kind(), PackErrorKind::Entry);
        let text = error.to_string();
        assert!(text.starts_with(&format!("cannot pack {expected}")), "{text}");
        assert!(text.ends_with("give the lower directories to `Pack::overlay`"), "{text}");

        // Other directories than those that it lay above.
        let other = Tower::new(|root| fs::write(root.join("big"), "another size").unwrap());
        let error = pack(tower.top(), &[Root::open(other.top()).unwrap()]);
        match expected.contains("nlink") {
            true => assert!(error.is_ok()),
            false => assert!(error.unwrap_err().to_string().contains("was mounted with")),
        }
    }
}

/// Whoever packs an upper directory as if it were a tree would get zeros, or half of a directory.
#[test]
fn a_part_of_an_overlay_is_not_packed_as_a_whole_tree() {
    oci_testing::needs!(root);
    let parts: [Step; 2] = [|root| mode(root.join("big"), 0o600), |root| rename(root, "sub", "x")];
    for change in parts {
        for is_trusted in [true, false] {
            let mut tower = Tower::new(base);
            tower.raise(ALL[0], change);
            if !is_trusted {
                as_of_users(tower.top());
            }
            let [lower, upper] = [0, 1].map(|index| Root::open(&tower.floors[index]).unwrap());
            for pack in [Pack::all(&upper), Pack::difference(&lower, &upper)] {
                let error = pack.write(Vec::new(), &options()).unwrap_err();
                assert_eq!(error.kind(), PackErrorKind::Entry);
                let text = error.to_string();
                assert!(text.ends_with("pack the upper directory by `Pack::overlay`"), "{text}");
            }
        }
    }
}

#[test]
fn what_an_overlay_notes_of_itself_is_in_no_layer() {
    oci_testing::needs!(root);
    for prefix in ["trusted.overlay.", "user.overlay."] {
        let tower = Tower::new(|root| {
            fs::create_dir(root.join("d")).unwrap();
            fs::write(root.join("d/f"), "1").unwrap();
            for name in ["origin", "impure", "upper", "protattr", "uuid", "nlink"] {
                for path in ["d", "d/f"] {
                    let name = format!("{prefix}{name}");
                    lsetxattr(root.join(path), name, b"U+0", XattrFlags::empty()).unwrap();
                }
            }
            // Linux 6.8: an empty file that is a whiteout, in a directory that says so.
            fs::write(root.join("d/gone"), "").unwrap();
            for (path, name, value) in [("d", "opaque", "x"), ("d/gone", "whiteout", "")] {
                let name = format!("{prefix}{name}");
                lsetxattr(root.join(path), name, value.as_bytes(), XattrFlags::empty()).unwrap();
            }
        });
        let layer = pack(tower.top(), &[]).unwrap();
        assert_eq!(lines(&layer), ["+ /d", "- /d/gone", "+ /d/f"]);
        let directory = tempfile::tempdir().unwrap();
        apply(&Root::open(directory.path()).unwrap(), &layer);
        assert!(tree(directory.path()).values().all(|node| node.xattrs.is_empty()));

        let unknown = format!("{prefix}what");
        lsetxattr(tower.top().join("d/f"), unknown, b"", XattrFlags::empty()).unwrap();
        let error = pack(tower.top(), &[]).unwrap_err();
        let expected =
            format!("cannot pack `/d/f`: the attribute `{prefix}what` of overlays is not known");
        assert_eq!(error.to_string(), expected);
    }
}
