//! The tasks by the crates of this workspace, each in a process of its own that prints its peak memory at the end.

use std::fs::File;
use std::hint::black_box;

use oci_image::blob::{BlobSinkExt, BlobSource, BlobSourceExt};
use oci_image::images::Images;
use oci_image::{Descriptor, Index, json};
use oci_layout::{Archive, Durability, INDEX_LIMIT, Layout, LayoutOptions};

/// Does one task.
pub(crate) fn run(task: &[&str]) {
    match task {
        ["write", durability, file, digest, out] => write(durability, file, digest, out),
        ["resolve", layout, tag, times] => repeat(times, || {
            black_box(Layout::open(layout).unwrap().resolve(tag).unwrap());
        }),
        ["parse", layout, _, times] => repeat(times, || {
            let bytes = std::fs::read(format!("{layout}/index.json")).unwrap();
            black_box(json::from_slice_with_limit::<Index>(&bytes, INDEX_LIMIT).unwrap());
        }),
        ["parse-oci-spec", layout, _, times] => repeat(times, || {
            let bytes = std::fs::read(format!("{layout}/index.json")).unwrap();
            let index: oci_spec::image::ImageIndex = serde_json::from_slice(&bytes).unwrap();
            black_box(index);
        }),
        ["archive", archive, tag] => _ = Archive::open(archive).unwrap().resolve(tag).unwrap(),
        ["gc", layout, durability] => {
            options(durability).open(layout).unwrap().collect_garbage().unwrap();
        }
        ["copy", from, tag, to, how] => copy(from, tag, to, how),
        _ => panic!("no such task: {task:?}"),
    }
    oci_benches::measure::tell_memory();
}

fn options(durability: &str) -> LayoutOptions {
    let durability = match durability {
        "synced" => Durability::Synced,
        _ => Durability::Relaxed,
    };
    LayoutOptions::new().durability(durability)
}

fn repeat(times: &str, task: impl Fn()) {
    (0..times.parse().unwrap()).for_each(|_: u32| task());
}

fn write(durability: &str, file: &str, digest: &str, out: &str) {
    let layout = options(durability).create(out).unwrap();
    let file = File::open(file).unwrap();
    let size = file.metadata().unwrap().len();
    let blob = Descriptor::new("application/octet-stream".into(), digest.parse().unwrap(), size);
    layout.put_from(&blob, file).unwrap();
}

/// As the library does it, or byte by byte as between filesystems.
fn copy(from: &str, tag: &str, to: &str, how: &str) {
    let (source, target) = (Layout::open(from).unwrap(), options(how).create(to).unwrap());
    let root = source.resolve(tag).unwrap();
    if how == "bytes" {
        for node in source.walk(&root) {
            let blob = node.unwrap().descriptor;
            target.put_from(&blob, source.open(&blob).unwrap().unwrap()).unwrap();
        }
        target.tag(tag, &root).unwrap();
    } else {
        target.copy_from(&source, &root).unwrap().tag(tag).unwrap();
    }
}
