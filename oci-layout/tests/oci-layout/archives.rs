use std::error::Error;
use std::fs;
use std::io::Write;
use std::path::PathBuf;
#[cfg(feature = "xz")]
use std::process::Command;

use oci_image::archive::{self, Defect};
use oci_image::blob::{BlobSink, BlobSinkExt, BlobSource, BlobSourceExt};
use oci_image::images::Images;
use oci_image::{Algorithm, Descriptor, Digest, layer};
use oci_layout::{Archive, ArchiveWriter, DockerArchive, ErrorKind, Layout};
use tempfile::TempDir;

use crate::fixture::{empty, image, index_of, put};
use oci_testing::tar::{Tar, header};

/// A layout with an image `v1`, and the same as an archive.
fn archive() -> (TempDir, Layout, Vec<u8>) {
    let (directory, layout) = empty();
    let image = image(&layout, "content");
    layout.tag("v1", &image).unwrap();
    let tar = export(&layout);
    (directory, layout, tar)
}

fn export(layout: &Layout) -> Vec<u8> {
    let writer = ArchiveWriter::new(Vec::new()).unwrap();
    writer.append(layout, &layout.index().unwrap().manifests).unwrap();
    writer.finish().unwrap()
}

fn write(directory: &TempDir, bytes: &[u8]) -> PathBuf {
    let path = directory.path().join("archive.tar");
    fs::write(&path, bytes).unwrap();
    path
}

/// Changes the header of the file `name` and repairs its checksum.
fn edit_header(tar: &mut [u8], name: &str, change: impl FnOnce(&mut tar::Header)) {
    let at = (0..tar.len()).step_by(512).find(|at| tar[*at..].starts_with(name.as_bytes()));
    let block = &mut tar[at.unwrap()..][..512];
    let mut header = tar::Header::from_byte_slice(block).clone();
    change(&mut header);
    header.set_cksum();
    block.copy_from_slice(header.as_bytes());
}

// covers: IMG-LAYOUT-01
#[test]
fn an_archive_holds_what_the_layout_held() {
    let (directory, layout, tar) = archive();
    let archive = Archive::open(write(&directory, &tar)).unwrap();
    assert_eq!(archive.list().unwrap(), layout.list().unwrap());
    let (ours, theirs) = (layout.image("v1").unwrap(), archive.image("v1").unwrap());
    assert_eq!(ours.documents().unwrap(), theirs.documents().unwrap());
    for node in archive.walk(ours.descriptor()) {
        let blob = node.unwrap().descriptor;
        assert_eq!(archive.read(&blob, 1000).unwrap(), layout.read(&blob, 1000).unwrap());
    }
    assert!(BlobSource::open(&archive, &Descriptor::empty_json()).unwrap().is_none());
    assert_eq!(archive.resolve("v2").unwrap_err().kind(), std::io::ErrorKind::NotFound);
    assert_eq!(export(&layout), tar);
}

#[test]
fn compressed_archives_are_read() {
    let (directory, _layout, tar) = archive();
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(&tar).unwrap();
    Archive::open(write(&directory, &gzip.finish().unwrap())).unwrap().image("v1").unwrap();
    let compression = oci_image::layer::Compression::zstd();
    let mut zstd = oci_image::layer::Encoder::new(Vec::new(), &compression).unwrap();
    zstd.write_all(&tar).unwrap();
    Archive::open(write(&directory, &zstd.finish().unwrap())).unwrap().image("v1").unwrap();
}

#[test]
fn blobs_of_every_algorithm_are_archived() {
    let directory = tempfile::tempdir().unwrap();
    let writer = ArchiveWriter::new(Vec::new()).unwrap();
    for algorithm in [Algorithm::Sha256, Algorithm::Sha384, Algorithm::Sha512] {
        let blob = Descriptor::new("text/plain".into(), Digest::of(algorithm, "x"), 1);
        writer.put(&blob, b"x").unwrap();
        assert!(writer.create(&blob).unwrap().is_none());
        writer.tag(algorithm.name(), &blob).unwrap();
    }
    let archive = Archive::open(write(&directory, &writer.finish().unwrap())).unwrap();
    for entry in archive.list().unwrap() {
        assert_eq!(archive.read(&entry.descriptor, 10).unwrap(), b"x");
    }
}

#[test]
fn wrong_blobs_do_not_get_into_an_archive() {
    let blob = Descriptor::of("text/plain".into(), "content");
    let writer = ArchiveWriter::new(Vec::new()).unwrap();
    for wrong in ["", "conten", "CONTENT", "content!"] {
        assert!(writer.put(&blob, wrong.as_bytes()).is_err(), "{wrong}");
    }
    writer.put(&blob, b"content").unwrap();
    writer.finish().unwrap();
}

#[test]
fn an_archive_with_half_a_blob_is_not_finished() {
    let (_directory, layout) = empty();
    let blob = put(&layout, "content");
    let path = layout.path().join("blobs/sha256").join(blob.digest.encoded());
    fs::write(path, "CONTENT").unwrap();
    let writer = ArchiveWriter::new(Vec::new()).unwrap();
    assert_eq!(writer.append(&layout, &[blob]).unwrap_err().kind(), ErrorKind::Invalid);
    assert!(writer.finish().is_err());
}

#[test]
fn an_archive_must_have_every_blob_that_cannot_be_fetched() {
    let (_directory, layout) = empty();
    let mut absent = Descriptor::of("text/plain".into(), "absent");
    let writer = ArchiveWriter::new(Vec::new()).unwrap();
    let error = writer.append(&layout, &[absent.clone()]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
    absent.urls.push("https://example.org/absent".into());
    writer.append(&layout, &[absent]).unwrap();
    writer.finish().unwrap();
}

#[test]
fn damaged_blobs_in_an_archive_are_refused() {
    let (directory, layout, mut tar) = archive();
    let layer = layout.image("v1").unwrap().manifest().layers[0].clone();
    let at = tar.windows(7).position(|window| window == b"content").unwrap();
    tar[at] = b'C';
    let archive = Archive::open(write(&directory, &tar)).unwrap();
    let error = archive.read(&layer, 1000).unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::InvalidData);
}

#[test]
fn an_archive_has_one_reading_or_none() {
    let (directory, _layout, good) = archive();
    let refused = |tar: &[u8], why: &str| {
        let error = Archive::open(write(&directory, tar)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Invalid, "{why}");
    };
    let files = good.len() - 1024;

    let mut twice = good[..files].to_vec();
    twice.extend_from_slice(&good);
    refused(&twice, "each file twice");

    let mut content = good.clone();
    edit_header(&mut content, "blobs/", |header| header.set_size(512));
    Archive::open(write(&directory, &content)).expect("a directory has no content");

    let mut checksum = good.clone();
    checksum[148] ^= 1;
    refused(&checksum, "a wrong checksum");

    let mut cut = good.clone();
    edit_header(&mut cut, "index.json", |header| header.set_size(1 << 40));
    refused(&cut, "a file longer than the archive");

    for name in ["../oci-layout", "a/../../b"] {
        let mut outside = good.clone();
        edit_header(&mut outside, "oci-layout", |header| {
            header.as_old_mut().name[..name.len() + 1]
                .copy_from_slice(format!("{name}\0").as_bytes());
        });
        refused(&outside, name);
    }
}

/// Programs disagree on which files these hold, or whether there are any.
#[test]
fn archives_are_refused_for_what_layers_are_refused_for() {
    let index = r#"{"schemaVersion":2,"manifests":[]}"#;
    let begin = || Tar::new().file("oci-layout", r#"{"imageLayoutVersion":"1.0.0"}"#);
    let path = |name: &str| format!("{} path={name}\n", name.len() + 9);
    let renamed = |tar: Tar| tar.with(header(b'x', "pax"), path("index.json")).file("x", index);
    let long = header(b'L', "././@LongLink");
    let extra = header(b'x', "pax");
    for (tar, defect) in [
        (renamed(begin().with(long, "other.json\0")), Defect::ExtensionTwice),
        (renamed(begin().with(extra.clone(), path("other.json"))), Defect::ExtensionTwice),
        (
            begin().file("index.json", index).bytes([0; 512]).file("blobs/x", "hidden"),
            Defect::LoneZeroBlock,
        ),
        (
            begin().with(extra.clone(), "11 size=72\n").file("index.json", "{\"s"),
            Defect::SizeConflict { header: 3, record: 72 },
        ),
        (begin().file("index.json", index).with(extra, path("nothing")), Defect::ExtensionAlone),
    ] {
        let tar = tar.end();
        let mut layer = layer::Reader::detect(&tar[..], layer::Limits::default()).unwrap();
        let refused = loop {
            match layer.next_change() {
                Ok(change) => assert!(change.is_some(), "{defect:?}"),
                Err(layer::ReadError::Archive { offset, defect }) => break (offset, defect),
                Err(error) => panic!("{error:?}"),
            }
        };
        assert_eq!(refused.1, defect);
        let directory = tempfile::tempdir().unwrap();
        let path = write(&directory, &tar);
        for error in [
            Archive::open(&path).map(drop).unwrap_err(),
            DockerArchive::open(&path).map(drop).unwrap_err(),
        ] {
            assert_eq!(error.kind(), ErrorKind::Invalid);
            match error.source().unwrap().downcast_ref() {
                Some(archive::Error::Refused { offset, defect }) => {
                    assert_eq!((*offset, defect), (refused.0, &refused.1));
                }
                other => panic!("{other:?}"),
            }
        }
    }
}

#[test]
fn what_is_not_a_tar_archive_is_reported_as_such() {
    let directory = tempfile::tempdir().unwrap();
    for bytes in [&b"x"[..], b"{\"manifests\":[]}", &[b'x'; 2048], &[1; 511]] {
        let path = write(&directory, bytes);
        let expected = format!("cannot open archive `{}`: it is not a tar archive", path.display());
        assert_eq!(Archive::open(&path).unwrap_err().to_string(), expected);
        assert_eq!(DockerArchive::open(&path).unwrap_err().to_string(), expected);
    }
}

#[test]
fn an_archive_of_the_other_kind_is_named_as_such() {
    let directories = [(); 3].map(|()| tempfile::tempdir().unwrap());
    let tar = |index: usize, name| write(&directories[index], &Tar::new().file(name, "x").end());
    let (oci, docker) = (tar(0, "oci-layout"), tar(1, "manifest.json"));
    let other = tar(2, "etc/passwd");
    let cases = [
        (Archive::open(&docker).map(drop), "it is a docker-archive, which `DockerArchive` opens"),
        (DockerArchive::open(&oci).map(drop), "it is an oci-archive, which `Archive` opens"),
        (Archive::open(&other).map(drop), "the archive does not contain it"),
        (DockerArchive::open(&other).map(drop), "the archive does not contain it"),
    ];
    for (result, expected) in cases {
        assert_eq!(result.unwrap_err().source().unwrap().to_string(), expected);
    }
}

fn reason(path: &PathBuf) -> String {
    Archive::open(path).unwrap_err().source().unwrap().to_string()
}

#[test]
fn a_compression_that_cannot_be_read_is_named_with_what_converts_it() {
    let directory = tempfile::tempdir().unwrap();
    let bzip2 = write(&directory, b"BZh91AY&SY and more");
    let expected = "it is compressed by bzip2, which this build cannot read: \
                    decompress it by `bzip2 -d`";
    assert_eq!(reason(&bzip2), expected);
    #[cfg(not(feature = "xz"))]
    {
        let xz = write(&directory, b"\xfd7zXZ\0 and more");
        let expected = "it is compressed by xz, which this build cannot read: \
                        build with the feature `xz`, or decompress it by `xz -d`";
        assert_eq!(reason(&xz), expected);
    }
    // The name of a file may begin so.
    let tar = Tar::new().file("BZh9", "").file("oci-layout", "{}").end();
    assert!(reason(&write(&directory, &tar)).contains("imageLayoutVersion"));
}

#[test]
#[cfg(feature = "xz")]
fn archives_compressed_by_xz_are_read() {
    oci_testing::needs!("xz");
    let (directory, layout, tar) = archive();
    let path = write(&directory, &tar);
    let status = Command::new("xz").args(["-k", "-T2", "--block-size=4096"]).arg(&path).status();
    assert!(status.unwrap().success());
    let xz = path.with_extension("tar.xz");
    let archive = Archive::open(&xz).unwrap();
    assert_eq!(archive.list().unwrap(), layout.list().unwrap());
    let bytes = fs::read(&xz).unwrap();
    for broken in [bytes[..bytes.len() - 1].to_vec(), [&bytes[..], b"more"].concat()] {
        let error = Archive::open(write(&directory, &broken)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Invalid);
    }
}

#[test]
fn pax_headers_count_and_malformed_ones_do_not_pass() {
    let (directory, _layout, good) = archive();
    let with = |kind: u8, records: &str| {
        let mut header = tar::Header::new_ustar();
        header.set_entry_type(tar::EntryType::new(kind));
        header.set_size(records.len() as u64);
        header.set_cksum();
        let mut tar = header.as_bytes().to_vec();
        tar.extend_from_slice(records.as_bytes());
        tar.resize(1024, 0);
        // The first file is `oci-layout`.
        let mut rest = good.clone();
        if records.contains("path=") {
            edit_header(&mut rest, "oci-layout", |header| header.as_old_mut().name[0] = b'x');
        }
        tar.extend_from_slice(&rest);
        Archive::open(write(&directory, &tar)).map(|_| ())
    };
    with(b'x', "19 path=oci-layout\n").unwrap();
    with(b'x', "11 size=30\n").unwrap();
    assert_eq!(with(b'x', "11 size=29\n").unwrap_err().kind(), ErrorKind::Invalid);
    assert_eq!(with(b'x', "11 size=31\n").unwrap_err().kind(), ErrorKind::Invalid);
    with(b'g', "13 comment=a\n").unwrap();
    for bad in ["18 path=oci-layout\n", "path=oci-layout\n", "99 path=oci-layout\n", "x", "0 \n"] {
        assert_eq!(with(b'x', bad).unwrap_err().kind(), ErrorKind::Invalid, "{bad}");
    }
    let twice = "19 path=oci-layout\n19 path=oci-layout\n";
    with(b'x', twice).unwrap();
    let global = with(b'g', "19 path=oci-layout\n").unwrap_err();
    assert_eq!(global.kind(), ErrorKind::Invalid);
}

#[test]
fn what_is_not_an_archive_is_not_opened() {
    let directory = tempfile::tempdir().unwrap();
    let missing = Archive::open(directory.path().join("missing")).unwrap_err();
    assert_eq!(missing.kind(), ErrorKind::NotFound);
    assert_eq!(Archive::open(directory.path()).unwrap_err().kind(), ErrorKind::Invalid);
    let empty = Archive::open(write(&directory, b"")).unwrap_err();
    assert_eq!(empty.kind(), ErrorKind::NotFound);
    assert!(Archive::open(write(&directory, b"x")).is_err());
}

#[test]
fn nested_indexes_are_archived_whole() {
    let (directory, layout) = empty();
    let inner = image(&layout, "inner");
    let outer = index_of(&layout, vec![index_of(&layout, vec![inner.clone()])]);
    layout.tag("outer", &outer).unwrap();
    let archive = Archive::open(write(&directory, &export(&layout))).unwrap();
    assert_eq!(archive.resolve(inner.digest.as_str()).unwrap().digest, inner.digest);
    archive.image("outer").unwrap().config().unwrap();
}

/// How much this thread has read, in bytes.
#[cfg(target_os = "linux")]
pub(crate) fn read_so_far() -> u64 {
    let text = fs::read_to_string("/proc/thread-self/io").unwrap();
    text.lines().find_map(|line| line.strip_prefix("rchar: ")).unwrap().parse().unwrap()
}

#[test]
#[cfg(target_os = "linux")]
fn opening_reads_headers_alone_however_large_the_blobs_are() {
    let (directory, _layout, mut tar) = archive();
    let size: u64 = 2 << 30;
    let mut header = tar::Header::new_gnu();
    header.set_path(format!("blobs/sha256/{}", "0".repeat(64))).unwrap();
    header.set_size(size);
    header.set_mode(0o644);
    header.set_cksum();
    tar.truncate(tar.len() - 1024);
    tar.extend(header.as_bytes());
    let path = write(&directory, &tar);
    fs::OpenOptions::new()
        .write(true)
        .open(&path)
        .unwrap()
        .set_len(tar.len() as u64 + size)
        .unwrap();

    let before = read_so_far();
    let archive = Archive::open(&path).unwrap();
    let read = read_so_far() - before;
    assert!(read < 64 << 10, "{read} bytes were read");
    archive.image("v1").unwrap();
}
