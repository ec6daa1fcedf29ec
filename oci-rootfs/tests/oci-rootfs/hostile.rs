//! Layers that ask for too much, and machines that have too little.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::num::NonZeroUsize;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Stdio};

use oci_image::blob::{BlobSinkExt, BlobSource, Memory};
use oci_image::layer::{Compression, Encoder};
use oci_image::{Descriptor, MediaType};
use oci_rootfs::unpack::{apply_layer, apply_stream};
use oci_rootfs::{Root, UnpackErrorKind};

use crate::tree::outline;
use crate::unpack::options;
use oci_testing::mount::Mount;
use oci_testing::tar::{Tar, diff_id};

/// Names the test and the file that it is about, in a process of its own.
const INNER: &str = "OCI_ROOTFS_INNER_TEST";

/// Runs one test of this program, by way of a shell that makes something ready.
fn again(test: &str, prepare: &str, value: &Path) {
    let mut shell = Command::new("sh");
    shell.args(["-c", &format!("{prepare}; exec \"$0\" --exact {test}")]);
    shell.arg(std::env::current_exe().unwrap()).env(INNER, value);
    let output = shell.output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{test}: {}\n{text}", output.status);
}

/// A layer of one file: 10 GiB of zeros.
fn bomb(path: &Path, compression: &Compression) {
    let encode = |bytes: &[u8]| {
        let mut encoder = Encoder::new(Vec::new(), compression).unwrap();
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    };
    let mut block = Tar::new().file("zeros", "").end();
    block.truncate(512);
    // The largest size that the plain header can hold; what follows is an end of many blocks.
    block[124..135].copy_from_slice(b"77777777777");
    block[148..156].fill(b' ');
    let sum: u32 = block.iter().copied().map(u32::from).sum();
    block[148..155].copy_from_slice(format!("{sum:06o}\0").as_bytes());
    let mut file = File::create(path).unwrap();
    file.write_all(&encode(&block)).unwrap();
    let zeros = encode(&vec![0; 64 << 20]);
    (0..160).for_each(|_| file.write_all(&zeros).unwrap());
}

/// In a process that may have no more than 64 MiB.
#[test]
fn bombs_stop_at_the_limit_with_little_memory() {
    let Some(path) = std::env::var_os(INNER) else {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("bomb");
        let one = NonZeroUsize::MIN;
        for compression in [Compression::gzip().level(9), Compression::zstd()] {
            bomb(&path, &compression.threads(one));
            assert!(path.metadata().unwrap().len() < 11 << 20);
            let test = "hostile::bombs_stop_at_the_limit_with_little_memory";
            again(test, "ulimit -d 65536", &path);
        }
        return;
    };
    let directory = tempfile::tempdir().unwrap();
    let root = Root::create(directory.path().join("root")).unwrap();
    let mut options = options();
    options.limits.ratio_from = 16 << 20;
    let error = apply_stream(File::open(path).unwrap(), &root, &options).unwrap_err();
    assert_eq!(error.kind(), UnpackErrorKind::Layer, "{error:?}");
    let written = directory.path().join("root/zeros").metadata().unwrap().len();
    // The ratio is that to what was read, which is up to a buffer more than was used.
    assert!(written <= 64 << 20, "{written} bytes were written");
}

#[test]
fn a_bomb_fills_the_disk_of_a_trusting_program() {
    oci_testing::needs!(gnu_tar, "gzip", disk);
    let directory = tempfile::tempdir().unwrap();
    bomb(&directory.path().join("bomb"), &Compression::gzip().level(9));
    let mut shell = Command::new("sh");
    // Blocks of 512 or 1,024 bytes: larger than what is ever written above, and an end.
    shell.args(["-c", "ulimit -f 150000; exec tar -xzf bomb"]).current_dir(directory.path());
    assert!(!shell.stderr(Stdio::null()).status().unwrap().success());
    let written = directory.path().join("zeros").metadata().unwrap().len();
    assert!(written > 64 << 20, "{written} bytes were written");
}

/// Where `PATH` leads to programs that tell on whoever runs them.
#[test]
fn no_program_is_run_to_decompress() {
    let layer = |codec: &Compression| {
        let mut encoder = Encoder::new(Vec::new(), codec).unwrap();
        encoder.write_all(&Tar::new().file("f", "x").end()).unwrap();
        encoder.finish().unwrap()
    };
    if let Some(path) = std::env::var_os(INNER) {
        for compression in [Compression::gzip(), Compression::zstd()] {
            let root = Root::create(Path::new(&path).join("root")).unwrap();
            apply_stream(&layer(&compression)[..], &root, &options()).unwrap();
        }
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let told = directory.path().join("told");
    let trap = directory.path().join("trap");
    fs::create_dir(&trap).unwrap();
    for name in ["gzip", "unpigz", "pigz", "igzip", "zstd", "xz", "newuidmap", "newgidmap"] {
        let script = format!("#!/bin/sh\n: > '{}'\n", told.display());
        fs::write(trap.join(name), script).unwrap();
        fs::set_permissions(trap.join(name), fs::Permissions::from_mode(0o755)).unwrap();
    }
    let prepare = format!("PATH='{}':$PATH", trap.display());
    let test = "hostile::no_program_is_run_to_decompress";
    again(test, &prepare, directory.path());
    assert!(!told.exists());
    // The trap works: others step into it.
    fs::write(directory.path().join("layer.gz"), layer(&Compression::gzip())).unwrap();
    let tar = format!("{prepare}; cd '{}'; tar -xzf layer.gz", directory.path().display());
    let _ = Command::new("sh").args(["-c", &tar]).stderr(Stdio::null()).status().unwrap();
    assert!(told.exists());
}

/// A source that does something while a blob of it is opened.
struct OnOpen<'a, F>(&'a Memory, F);

impl<F: Fn()> BlobSource for OnOpen<'_, F> {
    fn open(&self, blob: &Descriptor) -> io::Result<Option<Box<dyn Read + Send + '_>>> {
        self.1();
        self.0.open(blob)
    }
}

#[test]
fn no_second_layer_is_applied_to_a_tree_at_the_same_time() {
    let directory = tempfile::tempdir().unwrap();
    let root = Root::create(directory.path().join("root")).unwrap();
    let layers = ["1", "2"].map(|content| Tar::new().file("f", content).end());
    let memory = Memory::new();
    let [one, other] = layers.each_ref().map(|layer| {
        let blob = Descriptor::of(MediaType::LAYER_TAR, layer);
        memory.put(&blob, &layer[..]).unwrap();
        (blob, diff_id(layer))
    });
    let second = || {
        let error = apply_layer(&memory, &other.0, &other.1, &root, &options()).unwrap_err();
        assert_eq!(error.kind(), UnpackErrorKind::Target, "{error:?}");
    };
    apply_layer(&OnOpen(&memory, second), &one.0, &one.1, &root, &options()).unwrap();
    assert_eq!(outline(root.path()), ["f: 1"]);
    apply_layer(&memory, &other.0, &other.1, &root, &options()).unwrap();
    assert_eq!(outline(root.path()), ["f: 2"]);
}

#[test]
fn names_are_bytes_of_which_255_fit() {
    let directory = tempfile::tempdir().unwrap();
    let root = Root::create(directory.path().join("root")).unwrap();
    let longest = "x".repeat(255);
    let names: [&[u8]; 7] =
        [b"A", b"a", "\u{e9}".as_bytes(), "e\u{301}".as_bytes(), b"\xff\xfe", b"a\nb", b"..."];
    let tar = names.iter().fold(Tar::new(), |tar, name| tar.file(name, name));
    apply_stream(&tar.file(&longest, "").end()[..], &root, &options()).unwrap();
    let mut expected: Vec<_> = names
        .iter()
        .map(|name| format!("{}: {}", name.escape_ascii(), name.escape_ascii()))
        .collect();
    expected.push(format!("{longest}: "));
    expected.sort();
    let mut found = outline(root.path());
    found.sort();
    assert_eq!(found, expected);

    let error = apply_stream(&Tar::new().file("x".repeat(256), "").end()[..], &root, &options())
        .unwrap_err();
    assert_eq!(error.kind(), UnpackErrorKind::Filesystem, "{error:?}");
}

// covers: IMG-LAYER-05
#[test]
fn links_are_not_relative_to_where_the_process_is() {
    let directory = tempfile::tempdir().unwrap();
    let root = Root::create(directory.path().join("root")).unwrap();
    let here = std::env::current_dir().unwrap();
    assert!(here.join("Cargo.toml").exists());
    for target in ["Cargo.toml", "./Cargo.toml"] {
        let layer = Tar::new().hardlink("h", target).end();
        apply_stream(&layer[..], &root, &options()).unwrap_err();
    }
}

#[test]
fn a_full_filesystem_leaves_a_tree_that_can_be_applied_again() {
    oci_testing::needs!(root);
    let layer = (0..64)
        .fold(Tar::new(), |tar, number| tar.file(format!("d/{number}"), vec![b'x'; 40_000]))
        .end();
    for (size, inodes) in [(1 << 20, 0), (0, 20)] {
        let mount = Mount::tmpfs(size, inodes);
        let root = Root::create(mount.path().join("root")).unwrap();
        let error = apply_stream(&layer[..], &root, &options()).unwrap_err();
        assert_eq!(error.kind(), UnpackErrorKind::Filesystem, "{error:?}");
        assert!(root.incomplete().unwrap().is_some());
        mount.lift_limits();
        apply_stream(&layer[..], &root, &options()).unwrap();
        assert!(root.incomplete().unwrap().is_none());
        assert_eq!(outline(root.path()).len(), 65);
    }
}
