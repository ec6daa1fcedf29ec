//! The entry that containerd takes of an index, as an oracle of ours.

use std::fs::{self, File};
use std::path::Path;

use oci_image::build::{Builder, assemble};
use oci_image::layer::Compression;
use oci_image::{Descriptor, Document, Index, Platform};
use oci_layout::{ArchiveWriter, Layout};
use oci_rootfs::PackOptions;

use super::containerd::Containerd;

/// What indexes offer, in their order, and the machines that take of them.
///
/// containerd's command line takes no version of Windows, so that of the machine is unknown.
const TABLE: &[(&[&str], &[&str])] = &[
    (
        &["linux/arm/v6", "linux/arm/v7", "linux/arm/v5", "linux/arm64/v8", "linux/s390x"],
        &[
            "linux/arm/v5",
            "linux/arm/v6",
            "linux/arm/v7",
            "linux/arm/v8",
            "linux/arm",
            "linux/arm64",
            "linux/aarch64/v8",
            "linux/s390x",
            "linux/riscv64",
        ],
    ),
    (
        &["linux/arm/v5", "linux/arm/v7", "linux/arm/v8"],
        &["linux/arm64", "linux/arm/v6", "linux/armhf", "linux/armel"],
    ),
    (
        &["linux/386", "linux/amd64", "linux/amd64/v3", "linux/amd64/v2"],
        &[
            "linux/amd64",
            "linux/x86_64",
            "linux/amd64/v1",
            "linux/amd64/v2",
            "linux/amd64/v3",
            "linux/amd64/v4",
            "linux/i386",
        ],
    ),
    (&["linux/amd64/v4", "linux/386"], &["linux/amd64", "linux/amd64/v3", "linux/386"]),
    (
        &["windows(10.0.17763.1)/amd64", "linux/amd64", "windows(10.0.20348.1)/amd64"],
        &["windows/amd64", "linux/amd64", "windows/arm64", "freebsd/amd64"],
    ),
    (
        &["linux/ppc64le", "linux/loong64/x", "plan9/mips"],
        &["linux/loong64/x", "linux/loong64", "plan9/mips", "linux/mips"],
    ),
    (&["", "linux/386", "linux/amd64"], &["linux/amd64", "linux/386", "linux/amd64/v2"]),
    (&["linux/arm64", ""], &["linux/amd64", "linux/arm64"]),
    (&["linux/amd64", "linux/amd64"], &["linux/amd64"]),
];

/// An index whose images each have one file that says the number of their entry.
///
/// An empty text stands for an entry that says no platform; its image is for `linux/amd64`.
fn index(layout: &Layout, offered: &[&str], directory: &Path) -> Document<Index> {
    let entry = |(number, platform): (usize, &&str)| {
        let root = directory.join(number.to_string());
        fs::create_dir_all(&root).unwrap();
        fs::write(root.join("which"), number.to_string()).unwrap();
        let layer =
            oci_rootfs::pack(&root, &layout, &PackOptions::new(Compression::none())).unwrap();
        let of = if platform.is_empty() { "linux/amd64" } else { platform };
        let image = Builder::new(&of.parse().unwrap()).layer(layer).build().unwrap();
        let mut entry = layout.put_image(&image).unwrap().descriptor().clone();
        entry.platform = platform.parse().ok();
        entry
    };
    let index = assemble(offered.iter().enumerate().map(entry).collect::<Vec<_>>()).unwrap();
    let _ = layout.put_document(&index.clone().into()).unwrap();
    index
}

/// The number of the entry that containerd takes. Nothing was mounted on the directory before.
fn taken(containerd: &Containerd, image: &str, machine: &str, directory: &Path) -> Option<usize> {
    let place = directory.to_str().unwrap();
    let mount = ["mount", "--snapshotter=native", "--platform", machine, image, place];
    let mounted = containerd.images(&mount);
    if mounted.code != Some(0) {
        assert!(mounted.errors.contains("not found"), "{}", mounted.errors);
        return None;
    }
    let which = fs::read_to_string(directory.join("which")).unwrap();
    containerd.images(&["unmount", "--rm", "--snapshotter=native", place]).good();
    Some(which.parse().unwrap())
}

// covers: IMG-IDX-15
#[test]
#[ignore = "needs root and containerd"]
fn containerd_takes_the_same_entry() {
    let directory = tempfile::tempdir().unwrap();
    let place = |name: &str| directory.path().join(name);
    let layout = Layout::create(place("layout")).unwrap();
    let indexes: Vec<_> =
        TABLE.iter().map(|(offered, _)| index(&layout, offered, &place("root"))).collect();
    let archive = ArchiveWriter::new(File::create(place("indexes.tar")).unwrap()).unwrap();
    let named: Vec<Descriptor> = indexes.iter().map(|index| index.descriptor().clone()).collect();
    archive.append(&layout, &named).unwrap();
    for (number, index) in named.iter().enumerate() {
        archive.tag(&number.to_string(), index).unwrap();
    }
    archive.finish().unwrap();

    let containerd = Containerd::start(directory.path());
    let tar = place("indexes.tar").display().to_string();
    let import = ["import", "--all-platforms", "--no-unpack", "--base-name=example.org/app", &tar];
    containerd.images(&import).good();
    let mut different = Vec::new();
    for (number, (index, (_, machines))) in indexes.iter().zip(TABLE).enumerate() {
        for text in *machines {
            let machine: Platform = text.parse().unwrap();
            let chosen = index.choose(&machine);
            let same = |chosen| index.manifests.iter().position(|entry| entry == chosen);
            let ours = chosen.and_then(same);
            let image = format!("example.org/app:{number}");
            let mounted = place(&format!("{number}-{}", text.replace('/', "-")));
            fs::create_dir(&mounted).unwrap();
            let theirs = taken(&containerd, &image, text, &mounted);
            if ours != theirs {
                different.push((TABLE[number].0, *text, ours, theirs));
            }
        }
    }
    assert!(different.is_empty(), "{different:?}");
}
