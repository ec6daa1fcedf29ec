//! Files with holes.

use std::fs::{self, File};
use std::os::unix::fs::{FileExt, MetadataExt};
use std::time::Instant;

use oci_image::blob::Memory;
use oci_image::layer::{Change, Compression, Kind, Limits, Reader};
use oci_rootfs::pack::{Pack, PackOptions};
use oci_rootfs::unpack::apply_layer;
use oci_rootfs::{Root, UnpackOptions};
use oci_testing::tar::{Tar, header};
use proptest::prelude::*;

use crate::any_layers::config;

/// How much of the disk a file takes, in bytes.
fn taken(file: &fs::Metadata) -> u64 {
    file.blocks() * 512
}

#[test]
fn a_file_with_holes_goes_there_and_back_in_no_more_room() {
    const SIZE: u64 = (1 << 30) + 12_345;
    for compression in [Compression::gzip(), Compression::zstd()] {
        let directory = oci_testing::directory();
        let [made, unpacked] = ["made", "unpacked"].map(|name| directory.path().join(name));
        fs::create_dir(&made).unwrap();
        let file = File::create(made.join("sparse")).unwrap();
        file.set_len(SIZE).unwrap();
        file.write_all_at(b"begin", 0).unwrap();
        file.write_all_at(&[b'm'; 5000], SIZE / 2).unwrap();
        let blobs = Memory::new();
        let begin = Instant::now();
        let layer = Pack::all(&Root::open(&made).unwrap())
            .store(&blobs, &PackOptions::new(compression))
            .unwrap();
        println!("packed in {:?}", begin.elapsed());
        // The limits are the default ones.
        let (root, options) = (Root::create(&unpacked).unwrap(), UnpackOptions::default());
        apply_layer(&blobs, &layer.descriptor, &layer.diff_id, &root, &options).unwrap();
        let back = File::open(unpacked.join("sparse")).unwrap();
        let metadata = back.metadata().unwrap();
        assert_eq!(metadata.len(), SIZE);
        assert!(taken(&metadata) < 1 << 20, "{} bytes", taken(&metadata));
        let mut bytes = [0; 5002];
        back.read_exact_at(&mut bytes, SIZE / 2 - 1).unwrap();
        assert_eq!((bytes[0], bytes[1], bytes[5000], bytes[5001]), (0, b'm', b'm', 0));
    }
}

/// Whatever is written where, the content is the same.
#[test]
fn what_is_read_and_written_around_holes_is_the_content() {
    let part = (0..40u64, 1..20_000usize, prop::bool::weighted(0.7));
    let file = (prop::collection::vec(part, 0..5), 0..700_000u64);
    proptest!(config(60), |((parts, size) in file)| {
        let directory = oci_testing::directory();
        let path = directory.path().join("f");
        let file = File::create(&path).unwrap();
        file.set_len(size).unwrap();
        for (page, length, is_data) in parts {
            let bytes = vec![u8::from(is_data); length];
            file.write_all_at(&bytes, page * 16_384 + u64::from(is_data) * 77).unwrap();
        }
        let content = fs::read(&path).unwrap();
        let options = PackOptions::new(Compression::none());
        let root = Root::open(directory.path()).unwrap();
        let (layer, _) = Pack::all(&root).write(Vec::new(), &options).unwrap();
        let mut reader = Reader::detect(&layer[..], Limits::default()).unwrap();
        let mut packed = None;
        while let Some(change) = reader.next_change().unwrap() {
            if matches!(&change, Change::Upsert(entry) if matches!(entry.kind, Kind::File { .. })) {
                let mut bytes = Vec::new();
                std::io::Read::read_to_end(&mut reader, &mut bytes).unwrap();
                packed = Some(bytes);
            }
        }
        prop_assert!(packed.as_ref() == Some(&content));
        let out = tempfile::tempdir().unwrap();
        let root = Root::open(out.path()).unwrap();
        oci_rootfs::unpack::apply_stream(&layer[..], &root, &UnpackOptions::rootless()).unwrap();
        prop_assert!(fs::read(out.path().join("f")).unwrap() == content);
    });
}

#[test]
fn zeros_in_a_layer_take_no_room() {
    let zeros = vec![0; 1 << 20];
    let mixed = [&zeros[..], b"data", &zeros[..]].concat();
    let layer = Tar::new()
        .with(header(b'0', "all"), &zeros)
        .with(header(b'0', "mixed"), &mixed)
        .with(header(b'0', "small"), [0; 100])
        .end();
    let directory = oci_testing::directory();
    let root = Root::open(directory.path()).unwrap();
    oci_rootfs::unpack::apply_stream(&layer[..], &root, &UnpackOptions::rootless()).unwrap();
    for (name, content) in [("all", &zeros), ("mixed", &mixed), ("small", &vec![0; 100])] {
        let path = directory.path().join(name);
        assert!(fs::read(&path).unwrap() == *content, "{name}");
        assert!(taken(&fs::metadata(&path).unwrap()) <= 64 << 10, "{name}");
    }
}
