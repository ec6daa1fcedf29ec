//! Hard links to what other layers have.

use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::MetadataExt;

use oci_image::layer::Overlay;

use super::{Field, flat};
use crate::tree::outline;
use oci_testing::tar::{Tar, header};

/// Two layers with every kind of file to link to.
fn below() -> [Vec<u8>; 2] {
    let base = Tar::new()
        .entry(header(b'5', "d").mode(0o711))
        .with(header(b'0', "d/f").mode(0o4750).owner(7, 8).mtime(5).xattr("user.a", "1"), "base")
        .hardlink("d/same", "d/f")
        .file("d/old", "1")
        .symlink("d/link", "f")
        .entry(header(b'6', "d/pipe"))
        .directory("usr")
        .directory("usr/bin")
        .file("usr/bin/tool", "1")
        .symlink("bin", "/usr/bin")
        .symlink("loop", "loop")
        .symlink("dead", "nowhere")
        .symlink("way", "e/dead")
        .symlink("e/dead", "/nowhere")
        .file("e/in", "1")
        .file("gone", "1")
        .end();
    let middle = Tar::new().file("d/old", "2").file(".wh.gone", "").end();
    [base, middle]
}

fn above(top: &Tar) -> Vec<Vec<u8>> {
    let mut layers = below().to_vec();
    layers.push(top.clone().end());
    layers
}

/// Links that lead to another layer, beside all that may hide what is there.
fn links() -> Vec<Tar> {
    let link = |target: &str| Tar::new().hardlink("new", target);
    vec![
        link("d/f"),
        link("d/f").hardlink("again", "new").hardlink("d/more", "d/same"),
        link("d/old"),
        link("d/link"),
        link("d/pipe"),
        link("bin/tool"),
        // It leads to the tool by a link of another layer; its directory has entries here.
        Tar::new().file("usr/bin/more", "3").hardlink("new", "bin/more"),
        Tar::new().hardlink("d/f", "d/f"),
        Tar::new().hardlink("e", "d/f"),
        Tar::new().hardlink("bin", "bin/tool"),
        // What the layer hides later was there.
        link("d/f").file("d/.wh.f", ""),
        link("d/f").file("d/.wh..wh..opq", ""),
        link("d/f").file(".wh.d", ""),
        link("d/f").file("d/f", "3"),
        // What it hid does not hide what it has.
        Tar::new().file("d/.wh.f", "").file("d/f", "3").hardlink("new", "d/f"),
        Tar::new().file(".wh.d", "").file("d/f", "3").hardlink("new", "d/f"),
        Tar::new().file("d/.wh.old", "").hardlink("new", "d/f").file("d/old/in", "3"),
        Tar::new().file(".wh.bin", "").hardlink("new", "d/f").file("bin/tool", "3"),
    ]
}

/// Links that lead to nothing.
fn dead() -> Vec<Tar> {
    let link = |layer: Tar, target: &str| layer.hardlink("new", target);
    vec![
        link(Tar::new(), "none"),
        link(Tar::new(), "none/f"),
        link(Tar::new(), "gone"),
        link(Tar::new(), "d/f/in"),
        link(Tar::new().file("d/.wh.f", ""), "d/f"),
        link(Tar::new().file("d/.wh..wh..opq", ""), "d/f"),
        link(Tar::new().file(".wh..wh..opq", ""), "d/f"),
        link(Tar::new().file(".wh.d", ""), "d/f"),
        link(Tar::new().file(".wh.d", "").file("d/g", "3"), "d/f"),
        // A link has shown what is hidden first, and then something else took its place.
        link(Tar::new().file(".wh.d", "").hardlink("e/f", "e/in").file("d/g", "3"), "d/f"),
        link(Tar::new().file(".wh.bin", ""), "bin/tool"),
        link(Tar::new().file("bin/.wh.tool", ""), "usr/bin/tool"),
        link(Tar::new().file("usr/bin/.wh..wh..opq", ""), "bin/tool"),
        link(Tar::new().file("d", "3"), "d/f"),
        // What it replaces holds what it leads to.
        Tar::new().hardlink("d", "d/f"),
        Tar::new().hardlink("usr", "bin/tool"),
        Tar::new().file("usr/bin/more", "3").hardlink("usr", "bin/tool"),
    ]
}

#[test]
fn a_link_to_a_file_of_a_lower_layer_is_one_more_name_of_it() {
    let field = Field::new(Overlay::User);
    let base = Tar::new().directory("d").with(header(b'0', "d/f").mode(0o640), "1").end();
    let top = Tar::new().hardlink("new", "d/f").file("d/.wh.f", "").end();
    let stack = field.unpack(&[base, top]).unwrap();
    let [top, base] = [0, 1].map(|index| &stack.layers()[index]);
    assert_eq!(outline(top), ["d/", "d/f CharDevice(0)", "new: 1"]);
    assert_eq!(outline(base), ["d/", "d/f: 1"]);
    let inode = |path| fs::metadata(path).unwrap().ino();
    assert_eq!(inode(top.join("new")), inode(base.join("d/f")));
}

#[test]
fn a_link_to_what_no_layer_shows_is_refused() {
    oci_testing::needs!(root);
    for top in dead() {
        let base = Tar::new().file("d/f", "1").file("e/in", "1").file("usr/bin/tool", "1");
        let base = base.symlink("bin", "usr/bin").file("gone", "1").end();
        let layers = [base, Tar::new().file(".wh.gone", "").end(), top.end()];
        let error = Field::new(Overlay::User).unpack(&layers).unwrap_err();
        let kinds = [ErrorKind::NotFound, ErrorKind::NotADirectory];
        assert!(error.io_kind().is_some_and(|kind| kinds.contains(&kind)), "{error:?}");
        crate::unpack::unpacked(&layers).unwrap_err();
    }
    for new in ["new", "d"] {
        let layers = [Tar::new().file("d/f", "1").end(), Tar::new().hardlink(new, "d").end()];
        let error = Field::new(Overlay::User).unpack(&layers).unwrap_err();
        assert_eq!(error.io_kind(), Some(ErrorKind::IsADirectory), "{error:?}");
        let error = crate::unpack::unpacked(&layers).unwrap_err();
        assert_eq!(error.io_kind(), Some(ErrorKind::IsADirectory), "{error:?}");
    }
}

// covers: IMG-LAYER-05
#[test]
fn an_overlay_shows_links_as_a_flat_tree_does() {
    oci_testing::needs!(root);
    for (number, top) in links().iter().enumerate() {
        let overlay = [Overlay::Trusted, Overlay::User][number % 2];
        let layers = above(top);
        assert_eq!(Field::new(overlay).merged(&layers), flat(&layers), "{number}");
    }
}

#[test]
fn an_overlay_shows_what_was_made_again_as_a_flat_tree_does() {
    oci_testing::needs!(root);
    let tops = [
        // By a link of another layer to the directory above it.
        Tar::new().file("bin/.wh..wh..opq", ""),
        Tar::new().directory("usr/bin/sub").file("bin/sub/.wh..wh..opq", "").file("bin/f", "3"),
        Tar::new().file("d", "3").directory("d"),
        // What hides less comes first.
        Tar::new().file("d/.wh.f", "").file(".wh.d", ""),
        Tar::new().file("d/.wh..wh..opq", "").file(".wh.d", ""),
        Tar::new().file("d/.wh.f", "").file("d/.wh..wh..opq", "").file("d/g", "3"),
        // It hides nothing.
        Tar::new().directory("n").file("n/.wh.f", "").file("n/g", "3"),
        Tar::new().file(".wh.gone", "").file("usr/.wh.sub", ""),
        Tar::new().file("d", "3").file("d", "4").directory("d").file("d/f", "3"),
        // A directory without an entry, in the place of a file of the same layer.
        Tar::new().file("d", "3").file("d/f", "3"),
        Tar::new().file("usr", "3").file("usr/bin/f", "3"),
        Tar::new().file("usr/bin/f", "3").file("usr/bin/.wh..wh..opq", "").file(".wh.usr", ""),
        // A marker means what is there when it comes, by links as they are then.
        Tar::new().file("bin/.wh.tool", "").directory("bin"),
        Tar::new().file("d/.wh.f", "").symlink("d", "e"),
        Tar::new().symlink("d", "usr").file("d/.wh.bin", ""),
        Tar::new().file("loop/.wh..wh..opq", "").file("loop/.wh.f", ""),
        // A link to nowhere shows what is made behind it until something takes its place.
        Tar::new().file("dead/f", "3").file(".wh.dead", "").file("dead/f", "4"),
        Tar::new().file("dead/f", "3").file("dead", "4").file("dead/f", "5"),
        Tar::new().file("way/f", "3").file(".wh..wh..opq", ""),
    ];
    for (number, top) in tops.iter().enumerate() {
        let layers = above(top);
        assert_eq!(Field::new(Overlay::Trusted).merged(&layers), flat(&layers), "{number}");
    }
}
