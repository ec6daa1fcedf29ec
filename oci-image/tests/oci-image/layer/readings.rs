//! What the programs of the field make of odd archives, measured: each is unpacked by all of them.
//!
//! With `OCI_WRITE_DOCS=1` the table is written to `docs/archives.md`.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::num::NonZero;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
use std::thread;

use oci_image::layer::{Change, Entry, EntryPath, Kind};
use oci_image::{
    Config, Descriptor, Digest, Document, Index, LayoutFile, Manifest, MediaType, RootFs, json,
};
use oci_testing::containerd::Containerd;

use super::accept;
use super::read::{Listing, list};
use super::refuse;

/// What a reader unpacks: each path with its type, attributes and content.
type Tree = BTreeMap<EntryPath, String>;

/// A program that unpacks what is in a place, of which nothing is there if it refuses.
struct Program {
    name: &'static str,
    unpack: fn(&Place<'_>) -> Option<Tree>,
    version: [&'static str; 2],
}

/// A directory with the archive `layer.tar` and the `layout` of an image that has it as its layer.
struct Place<'a> {
    path: PathBuf,
    containerd: &'a Containerd,
}

impl Place<'_> {
    fn join(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }
}

const PROGRAMS: [Program; 6] = [
    Program { name: "umoci", unpack: umoci, version: ["umoci", "--version"] },
    Program { name: "containerd", unpack: containerd, version: ["containerd", "--version"] },
    Program { name: "podman", unpack: podman, version: ["podman", "--version"] },
    Program { name: "GNU tar", unpack: gnu_tar, version: ["tar", "--version"] },
    Program { name: "Python", unpack: python, version: ["python3", "--version"] },
    Program { name: "BusyBox", unpack: busybox, version: ["busybox", "--help"] },
];

/// Refused although all read it alike: the kernel takes the largest number for "leave the owner as it
/// is", so who owns the file depends on who unpacks it.
const NO_OWNER: [&str; 2] = [
    "the field `uid` of a header is not a number in range",
    "the field `gid` of a header is not a number in range",
];

fn succeeds(command: &mut Command) -> bool {
    let command = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.status().unwrap_or_else(|error| panic!("{command:?}: {error}")).success()
}

fn umoci(place: &Place<'_>) -> Option<Tree> {
    let image = format!("{}:v1", place.join("layout").display());
    let bundle = place.join("bundle");
    succeeds(Command::new("umoci").args(["unpack", "--image", &image]).arg(&bundle))
        .then(|| tree(&bundle.join("rootfs")))
}

fn containerd(place: &Place<'_>) -> Option<Tree> {
    let archive = place.join("image.tar");
    let mut tar = Command::new("tar");
    tar.arg("-C").arg(place.join("layout")).arg("-cf").arg(&archive);
    assert!(succeeds(tar.args(["oci-layout", "index.json", "blobs"])));
    place.containerd.unpack(&archive, tree)
}

fn podman(place: &Place<'_>) -> Option<Tree> {
    let store = place.join("podman");
    let image = format!("oci:{}:v1", place.join("layout").display());
    let mut podman = Command::new("podman");
    podman.arg("--root").arg(&store).arg("--runroot").arg(place.join("run"));
    succeeds(podman.args(["--storage-driver", "vfs", "pull", "-q", &image])).then(|| {
        tree(&fs::read_dir(store.join("vfs/dir")).unwrap().next().unwrap().unwrap().path())
    })
}

/// An empty directory, and the archive.
fn target(place: &Place<'_>, name: &str) -> (PathBuf, PathBuf) {
    let target = place.join(name);
    fs::create_dir(&target).unwrap();
    (target, place.join("layer.tar"))
}

fn gnu_tar(place: &Place<'_>) -> Option<Tree> {
    let (target, archive) = target(place, "tar");
    let mut tar = Command::new("tar");
    tar.arg("-C").arg(&target).args(["--numeric-owner", "-xpf"]).arg(archive);
    succeeds(&mut tar).then(|| tree(&target))
}

/// In a root of its own, as it follows names to wherever they lead.
fn python(place: &Place<'_>) -> Option<Tree> {
    const SCRIPT: &str = r#"
import os, sys, tarfile
"é".encode("iso8859-1")
archive = tarfile.open(sys.argv[1], "r:", errors="surrogateescape")
os.chroot(sys.argv[2])
os.chdir("/")
os.mkdir("/tree")
archive.extractall("/tree", numeric_owner=True)
"#;
    let (target, archive) = target(place, "python");
    let mut python = Command::new("python3");
    succeeds(python.args(["-c", SCRIPT]).arg(archive).arg(&target))
        .then(|| tree(&target.join("tree")))
}

fn busybox(place: &Place<'_>) -> Option<Tree> {
    let (target, archive) = target(place, "busybox");
    let mut busybox = Command::new("busybox");
    busybox.args(["tar", "-C"]).arg(&target).args(["--numeric-owner", "-xpf"]).arg(archive);
    succeeds(&mut busybox).then(|| tree(&target))
}

/// What each program makes of each archive, as many at a time as there are processors.
fn readings(archives: &[&[u8]]) -> Vec<Vec<Option<Tree>>> {
    let next = AtomicUsize::new(0);
    let (sender, receiver) = mpsc::channel();
    thread::scope(|scope| {
        for worker in 0..thread::available_parallelism().map_or(1, NonZero::get) {
            let (next, sender) = (&next, sender.clone());
            scope.spawn(move || {
                let directory = oci_testing::directory();
                let containerd = Containerd::start(directory.path());
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    let Some(archive) = archives.get(number) else { break };
                    sender.send((number, read_by_all(archive, worker, &containerd))).unwrap();
                }
            });
        }
    });
    drop(sender);
    receiver.into_iter().collect::<BTreeMap<_, _>>().into_values().collect()
}

fn read_by_all(archive: &[u8], worker: usize, containerd: &Containerd) -> Vec<Option<Tree>> {
    // Without capital letters, which podman takes for no name.
    let name = format!("readings-{}-{worker}", std::process::id());
    let path = std::env::temp_dir().join(name);
    _ = fs::remove_dir_all(&path);
    fs::create_dir(&path).unwrap();
    fs::write(path.join("layer.tar"), archive).unwrap();
    write_layout(&path.join("layout"), archive);
    let place = Place { path, containerd };
    let readings = PROGRAMS.iter().map(|program| (program.unpack)(&place)).collect();
    fs::remove_dir_all(&place.path).unwrap();
    readings
}

/// A layout with an image `v1` of one layer.
fn write_layout(layout: &Path, archive: &[u8]) {
    let put = |descriptor: &Descriptor, bytes: &[u8]| {
        fs::write(layout.join(descriptor.digest.blob_path()), bytes).unwrap();
    };
    fs::create_dir_all(layout.join("blobs/sha256")).unwrap();
    let layer = Descriptor::of(MediaType::LAYER_TAR, archive);
    put(&layer, archive);
    let mut rootfs = RootFs::new();
    rootfs.diff_ids.push(layer.digest.clone());
    let config = Document::new(Config::new("amd64".into(), "linux".into(), rootfs)).unwrap();
    put(config.descriptor(), config.bytes());
    let mut manifest = Manifest::new(config.descriptor().clone());
    manifest.media_type = Some(MediaType::IMAGE_MANIFEST);
    manifest.layers.push(layer);
    let manifest = Document::new(manifest).unwrap();
    put(manifest.descriptor(), manifest.bytes());
    let mut entry = manifest.descriptor().clone();
    entry.annotations.insert("org.opencontainers.image.ref.name".into(), "v1".into());
    let mut index = Index::new();
    index.manifests.push(entry);
    fs::write(layout.join("oci-layout"), json::to_vec(&LayoutFile::new()).unwrap()).unwrap();
    fs::write(layout.join("index.json"), json::to_vec(&index).unwrap()).unwrap();
}

fn tree(root: &Path) -> Tree {
    let mut tree = Tree::new();
    let mut todo = vec![root.to_owned()];
    while let Some(directory) = todo.pop() {
        for entry in fs::read_dir(&directory).unwrap().map(Result::unwrap) {
            let path = entry.path();
            let name = path.strip_prefix(root).unwrap().as_os_str().as_bytes();
            tree.insert(EntryPath::parse(name).unwrap(), describe(&path));
            if entry.file_type().unwrap().is_dir() {
                todo.push(path);
            }
        }
    }
    tree
}

fn describe(path: &Path) -> String {
    let metadata = fs::symlink_metadata(path).unwrap();
    let kind = metadata.file_type();
    let attributes =
        format!("{:o} {}:{}", metadata.mode() & 0o7777, metadata.uid(), metadata.gid());
    let device = device_numbers(metadata.rdev());
    match kind {
        _ if kind.is_symlink() => {
            let target = fs::read_link(path).unwrap();
            format!("link {}", target.as_os_str().as_bytes().escape_ascii())
        }
        _ if kind.is_dir() => format!("directory {attributes}"),
        _ if kind.is_char_device() => format!("character device {attributes} {device}"),
        _ if kind.is_block_device() => format!("block device {attributes} {device}"),
        _ if kind.is_fifo() => format!("pipe {attributes}"),
        _ if metadata.len() > 1 << 20 => format!("large file {attributes} {}", metadata.len()),
        _ => file(&attributes, metadata.mtime(), &fs::read(path).unwrap()),
    }
}

fn file(attributes: &str, mtime: i64, content: &[u8]) -> String {
    // podman makes 1970 of all times before it.
    let mtime = mtime.max(0);
    format!("file {attributes} {mtime} {}", Digest::sha256(content))
}

/// The numbers of a device as Linux encodes them.
fn device_numbers(device: u64) -> String {
    let major = (device >> 8) & 0xfff | (device >> 32) & !0xfff;
    let minor = device & 0xff | (device >> 12) & !0xff;
    format!("{major}:{minor}")
}

/// What our reader makes of an archive; `None` if it has markers, which are files to some programs.
fn ours(listing: &Listing) -> Option<Tree> {
    let mut tree = Tree::new();
    for (change, content) in listing {
        let Change::Upsert(entry) = change else { return None };
        let mut parent = entry.path.parent();
        while let Some(directory) = parent.filter(|it| !it.is_root()) {
            tree.entry(directory.clone()).or_insert_with(|| "directory 755 0:0".to_owned());
            parent = directory.parent();
        }
        if entry.path.is_root() {
            continue;
        }
        let described = match &entry.kind {
            Kind::Hardlink { target } => tree.get(target)?.clone(),
            _ => describe_entry(entry, content),
        };
        tree.insert(entry.path.clone(), described);
    }
    Some(tree)
}

fn describe_entry(entry: &Entry, content: &[u8]) -> String {
    let metadata = &entry.metadata;
    let attributes = format!("{:o} {}:{}", metadata.mode, metadata.uid, metadata.gid);
    match &entry.kind {
        Kind::Symlink { target } => format!("link {}", target.escape_ascii()),
        Kind::Directory => format!("directory {attributes}"),
        Kind::CharDevice(device) => format!("character device {attributes} {device}"),
        Kind::BlockDevice(device) => format!("block device {attributes} {device}"),
        Kind::Fifo => format!("pipe {attributes}"),
        _ => file(&attributes, metadata.mtime.seconds(), content),
    }
}

/// A line of the table: the same letter is the same reading.
fn row(name: &str, verdict: &str, readings: &[Option<Tree>]) -> String {
    let mut known: Vec<&Tree> = Vec::new();
    let mut row = format!("| {} | {} |", name.replace('|', "\\|"), verdict.replace('|', "\\|"));
    for reading in readings {
        let letter = reading.as_ref().map_or('–', |tree| {
            let position = known.iter().position(|it| *it == tree).unwrap_or_else(|| {
                known.push(tree);
                known.len() - 1
            });
            char::from(b'A' + position as u8)
        });
        write!(row, " {letter} |").unwrap();
    }
    row
}

fn table() -> String {
    let (taken, refused) = (accept::corpus(), refuse::all());
    let archives: Vec<&[u8]> = taken
        .iter()
        .map(|(_, archive, _)| archive.as_slice())
        .chain(refused.iter().map(|it| it.archive.as_slice()))
        .collect();
    let readings = readings(&archives);
    let (of_taken, of_refused) = readings.split_at(taken.len());

    let mut lines = vec![
        "# What programs make of odd archives".to_owned(),
        String::new(),
        "Measured by `oci-image/tests/oci-image/layer/readings.rs`, which has each program unpack each archive. The same letter in a \
         line is the same result: names, types, modes, owners, times and contents. `–` is a refusal. What umoci, containerd, \
         podman, GNU tar and Python agree on is taken. Refused is what is broken for all, or read differently by two of the six."
            .to_owned(),
        String::new(),
    ];
    let versions = PROGRAMS.map(|Program { version: [program, argument], .. }| {
        let output = Command::new(program).arg(argument).output().unwrap();
        let text = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
        text.lines().next().unwrap_or_default().split(" (20").next().unwrap().to_owned()
    });
    lines.push(format!("Programs: {}.", versions.join("; ")));
    let header = PROGRAMS.map(|program| program.name).join(" | ");
    lines.extend(["\n## Taken\n".to_owned(), format!("| archive | here | {header} |")]);
    lines.push("|---|---|---|---|---|---|---|---|".to_owned());
    for ((name, archive, _), readings) in taken.iter().zip(of_taken) {
        if let Some(ours) = ours(&list(archive).unwrap()) {
            for theirs in readings.iter().take(3).flatten() {
                assert_eq!(*theirs, ours, "{name}");
            }
            lines.push(row(name, "taken", readings));
        }
    }
    lines.extend(["\n## Refused\n".to_owned(), format!("| archive | because | {header} |")]);
    lines.push("|---|---|---|---|---|---|---|---|".to_owned());
    let mut alike = Vec::new();
    for (refuse::Checked { name, reason, .. }, readings) in refused.iter().zip(of_refused) {
        let distinct: BTreeSet<_> = readings.iter().collect();
        let is_proven =
            distinct.len() > 1 || distinct.contains(&None) || NO_OWNER.contains(&&**reason);
        if !is_proven {
            alike.push(format!("{name} ({reason}): {distinct:?}"));
        }
        lines.push(row(&format!("`{name}`"), reason, readings));
    }
    assert_eq!(alike, [""; 0], "all programs read these alike");
    lines.push(String::new());
    lines.join("\n")
}

#[test]
fn what_all_read_alike_is_taken_and_each_refusal_is_proven() {
    oci_testing::needs!(root, gnu_tar, "umoci", "containerd", "podman", "python3", "busybox");
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/archives.md");
    let measured = table();
    if std::env::var_os("OCI_WRITE_DOCS").is_some() {
        return fs::write(path, measured).unwrap();
    }
    let written = fs::read_to_string(path).unwrap();
    let versions =
        |text: &str| text.lines().find(|line| line.starts_with("Programs")).map(String::from);
    // Other versions may read other things, which the rules above still have to fit.
    if versions(&written) == versions(&measured) {
        assert!(written == measured, "docs/archives.md is old: set OCI_WRITE_DOCS=1\n{measured}");
    }
}
