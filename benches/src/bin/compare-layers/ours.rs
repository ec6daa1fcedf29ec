//! The tasks by the crates of this workspace, each in a process of its own that prints its peak memory at the end.

use std::fs::File;
use std::io::{self, Read, Write};
use std::path::Path;
use std::time::SystemTime;

use oci_digest::Hasher;
use oci_image::Algorithm;
use oci_image::images::Images;
use oci_image::layer::{Compression, Decoder, Limits};
use oci_layout::Layout;
use oci_rootfs::pack::Pack;
use oci_rootfs::{PackOptions, Root, UnpackOptions};

/// How much is decoded or written at once.
const PIECE: usize = 256 << 10;

/// Does one task, and prints its peak memory in KiB.
pub(crate) fn run(task: &[&str]) {
    match task {
        ["unpack", layout, tag, root] => unpack(layout, tag, Path::new(root)),
        ["decode", layout, tag] => decode(layout, tag, |file| file, |_| {}),
        ["digest", layout, tag] => digest(layout, tag),
        ["files", list, out] => files(list, Path::new(out)),
        ["pack", tree, codec, level, out] => pack(tree, codec, level.parse().unwrap(), out),
        _ => panic!("no such task: {task:?}"),
    }
    oci_benches::measure::tell_memory();
}

fn unpack(layout: &str, tag: &str, root: &Path) {
    let layout = Layout::open(layout).unwrap();
    let image = layout.image(tag).unwrap();
    oci_rootfs::unpack(&layout, image.manifest(), root, &UnpackOptions::default()).unwrap();
}

/// Decompression alone: no digests, no files.
fn decode<R: Read>(layout: &str, tag: &str, open: impl Fn(File) -> R, mut each: impl FnMut(&[u8])) {
    let layout = Layout::open(layout).unwrap();
    let mut buffer = vec![0; PIECE];
    for layer in &layout.image(tag).unwrap().manifest().layers {
        let name = layer.digest.to_string().replace(':', "/");
        let blob = File::open(layout.path().join("blobs").join(name)).unwrap();
        let mut decoder = Decoder::new(open(blob), &layer.media_type, &Limits::default()).unwrap();
        loop {
            match decoder.read(&mut buffer).unwrap() {
                0 => break,
                length => each(&buffer[..length]),
            }
        }
    }
}

/// Decompression, and the digests of blobs and layers.
fn digest(layout: &str, tag: &str) {
    let mut hasher = Hasher::new(Algorithm::Sha256);
    let open = |blob| Hashed { blob, hasher: Hasher::new(Algorithm::Sha256) };
    decode(layout, tag, open, |bytes| hasher.update(bytes));
    std::hint::black_box(hasher.finish());
}

/// Feeds what is read to a digest.
struct Hashed {
    blob: File,
    hasher: Hasher,
}

impl Read for Hashed {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = self.blob.read(buffer)?;
        self.hasher.update(&buffer[..length]);
        Ok(length)
    }
}

/// Makes the files of a list, filled with arbitrary bytes.
fn files(list: &str, out: &Path) {
    std::fs::create_dir(out).unwrap();
    let content = vec![b'x'; PIECE];
    for line in std::fs::read_to_string(list).unwrap().lines() {
        let (kind, path) = line.split_once(' ').unwrap();
        let path = out.join(path);
        match kind {
            "directory" => std::fs::create_dir(path).unwrap(),
            "link" => std::os::unix::fs::symlink("target", path).unwrap(),
            size => {
                let mut file = File::create_new(path).unwrap();
                let mut left = size.parse().unwrap();
                while left > 0 {
                    let length = PIECE.min(left);
                    file.write_all(&content[..length]).unwrap();
                    left -= length;
                }
                file.set_modified(SystemTime::UNIX_EPOCH).unwrap();
            }
        }
    }
}

fn pack(tree: &str, codec: &str, level: i32, out: &str) {
    let compression = match codec {
        "zstd" => Compression::zstd(),
        _ => Compression::gzip(),
    };
    std::fs::create_dir(out).unwrap();
    let blob = io::BufWriter::new(File::create(Path::new(out).join("blob")).unwrap());
    let options = PackOptions::new(compression.level(level));
    Pack::all(&Root::open(tree).unwrap()).write(blob, &options).unwrap();
}
