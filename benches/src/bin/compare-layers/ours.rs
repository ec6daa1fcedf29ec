//! What this workspace's crates do, in a process of its own: its memory is told at the end.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use oci_image::layer::{Compression, Decoder, Limits};
use oci_layout::pack::{Pack, PackOptions};
use oci_layout::{Layout, Root, UnpackOptions};

/// Does one task, and prints the most memory that it held, in KiB.
pub(crate) fn run(task: &[&str]) {
    match task {
        ["unpack", layout, tag, root] => unpack(layout, tag, Path::new(root)),
        ["decode", layout, tag] => decode(layout, tag),
        ["pack", tree, codec, level, out] => pack(tree, codec, level.parse().unwrap(), out),
        _ => panic!("no such task: {task:?}"),
    }
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    println!("{}", peak.trim().trim_end_matches(" kB"));
}

fn unpack(layout: &str, tag: &str, root: &Path) {
    let layout = Layout::open(layout).unwrap();
    layout.image(tag).unwrap().unpack(root, &UnpackOptions::default()).unwrap();
}

/// What decompression alone takes: neither digests nor files.
fn decode(layout: &str, tag: &str) {
    let layout = Layout::open(layout).unwrap();
    let mut buffer = vec![0; 256 << 10];
    for layer in &layout.image(tag).unwrap().manifest().layers {
        let name = layer.digest.to_string().replace(':', "/");
        let blob = File::open(layout.path().join("blobs").join(name)).unwrap();
        let mut decoder = Decoder::new(blob, &layer.media_type, &Limits::default()).unwrap();
        while decoder.read(&mut buffer).unwrap() > 0 {}
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
