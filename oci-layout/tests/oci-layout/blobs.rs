use std::fs;
use std::io::{ErrorKind, Read, Write};
use std::os::unix::fs::symlink;
use std::path::PathBuf;

use oci_image::blob::{BlobSink, BlobSinkExt, BlobSource, BlobSourceExt};
use oci_image::{Algorithm, Descriptor, Digest};
use oci_layout::{Durability, Layout, LayoutOptions, Reuse};

use crate::fixture::{empty, put};

fn path(layout: &Layout, blob: &Descriptor) -> PathBuf {
    let digest = &blob.digest;
    layout.path().join("blobs").join(digest.algorithm_name()).join(digest.encoded())
}

fn by(algorithm: Algorithm, content: &str) -> Descriptor {
    let digest = Digest::of(algorithm, content);
    Descriptor::new("text/plain".into(), digest, content.len() as u64)
}

/// What is under way in the layout.
fn under_way(layout: &Layout) -> Vec<String> {
    let names = fs::read_dir(layout.path().join(".in-flight")).unwrap();
    let names = names.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    names.filter(|name| name.contains('.')).collect()
}

#[test]
fn a_blob_of_a_reader_is_that_blob_or_none() {
    a_text_is_that_blob_or_none(&"many pieces ".repeat(60_000));
}

#[test]
fn a_blob_that_is_hashed_in_another_thread_is_that_blob_or_none() {
    a_text_is_that_blob_or_none(&"so many pieces ".repeat(500_000));
}

fn a_text_is_that_blob_or_none(text: &str) {
    let (_directory, layout) = empty();
    let blob = by(Algorithm::Sha256, text);
    let (other, longer) = (text.replacen('m', "n", 1), format!("{text}!"));
    for wrong in [&text[1..], &other, &longer] {
        let error = layout.put_from(&blob, wrong.as_bytes()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidData, "{error}");
        let broken = text.as_bytes().chain(Broken);
        assert_eq!(layout.put_from(&blob, broken).unwrap_err().kind(), ErrorKind::TimedOut);
        assert!(layout.open(&blob).unwrap().is_none());
        assert_eq!(under_way(&layout), [""; 0]);
    }
    layout.put_from(&blob, text.as_bytes()).unwrap();
    assert_eq!(layout.read(&blob, text.len()).unwrap(), text.as_bytes());
    layout.put_from(&blob, Broken).unwrap();
}

#[test]
fn a_large_blob_is_resumed_where_its_writer_stopped() {
    let (_directory, layout) = empty();
    let text = "so many pieces ".repeat(1_000_000);
    let blob = by(Algorithm::Sha256, &text);
    let (half, rest) = text.split_at(text.len() / 2);
    let mut writer = layout.resume(&blob).unwrap().unwrap();
    writer.write_all(half.as_bytes()).unwrap();
    writer.keep().unwrap();
    let mut writer = layout.resume(&blob).unwrap().unwrap();
    assert_eq!(writer.start(), half.len() as u64);
    writer.write_all(rest.as_bytes()).unwrap();
    writer.commit().unwrap();
    assert_eq!(layout.read(&blob, text.len()).unwrap(), text.as_bytes());
}

/// A reader that is not to be read.
struct Broken;

impl Read for Broken {
    fn read(&mut self, _: &mut [u8]) -> std::io::Result<usize> {
        Err(ErrorKind::TimedOut.into())
    }
}

// covers: IMG-LAYOUT-05, IMG-LAYOUT-06
#[test]
fn blobs_of_every_algorithm_are_where_the_spec_says() {
    for algorithm in [Algorithm::Sha256, Algorithm::Sha384, Algorithm::Sha512] {
        for durability in [Durability::Synced, Durability::Relaxed] {
            let directory = tempfile::tempdir().unwrap();
            let options = LayoutOptions::new().durability(durability);
            let layout = options.create(directory.path()).unwrap();
            let blob = by(algorithm, "content");
            assert!(layout.open(&blob).unwrap().is_none());
            layout.put(&blob, b"content").unwrap();
            layout.put(&blob, b"content").unwrap();
            assert_eq!(layout.read(&blob, 100).unwrap(), b"content");
            assert_eq!(fs::read(path(&layout, &blob)).unwrap(), b"content");
            assert!(layout.create(&blob).unwrap().is_none());
        }
    }
}

#[test]
fn digests_that_cannot_be_computed_are_neither_written_nor_read() {
    let (_directory, layout) = empty();
    let blob = Descriptor::new("text/plain".into(), "md5:abc".parse().unwrap(), 3);
    assert_eq!(layout.create(&blob).err().unwrap().kind(), ErrorKind::Unsupported);
    fs::create_dir(layout.path().join("blobs/md5")).unwrap();
    fs::write(path(&layout, &blob), "abc").unwrap();
    assert_eq!(BlobSource::open(&layout, &blob).err().unwrap().kind(), ErrorKind::Unsupported);
}

#[test]
fn what_is_dropped_before_the_commit_leaves_no_trace() {
    let (_directory, layout) = empty();
    let blob = by(Algorithm::Sha256, "content");
    let mut writer = layout.create(&blob).unwrap().unwrap();
    writer.write_all(b"cont").unwrap();
    assert_eq!(under_way(&layout).len(), 1);
    drop(writer);
    assert!(under_way(&layout).is_empty());
    assert!(layout.open(&blob).unwrap().is_none());
}

#[test]
fn wrong_content_is_not_committed() {
    let blob = by(Algorithm::Sha256, "content");
    for content in ["", "conten", "CONTENT", "content and more"] {
        let (_directory, layout) = empty();
        let error = layout.put(&blob, content.as_bytes()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidData, "{content}");
        assert!(under_way(&layout).is_empty());
        assert!(layout.open(&blob).unwrap().is_none());
    }
}

#[test]
fn damaged_blobs_are_refused_by_readers_and_replaced_by_writers() {
    for damaged in ["", "conten", "CONTENT", "content!"] {
        let (_directory, layout) = empty();
        let blob = put(&layout, "content");
        fs::write(path(&layout, &blob), damaged).unwrap();
        assert_eq!(layout.read(&blob, 100).unwrap_err().kind(), ErrorKind::InvalidData);
        layout.put(&blob, b"content").unwrap();
        assert_eq!(layout.read(&blob, 100).unwrap(), b"content");
    }
}

#[test]
fn only_the_option_makes_a_writer_trust_the_size() {
    let (_directory, layout) = empty();
    let blob = put(&layout, "content");
    fs::write(path(&layout, &blob), "CONTENT").unwrap();
    let trusting = LayoutOptions::new().reuse(Reuse::SizeOnly).open(layout.path()).unwrap();
    assert!(trusting.create(&blob).unwrap().is_none());
    assert!(trusting.read(&blob, 100).is_err());
    assert!(layout.create(&blob).unwrap().is_some());
    fs::write(path(&layout, &blob), "short").unwrap();
    assert!(trusting.create(&blob).unwrap().is_some());
}

#[test]
fn what_is_not_a_regular_file_is_not_read() {
    let (directory, layout) = empty();
    // A pipe has no bytes either.
    for content in ["content", ""] {
        let outside = directory.path().join("outside");
        fs::write(&outside, content).unwrap();
        let blob = put(&layout, content);
        let place = path(&layout, &blob);

        fs::remove_file(&place).unwrap();
        symlink(&outside, &place).unwrap();
        assert_eq!(layout.read(&blob, 100).unwrap_err().kind(), ErrorKind::InvalidData);

        fs::remove_file(&place).unwrap();
        rustix::fs::mknodat(
            rustix::fs::CWD,
            &place,
            rustix::fs::FileType::Fifo,
            rustix::fs::Mode::RWXU,
            0,
        )
        .unwrap();
        assert_eq!(layout.read(&blob, 100).unwrap_err().kind(), ErrorKind::InvalidData);

        fs::remove_file(&place).unwrap();
        fs::create_dir(&place).unwrap();
        assert_eq!(layout.read(&blob, 100).unwrap_err().kind(), ErrorKind::InvalidData);
    }
}

#[test]
fn a_link_in_place_of_a_blob_is_replaced_and_not_written_through() {
    let (directory, layout) = empty();
    let blob = put(&layout, "content");
    let outside = directory.path().join("outside");
    fs::write(&outside, "precious").unwrap();
    fs::remove_file(path(&layout, &blob)).unwrap();
    symlink(&outside, path(&layout, &blob)).unwrap();
    layout.put(&blob, b"content").unwrap();
    assert_eq!(fs::read(&outside).unwrap(), b"precious");
    assert_eq!(layout.read(&blob, 100).unwrap(), b"content");
}

#[test]
fn links_in_place_of_the_directories_are_not_followed() {
    for name in ["blobs", "blobs/sha256"] {
        let (directory, layout) = empty();
        let blob = put(&layout, "content");
        let outside = directory.path().join("outside");
        fs::rename(layout.path().join(name), &outside).unwrap();
        symlink(&outside, layout.path().join(name)).unwrap();
        assert!(layout.read(&blob, 100).is_err(), "{name}");
        let new = Descriptor::of("text/plain".into(), "new");
        assert!(layout.put(&new, b"new").is_err(), "{name}");
        assert!(!outside.join(new.digest.encoded()).exists());
        assert!(!outside.join("sha256").join(new.digest.encoded()).exists());
    }
}

#[test]
fn two_writers_of_one_blob_both_succeed() {
    let (_directory, layout) = empty();
    let blob = by(Algorithm::Sha256, "content");
    let other = Layout::open(layout.path()).unwrap();
    let mut writers =
        [layout.create(&blob).unwrap().unwrap(), other.create(&blob).unwrap().unwrap()];
    for writer in &mut writers {
        writer.write_all(b"content").unwrap();
    }
    for writer in writers {
        writer.commit().unwrap();
    }
    assert_eq!(layout.read(&blob, 100).unwrap(), b"content");
    assert_eq!(fs::read_dir(layout.path().join("blobs/sha256")).unwrap().count(), 1);
}
