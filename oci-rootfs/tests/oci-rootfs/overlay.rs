//! Images as stacks of overlay directories.

mod links;
mod many;
mod store;
mod upper;

use std::fs;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use oci_image::blob::Memory;
use oci_image::layer::{Compression, Overlay};
use oci_image::{Document, Manifest};
use oci_rootfs::pack::{Pack, PackOptions};
use oci_rootfs::unpack::{Durability, OverlayStack, OverlayStore, apply_layer, unpack};
use oci_rootfs::{Root, UnpackError, UnpackErrorKind, UnpackOptions};
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use tempfile::TempDir;

use crate::any_layers::{archives, config, stack};
use crate::grow::{grow, plan};
use crate::tree::{Node, Tree, outline, tree};
use crate::unpack::image;
use oci_testing::tar::{Tar, header};

/// A store of layers, with what is mounted from it.
struct Field {
    directory: TempDir,
    overlay: Overlay,
}

impl Field {
    fn new(overlay: Overlay) -> Self {
        Self { directory: tempfile::tempdir().unwrap(), overlay }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn unpack(&self, layers: &[Vec<u8>]) -> Result<OverlayStack, UnpackError> {
        let (blobs, manifest) = image(layers);
        self.unpack_from(&blobs, &manifest)
    }

    fn unpack_from(
        &self,
        blobs: &Memory,
        manifest: &Document<Manifest>,
    ) -> Result<OverlayStack, UnpackError> {
        let store = OverlayStore::create(self.path("store"), self.overlay).unwrap();
        let store = store.durability(Durability::Relaxed);
        store.unpack(blobs, manifest, &UnpackOptions::default())
    }

    /// Mounts a stack for writing.
    fn mount(&self, stack: &OverlayStack) -> Mounted {
        let [merged, upper, work] = ["merged", "upper", "work"].map(|name| self.path(name));
        for path in [&merged, &upper, &work] {
            fs::create_dir(path).unwrap();
        }
        Mounted::new(&merged, stack.options(&upper, &work).to_str().unwrap())
    }

    /// What an overlay of these layers looks like.
    fn merged(&self, layers: &[Vec<u8>]) -> Tree {
        self.shown(&self.unpack(layers).unwrap())
    }

    fn shown(&self, stack: &OverlayStack) -> Tree {
        let merged = self.path("read-only");
        fs::create_dir_all(&merged).unwrap();
        let options = stack.read_only_options().unwrap();
        let mounted = Mounted::new(&merged, options.to_str().unwrap());
        without_root(tree(&mounted.0))
    }
}

/// An overlay, unmounted when dropped.
struct Mounted(PathBuf);

impl Mounted {
    fn new(path: &Path, options: &str) -> Self {
        let mount = ["-t", "overlay", "-o", options, "overlay"];
        let end = Instant::now() + Duration::from_secs(60);
        loop {
            let output = Command::new("mount").args(mount).arg(path).output().unwrap();
            if output.status.success() {
                return Self(path.to_owned());
            }
            // A process that another test started may have a copy of an earlier mount of these directories.
            let is_busy = String::from_utf8_lossy(&output.stderr).contains("busy");
            assert!(is_busy && Instant::now() < end, "{options}: {output:?}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        // Processes that other tests start may hold it: `-l` does not mind.
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

/// What a tree and an overlay that shows the same have in common: an overlay's files may have more
/// links than names, as names that are hidden count.
fn without_root(mut tree: Tree) -> Tree {
    tree.remove(".");
    let names = tree.clone();
    for (path, node) in &mut tree {
        let is_other = |(other, it): (&String, &Node)| other != path && it.same_as == node.same_as;
        if !names.iter().any(is_other) {
            node.same_as = None;
        }
    }
    tree
}

/// What the layers make when each is applied to what is there, if they make anything.
fn flat_if_any(layers: &[Vec<u8>]) -> Option<Tree> {
    let directory = crate::unpack::unpacked(layers).ok()?;
    Some(without_root(tree(&directory.path().join("root"))))
}

/// What the layers make when each is applied to what is there.
fn flat(layers: &[Vec<u8>]) -> Tree {
    flat_if_any(layers).unwrap()
}

/// Layers that hide, replace and lead through what is below in every way.
pub(crate) fn hiding() -> [Vec<u8>; 4] {
    let base = Tar::new()
        .entry(header(b'5', "d").mode(0o710).mtime(3).pax("mtime", "3.5"))
        .file("d/old", "1")
        .file("d/both", "1")
        .directory("d/sub")
        .file("d/sub/old", "1")
        .directory("usr")
        .entry(header(b'5', "usr/bin").mode(0o711))
        .file("usr/bin/tool", "1")
        .symlink("bin", "/usr/bin")
        .file("file", "1")
        .directory("dir")
        .file("dir/in", "1")
        .file("gone", "1")
        .end();
    let second = Tar::new()
        // Directories that the layer says nothing of, one of them by a link.
        .file("d/new", "2")
        .file("bin/more", "2")
        .file(".wh.gone", "")
        .file("dir", "2")
        .directory("file")
        .file("file/in", "2")
        .end();
    let third = Tar::new()
        .file("d/both", "3")
        .file("d/.wh.old", "")
        .entry(header(b'5', "d/sub").mode(0o700))
        .file("d/sub/.wh..wh..opq", "")
        .file("d/sub/new", "3")
        .file("usr/bin/.wh.tool", "")
        .directory("dir")
        .file(".wh.file", "")
        .directory("file")
        .file("file/again", "3")
        .end();
    let fourth =
        Tar::new().file("d/sub/.wh..wh..opq", "").file(".wh.none", "").file("gone", "4").end();
    [base, second, third, fourth]
}

#[test]
fn a_layer_is_unpacked_once_and_shared() {
    let field = Field::new(Overlay::User);
    let base = Tar::new().directory("d").file("d/f", "1").file("gone", "1").end();
    let top = Tar::new().file("d/g", "2").file(".wh.gone", "").end();
    let one = field.unpack(std::slice::from_ref(&base)).unwrap();
    assert_eq!(one.unpacked().changes, 3);
    let two = field.unpack(&[base.clone(), top.clone()]).unwrap();
    assert_eq!(two.unpacked().changes, 2);
    assert_eq!(two.layers()[1..], *one.layers());
    assert_eq!(field.unpack(&[base, top]).unwrap().layers(), two.layers());
    assert_eq!(outline(&two.layers()[1]), ["d/", "d/f: 1", "gone: 1"]);
    let top = &two.layers()[0];
    assert_eq!(outline(top), ["d/", "d/g: 2", "gone CharDevice(0)"]);
    assert!(top.join("gone").symlink_metadata().unwrap().file_type().is_char_device());
    assert_eq!(fs::read_dir(top.parent().unwrap()).unwrap().count(), 2);
}

#[test]
fn what_was_interrupted_is_resumed() {
    let field = Field::new(Overlay::User);
    let (_, manifest) = image(&[Tar::new().file("a", "1").end(), Tar::new().file("b", "1").end()]);
    let (good, _) = image(&[Tar::new().file("a", "1").end()]);
    let (all, _) = image(&[Tar::new().file("a", "1").end(), Tar::new().file("b", "1").end()]);
    let half = Half { good, config: &all };
    let error = OverlayStore::create(field.path("store"), field.overlay)
        .unwrap()
        .durability(Durability::Relaxed)
        .unpack(&half, &manifest, &UnpackOptions::default())
        .unwrap_err();
    assert_eq!(error.kind(), UnpackErrorKind::Source);
    let store = field.path("store/user");
    let left: Vec<_> = fs::read_dir(&store).unwrap().map(|entry| entry.unwrap().path()).collect();
    let broken = left.iter().find(|path| path.to_str().unwrap().ends_with(".new")).unwrap();
    fs::write(broken.join("stale"), "1").unwrap();
    let stack = field.unpack_from(&all, &manifest).unwrap();
    assert_eq!(stack.unpacked().changes, 1);
    assert_eq!(outline(&stack.layers()[0]), ["b: 1"]);
    assert_eq!(fs::read_dir(&store).unwrap().count(), 2);
}

/// A source that has only some of an image's layers.
struct Half<'a> {
    good: Memory,
    config: &'a Memory,
}

impl oci_image::blob::BlobSource for Half<'_> {
    fn open(
        &self,
        blob: &oci_image::Descriptor,
    ) -> std::io::Result<Option<Box<dyn std::io::Read + Send + '_>>> {
        match blob.media_type.is_config() {
            true => self.config.open(blob),
            false => self.good.open(blob),
        }
    }
}

#[test]
fn many_unpack_the_same_image_at_once() {
    let field = Field::new(Overlay::User);
    let layers: Vec<_> = (0..4).map(|n| Tar::new().file(format!("{n}"), "x").end()).collect();
    std::thread::scope(|scope| {
        let work = || field.unpack(&layers).unwrap();
        let threads: Vec<_> = (0..8).map(|_| scope.spawn(work)).collect();
        let stacks: Vec<_> = threads.into_iter().map(|thread| thread.join().unwrap()).collect();
        let made: u64 = stacks.iter().map(|stack| stack.unpacked().changes).sum();
        assert_eq!(made, 4);
        assert!(stacks.iter().all(|stack| stack.layers() == stacks[0].layers()));
    });
    assert_eq!(fs::read_dir(field.path("store/user")).unwrap().count(), 4);
}

#[test]
fn what_an_overlay_would_take_for_something_else_is_refused() {
    let field = Field::new(Overlay::User);
    let device = Tar::new().entry(header(b'3', "c").device(0, 0)).end();
    assert_eq!(field.unpack(&[device]).unwrap_err().kind(), UnpackErrorKind::Entry);
}

#[test]
fn an_image_without_layers_is_mounted_empty() {
    oci_testing::needs!(root);
    let field = Field::new(Overlay::Trusted);
    let stack = field.unpack(&[]).unwrap();
    assert_eq!(field.shown(&stack), Tree::new());
    let mounted = field.mount(&stack);
    fs::write(mounted.0.join("a"), "content").unwrap();
    assert_eq!(without_root(tree(&field.path("upper"))), without_root(tree(&mounted.0)));
    let root = fs::metadata(stack.layers().first().unwrap()).unwrap();
    assert_eq!((root.mode(), root.mtime()), (0o40755, 0));
}

#[test]
fn options_name_the_top_layer_first_and_escape_paths() {
    let mut field = Field::new(Overlay::User);
    field.directory = tempfile::Builder::new().prefix("a:b,c\\").tempdir().unwrap();
    let layers = [Tar::new().file("a", "1").end(), Tar::new().file("b", "1").end()];
    let stack = field.unpack(&layers).unwrap();
    let options = stack.options(Path::new("/u,p"), Path::new("/w:k")).into_string().unwrap();
    let [top, base] = [0, 1].map(|index| {
        let path = stack.layers()[index].to_str().unwrap();
        path.replace('\\', "\\\\").replace(':', "\\:").replace(',', "\\,")
    });
    let expected = format!("lowerdir={top}:{base},userxattr,upperdir=/u\\,p,workdir=/w\\:k");
    assert_eq!(options, expected);
}

#[test]
fn an_overlay_shows_what_layers_make_one_on_the_other() {
    oci_testing::needs!(root);
    for overlay in [Overlay::Trusted, Overlay::User] {
        let field = Field::new(overlay);
        let layers = hiding();
        for count in 1..=layers.len() {
            let layers = &layers[..count];
            assert_eq!(field.merged(layers), flat(layers), "{overlay:?} {count}");
        }
    }
}

#[test]
fn a_layer_that_hides_all_below_it_is_the_lowest_of_the_stack() {
    oci_testing::needs!(root);
    let field = Field::new(Overlay::Trusted);
    let base = Tar::new().directory("d").file("d/f", "1").end();
    let middle = Tar::new().file(".wh..wh..opq", "").file("d/g", "2").end();
    let layers = [base, middle, Tar::new().file("h", "3").end()];
    assert_eq!(field.unpack(&layers).unwrap().layers().len(), 2);
    let outline = |tree: Tree| tree.into_keys().collect::<Vec<_>>();
    assert_eq!(outline(field.merged(&layers)), ["d", "d/g", "h"]);
    assert_eq!(outline(flat(&layers)), ["d", "d/g", "h"]);
}

#[test]
fn attributes_of_overlays_in_layers_are_escaped() {
    oci_testing::needs!(root);
    let field = Field::new(Overlay::Trusted);
    let base = Tar::new().directory("d").file("d/f", "1").end();
    let top = Tar::new().entry(header(b'5', "d").xattr("trusted.overlay.opaque", "y")).end();
    let merged = field.merged(&[base, top]);
    assert!(merged.contains_key("d/f"), "{:?}", merged.keys());
}

/// Attributes of an image that mean something to overlays are the image's in every form.
#[test]
fn attributes_of_overlays_in_layers_stay_in_every_form() {
    oci_testing::needs!(root);
    let file = header(b'5', "d").xattr("trusted.overlay.opaque", "y").xattr("user.overlay.x", "1");
    let layer = Tar::new().entry(file).end();
    let names = ["trusted.overlay.opaque", "user.overlay.x"];
    let of = |tree: Tree| tree["d"].xattrs.keys().cloned().collect::<Vec<_>>();
    assert_eq!(of(flat(std::slice::from_ref(&layer))), names);

    for (overlay, escaped) in [
        (Overlay::Trusted, ["trusted.overlay.overlay.opaque", "user.overlay.x"]),
        (Overlay::User, ["trusted.overlay.opaque", "user.overlay.overlay.x"]),
    ] {
        let field = Field::new(overlay);
        let stack = field.unpack(std::slice::from_ref(&layer)).unwrap();
        assert_eq!(of(tree(&stack.layers()[0])), escaped);
        assert_eq!(of(field.shown(&stack)), names);
    }

    let (blobs, manifest) = image(std::slice::from_ref(&layer));
    let config = oci_image::blob::BlobSourceExt::document(&blobs, &manifest.config).unwrap();
    let config: Document<oci_image::Config> = config;
    let limits = oci_image::layer::Limits::default();
    let files =
        oci_image::layer::Files::new(&blobs, &manifest.layers, &config.rootfs, &limits).unwrap();
    let (export, _) = files.export(Vec::new(), &Compression::none()).unwrap();
    assert_eq!(of(flat(&[export])), names);

    let unpacked = crate::unpack::unpacked(&[layer]).unwrap();
    let root = Root::open(unpacked.path().join("root")).unwrap();
    let options = PackOptions::new(Compression::none());
    let (packed, _) = Pack::all(&root).write(Vec::new(), &options).unwrap();
    assert_eq!(of(flat(&[packed])), names);
}

/// An attribute that no filesystem can hold is left out, and counted, or an error.
#[test]
fn attributes_that_cannot_be_set_are_counted() {
    let layer = Tar::new()
        .entry(header(b'5', "d").xattr("none.such", "1"))
        .with(header(b'0', "d/f").xattr("none.such", "1").xattr("none.other", "1"), "1")
        .end();
    let directory = tempfile::tempdir().unwrap();
    let apply = |name: &str, options: &UnpackOptions| {
        let root = Root::create(directory.path().join(name)).unwrap();
        oci_rootfs::unpack::apply_stream(&layer[..], &root, options)
    };
    let (_, unpacked) = apply("rootless", &UnpackOptions::rootless()).unwrap();
    assert_eq!(unpacked.xattrs_left_out, 3);
    let mut all = UnpackOptions::rootless();
    all.xattrs = oci_rootfs::unpack::Xattrs::All;
    assert_eq!(apply("all", &all).unwrap_err().kind(), UnpackErrorKind::Filesystem);
}

/// The layers that make each of a list of trees out of the one before.
fn layers_of(trees: &[PathBuf]) -> Vec<Vec<u8>> {
    let options = PackOptions::new(Compression::none());
    let roots: Vec<_> = trees.iter().map(|tree| Root::open(tree).unwrap()).collect();
    let packs = roots.iter().enumerate().map(|(index, root)| match index.checked_sub(1) {
        None => Pack::all(root),
        Some(below) => Pack::difference(&roots[below], root),
    });
    packs.map(|pack| pack.write(Vec::new(), &options).unwrap().0).collect()
}

#[test]
fn overlays_and_flat_trees_of_any_layers_are_the_same() {
    oci_testing::needs!(root);
    let mut runner = TestRunner::deterministic();
    for _ in 0..20 {
        let field = Field::new(Overlay::Trusted);
        let trees = ["a", "b", "c"].map(|name| field.path(name));
        for path in &trees {
            let plan = plan().new_tree(&mut runner).unwrap().current();
            fs::create_dir(path).unwrap();
            grow(path, &plan);
        }
        let layers = layers_of(&trees);
        assert_eq!(field.merged(&layers), without_root(tree(&trees[2])));
    }
}

#[test]
fn overlays_and_flat_trees_of_layers_with_entries_in_any_order_are_the_same() {
    oci_testing::needs!(root);
    proptest!(config(150), |(stack in stack())| {
        let layers = archives(&stack);
        let field = Field::new([Overlay::Trusted, Overlay::User][stack.len() % 2]);
        let merged = field.unpack(&layers).ok().map(|stack| field.shown(&stack));
        prop_assert_eq!(merged, flat_if_any(&layers));
    });
}

#[test]
fn what_is_changed_in_an_overlay_becomes_a_layer() {
    oci_testing::needs!(root);
    let mut runner = TestRunner::deterministic();
    for round in 0..20 {
        let field = Field::new([Overlay::Trusted, Overlay::User][round % 2]);
        let base = field.path("base");
        fs::create_dir(&base).unwrap();
        grow(&base, &plan().new_tree(&mut runner).unwrap().current());
        let layers = layers_of(std::slice::from_ref(&base));
        let stack = field.unpack(&layers).unwrap();

        let mounted = field.mount(&stack);
        for entry in fs::read_dir(&mounted.0).unwrap().take(2) {
            let path = entry.unwrap().path();
            let _ = fs::remove_file(&path).or_else(|_| fs::remove_dir_all(&path));
        }
        grow(&mounted.0, &plan().new_tree(&mut runner).unwrap().current());
        let changed = tree(&mounted.0);
        drop(mounted);

        let (upper, root) = (Root::open(field.path("upper")).unwrap(), field.path("flat"));
        let blobs = Memory::new();
        let options = PackOptions::new(Compression::none());
        let layer = Pack::overlay(&upper, &[]).store(&blobs, &options).unwrap();
        let (below, manifest) = image(&layers);
        unpack(&below, &manifest, &root, &UnpackOptions::default()).unwrap();
        let flat = Root::open(&root).unwrap();
        let options = UnpackOptions::default();
        apply_layer(&blobs, &layer.descriptor, &layer.diff_id, &flat, &options).unwrap();
        assert_eq!(without_root(tree(&root)), without_root(changed), "round {round}");
    }
}
