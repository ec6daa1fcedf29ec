//! The entry that containerd takes of an index, as an oracle of ours.

use std::fs::{self, File};
use std::path::Path;
use std::process::Command;

use oci_image::blob::{BlobSinkExt, BlobSourceExt};
use oci_image::build::Builder;
use oci_image::layer::Compression;
use oci_image::platform::choice::Choice;
use oci_image::{Config, Descriptor, Document, Index, Manifest, MediaType, json};
use oci_layout::{ArchiveWriter, Layout};
use oci_rootfs::PackOptions;
use oci_testing::containerd::Containerd;
use oci_testing::program::run_with;

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
    (
        &["?linux/amd64", "linux/386", "linux/amd64"],
        &["linux/amd64", "linux/386", "linux/amd64/v2"],
    ),
    (&["linux/arm64", "?linux/amd64"], &["linux/amd64", "linux/arm64"]),
    (&["linux/amd64", "linux/amd64"], &["linux/amd64"]),
];

/// Indexes that state less than they could, what is asked for, and the entries that are taken: here, by
/// containerd and by skopeo. Where these two differ, `oci_image::platform::choice` says whom we follow.
const ODD: &[PlatformCase] = &[
    PlatformCase(&["?linux/arm64", "?linux/amd64"], "linux/amd64", Some(1), None, Some(0)),
    PlatformCase(&["[linux/amd64]", "linux/386"], "linux/amd64", Some(0), Some(1), Some(0)),
    PlatformCase(&["[linux/amd64]", "linux/amd64"], "linux/amd64", Some(1), Some(1), Some(1)),
    PlatformCase(&["linux/386"], "linux/amd64", Some(0), Some(0), None),
    PlatformCase(&["text", "linux/amd64"], "linux/amd64", Some(1), Some(1), Some(1)),
    PlatformCase(&["text", "?linux/amd64"], "linux/amd64", Some(1), None, None),
    PlatformCase(&["text linux/amd64", "linux/amd64"], "linux/amd64", Some(1), None, None),
    PlatformCase(&["?linux/arm64"], "linux/amd64", None, None, Some(0)),
    PlatformCase(&["?linux/amd64", "linux/arm64"], "linux/amd64", Some(0), Some(0), Some(0)),
    PlatformCase(&["?linux/amd64", "linux/386"], "linux/amd64", Some(0), Some(1), Some(0)),
    PlatformCase(&["linux/arm64", "linux/s390x"], "linux/amd64", None, None, None),
];

/// Entries, the platform, and which of them is taken: here, by containerd, by skopeo.
struct PlatformCase(
    &'static [&'static str],
    &'static str,
    Option<usize>,
    Option<usize>,
    Option<usize>,
);

/// An image that says in a file and in a label that it is of this entry.
fn image(layout: &Layout, number: usize, platform: &str, directory: &Path) -> Descriptor {
    let root = directory.join(number.to_string());
    fs::create_dir_all(&root).unwrap();
    fs::write(root.join("which"), number.to_string()).unwrap();
    let layer = oci_rootfs::pack(&root, layout, &PackOptions::new(Compression::none())).unwrap();
    let builder = Builder::new(&platform.parse().unwrap()).layer(layer);
    let image = builder.label("which", number.to_string()).build().unwrap();
    layout.put_image(&image).unwrap().descriptor().clone()
}

/// An entry for an image. In front of its platform is `?` if the entry does not state it; brackets are a
/// nested index that states none.
fn entry(layout: &Layout, number: usize, text: &str, directory: &Path) -> Descriptor {
    if let Some(stated) = text.strip_prefix("text") {
        let mut entry = Descriptor::of("text/plain".into(), "text");
        layout.put(&entry, b"text").unwrap();
        entry.platform = stated.trim().parse().ok();
        return entry;
    }
    let platform = text.trim_matches(['?', '[', ']']);
    let mut entry = image(layout, number, platform, directory);
    entry.platform = Some(platform.parse().unwrap());
    if text.starts_with('?') {
        entry.platform = None;
    }
    if text.starts_with('[') {
        let mut index = Index::new();
        index.media_type = Some(MediaType::IMAGE_INDEX);
        index.manifests = vec![entry];
        let index = Document::new(index).unwrap();
        return layout.put_document(&index.into()).unwrap().descriptor().clone();
    }
    entry
}

fn index(layout: &Layout, offered: &[&str], directory: &Path) -> Document<Index> {
    let entries = offered.iter().enumerate();
    let mut index = Index::new();
    index.media_type = Some(MediaType::IMAGE_INDEX);
    index.manifests =
        entries.map(|(number, text)| entry(layout, number, text, directory)).collect();
    let index = Document::new(index).unwrap();
    let _ = layout.put_document(&index.clone().into()).unwrap();
    index
}

/// The number of the entry that is taken here.
fn chosen(layout: &Layout, index: &Document<Index>, machine: &str) -> Option<usize> {
    let choice = Choice::new(&machine.parse().unwrap(), &index.manifests);
    let manifest = choice.over(layout).ok()?;
    let manifest = layout.document::<Manifest>(&manifest).unwrap();
    let config = layout.document::<Config>(&manifest.config).unwrap();
    config.config.as_ref()?.labels.get("which")?.parse().ok()
}

/// The number of the entry that skopeo takes.
fn taken_by_skopeo(layout: &Layout, tag: &str, machine: &str) -> Option<usize> {
    let (os, architecture) = machine.split_once('/').unwrap();
    let image = format!("oci:{}:{tag}", layout.path().display());
    let arguments =
        ["--override-os", os, "--override-arch", architecture, "inspect", "--config", &image];
    let inspected = run_with(Command::new("skopeo").args(arguments));
    let config: Config = json::from_slice(inspected.out.as_bytes()).ok()?;
    config.config.as_ref()?.labels.get("which")?.parse().ok()
}

/// A containerd that has these indexes, by their numbers.
fn imported(layout: &Layout, indexes: &[Document<Index>], directory: &Path) -> Containerd {
    let tar = directory.join("indexes.tar");
    let archive = ArchiveWriter::new(File::create(&tar).unwrap()).unwrap();
    let named: Vec<Descriptor> = indexes.iter().map(|index| index.descriptor().clone()).collect();
    archive.append(layout, &named).unwrap();
    for (number, index) in named.iter().enumerate() {
        archive.tag(&number.to_string(), index).unwrap();
    }
    archive.finish().unwrap();
    let containerd = Containerd::start(directory);
    let tar = tar.display().to_string();
    let import = ["import", "--all-platforms", "--no-unpack", "--base-name=example.org/app", &tar];
    containerd.images(&import).good();
    containerd
}

/// The number of the entry that containerd takes.
fn taken(containerd: &Containerd, index: usize, machine: &str, directory: &Path) -> Option<usize> {
    let image = format!("example.org/app:{index}");
    let directory = directory.join(format!("{index}-{}", machine.replace('/', "-")));
    fs::create_dir(&directory).unwrap();
    let place = directory.to_str().unwrap();
    let mount = ["mount", "--snapshotter=native", "--platform", machine, &image, place];
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
fn containerd_takes_the_same_entry() {
    oci_testing::needs!(root, "containerd");
    let directory = tempfile::tempdir().unwrap();
    let layout = Layout::create(directory.path().join("layout")).unwrap();
    let root = directory.path().join("root");
    let indexes: Vec<_> = TABLE.iter().map(|(offered, _)| index(&layout, offered, &root)).collect();
    let containerd = imported(&layout, &indexes, directory.path());
    let mut different = Vec::new();
    for (number, (index, (_, machines))) in indexes.iter().zip(TABLE).enumerate() {
        for text in *machines {
            let ours = chosen(&layout, index, text);
            let theirs = taken(&containerd, number, text, directory.path());
            if ours != theirs {
                different.push((TABLE[number].0, *text, ours, theirs));
            }
        }
    }
    assert!(different.is_empty(), "{different:?}");
}

// covers: IMG-IDX-15
#[test]
fn of_odd_indexes_we_take_what_the_docs_say() {
    oci_testing::needs!(root, "containerd", "skopeo");
    let directory = tempfile::tempdir().unwrap();
    let layout = Layout::create(directory.path().join("layout")).unwrap();
    let root = directory.path().join("root");
    let indexes: Vec<_> = ODD.iter().map(|odd| index(&layout, odd.0, &root)).collect();
    let containerd = imported(&layout, &indexes, directory.path());
    let mut different = Vec::new();
    for (number, (index, odd)) in indexes.iter().zip(ODD).enumerate() {
        let PlatformCase(offered, machine, ours, by_containerd, by_skopeo) = *odd;
        let tag = number.to_string();
        layout.tag(&tag, index.descriptor()).unwrap();
        let expected = (ours, by_containerd, by_skopeo);
        let actual = (
            chosen(&layout, index, machine),
            taken(&containerd, number, machine, directory.path()),
            taken_by_skopeo(&layout, &tag, machine),
        );
        if actual != expected {
            different.push((offered, machine, actual, expected));
        }
    }
    assert!(different.is_empty(), "{different:#?}");
}
