use std::io::Write;
use std::num::NonZeroUsize;

use oci_image::layer::{
    Change, Codec, Compression, Entry, EntryPath, Kind, Limits, Metadata, Order, Reader, Timestamp,
    WriteError, Writer,
};
use oci_image::{Descriptor, Digest, MediaType};
use proptest::prelude::*;

use super::generate;
use super::read::{Listing, list, list_all};
use crate::raw::{Archive, Raw};

fn write(changes: &Listing, compression: &Compression) -> (Vec<u8>, Descriptor, Digest) {
    let mut writer = Writer::new(Vec::new(), compression).unwrap();
    for (change, content) in changes {
        writer.append(change).unwrap();
        writer.write_all(content).unwrap();
    }
    writer.finish().unwrap()
}

fn file(path: &str) -> Change {
    Entry::new(path.parse().unwrap(), Kind::File { size: 0 }, Metadata::new(0o644)).into()
}

fn directory(path: &str) -> Change {
    Entry::new(path.parse().unwrap(), Kind::Directory, Metadata::new(0o755)).into()
}

fn whiteout(path: &str) -> Change {
    Change::Whiteout(path.parse().unwrap())
}

fn opaque(path: &str) -> Change {
    Change::Opaque(path.parse().unwrap())
}

fn all_compressions() -> Vec<Compression> {
    vec![
        Compression::none(),
        Compression::gzip(),
        #[cfg(feature = "zstd")]
        Compression::zstd(),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    // covers: IMG-LAYER-01, IMG-LAYER-03, IMG-LAYER-04, IMG-LAYER-05, IMG-LAYER-08
    #[test]
    fn what_is_written_is_read_again(changes in generate::changes(), codec in 0..3usize) {
        let compressions = all_compressions();
        let compression = &compressions[codec % compressions.len()];
        let (blob, descriptor, diff_id) = write(&changes, compression);
        prop_assert_eq!(&descriptor, &Descriptor::of(compression.media_type(), &blob));
        let mut reader = Reader::new(&blob[..], &descriptor.media_type, Limits::default()).unwrap();
        prop_assert_eq!(list_all(&mut reader).unwrap(), changes);
        prop_assert_eq!(reader.finish().unwrap(), diff_id);
    }
}

#[test]
fn plain_entries_take_one_block_each() {
    let long = format!("{}/{}", "d".repeat(155), "n".repeat(100));
    let changes = vec![(directory("/"), vec![]), (file("a/b"), vec![]), (file(&long), vec![])];
    let (blob, _, diff_id) = write(&changes, &Compression::none());
    let expected = Archive::new()
        .add(Raw::of(b'5', "./").mode(0o755).device(0, 0))
        .add(Raw::new("a/b").device(0, 0))
        .add(Raw::new("n".repeat(100)).put(345, "d".repeat(155).as_bytes()).device(0, 0))
        .end();
    assert_eq!(blob, expected);
    assert_eq!(diff_id, Digest::sha256(&blob));
}

#[test]
fn the_bytes_do_not_depend_on_the_number_of_threads() {
    let noise = (0..900_000u32).map(|n| (n.wrapping_mul(n) >> 11) as u8).collect();
    for content in [noise, b" eore texe tt".repeat(60_000)] {
        let kind = Kind::File { size: content.len() as u64 };
        let entry = Entry::new("content".parse().unwrap(), kind, Metadata::new(0o644));
        let changes = vec![(entry.into(), content)];
        for compression in all_compressions() {
            let blobs = [1, 2, 3, 8].map(|threads| {
                let compression = compression.clone().threads(NonZeroUsize::new(threads).unwrap());
                write(&changes, &compression).0
            });
            assert!(blobs.windows(2).all(|pair| pair[0] == pair[1]), "{compression:?}");
            assert_eq!(list(&blobs[0]).unwrap(), changes);
        }
    }
}

#[test]
fn every_level_is_read_again_and_others_are_refused() {
    let changes = vec![(file("a"), vec![])];
    for (compression, levels) in [
        (Compression::gzip(), 0..=9),
        #[cfg(feature = "zstd")]
        (Compression::zstd(), 1..=22),
    ] {
        for level in -1..=23 {
            let compression = compression.clone().level(level).threads(NonZeroUsize::MIN);
            match Writer::new(Vec::new(), &compression) {
                Ok(_) => {
                    assert!(levels.contains(&level), "{compression:?}");
                    assert_eq!(list(&write(&changes, &compression).0).unwrap(), changes);
                }
                Err(error) => {
                    assert!(!levels.contains(&level), "{compression:?}");
                    assert!(matches!(error, WriteError::Write(_)));
                }
            }
        }
    }
}

#[test]
fn a_media_type_names_the_compression() {
    for compression in all_compressions() {
        let (_, descriptor, _) = write(&Vec::new(), &compression);
        assert_eq!(Codec::of(&descriptor.media_type), Some(compression.codec()));
    }
    assert_eq!(Codec::of(&MediaType::DOCKER_LAYER_TAR_GZIP), Some(Codec::Gzip));
    assert_eq!(Codec::of(&MediaType::from("application/octet-stream")), None);
}

// covers: IMG-LAYER-14
#[test]
fn whiteouts_come_before_their_siblings() {
    let canonical = [
        opaque("/"),
        whiteout("b"),
        directory("a"),
        opaque("a"),
        whiteout("a/z"),
        file("a/b"),
        file("a-b"),
        file("a.b"),
        directory("b"),
    ];
    let mut writer = Writer::new(Vec::new(), &Compression::none()).unwrap();
    for change in &canonical {
        writer.append(change).unwrap();
    }
    writer.finish().unwrap();
    for pair in canonical.windows(2) {
        let mut writer = Writer::new(Vec::new(), &Compression::none()).unwrap();
        writer.append(&pair[1]).unwrap();
        let error = writer.append(&pair[0]).unwrap_err();
        assert!(matches!(error, WriteError::Order { .. }), "{} after {}", pair[0], pair[1]);
    }
}

// covers: IMG-LAYER-02
#[test]
fn no_path_is_written_twice() {
    for order in [Order::Canonical, Order::Any] {
        let mut writer = Writer::new(Vec::new(), &Compression::none()).unwrap().order(order);
        writer.append(&whiteout("a")).unwrap();
        writer.append(&file("a")).unwrap();
        let error = writer.append(&directory("a")).unwrap_err();
        assert!(matches!(error, WriteError::Duplicate(path) if path.as_bytes() == b"a"));
    }
}

#[test]
fn any_order_may_be_asked_for() {
    let mut writer = Writer::new(Vec::new(), &Compression::none()).unwrap().order(Order::Any);
    for change in [file("b"), file("a"), whiteout("a"), opaque("a")] {
        writer.append(&change).unwrap();
    }
    assert_eq!(list(&writer.finish().unwrap().0).unwrap().len(), 4);
}

#[test]
fn later_times_are_clamped() {
    let entry = |seconds, nanoseconds| {
        let mut metadata = Metadata::new(0o644);
        metadata.mtime = Timestamp::new(seconds, nanoseconds).unwrap();
        Entry::new("a".parse().unwrap(), Kind::Fifo, metadata)
    };
    for (given, written) in [((9, 5), (9, 5)), ((10, 1), (10, 0)), ((99, 0), (10, 0))] {
        let mut writer = Writer::new(Vec::new(), &Compression::none())
            .unwrap()
            .clamp_mtime(Timestamp::from_seconds(10));
        writer.append(&entry(given.0, given.1).into()).unwrap();
        let listing = list(&writer.finish().unwrap().0).unwrap();
        assert_eq!(listing[0].0, entry(written.0, written.1).into());
    }
}

#[test]
fn content_must_be_as_long_as_its_entry_says() {
    let entry = Entry::new("a".parse().unwrap(), Kind::File { size: 5 }, Metadata::new(0o644));
    let writer = || Writer::new(Vec::new(), &Compression::none()).unwrap();

    let mut short = writer();
    short.append(&entry.clone().into()).unwrap();
    short.write_all(b"four").unwrap();
    assert!(matches!(short.finish(), Err(WriteError::TooShort { size: 5, written: 4, .. })));

    let mut long = writer();
    long.append(&entry.clone().into()).unwrap();
    assert_eq!(long.write(b"sixsix").unwrap(), 5);
    assert_eq!(long.write(b"x").unwrap(), 0);

    let error = writer().append_file(&entry, &b"four"[..]).unwrap_err();
    assert!(matches!(error, WriteError::TooShort { .. }));
    let error = writer().append_file(&entry, &b"sixsix"[..]).unwrap_err();
    assert!(matches!(error, WriteError::TooLong { .. }));

    let mut good = writer();
    good.append_file(&entry, &b"fives"[..]).unwrap();
    assert_eq!(list(&good.finish().unwrap().0).unwrap()[0].1, b"fives");
}

#[test]
fn what_would_be_read_as_something_else_is_not_written() {
    let fifo = |path: EntryPath| Entry::new(path, Kind::Fifo, Metadata::new(0o644));
    let with = |change: &dyn Fn(&mut Entry)| {
        let mut entry = fifo("a".parse().unwrap());
        change(&mut entry);
        Change::from(entry)
    };
    for change in [
        fifo(EntryPath::ROOT).into(),
        fifo("a/.wh.b".parse().unwrap()).into(),
        fifo(".wh.a/b".parse().unwrap()).into(),
        Change::Whiteout(EntryPath::ROOT),
        whiteout(".wh.a"),
        opaque("a/.wh.b"),
        with(&|entry| entry.metadata.mode = 0o10_000),
        with(&|entry| entry.metadata.uid = u32::MAX),
        with(&|entry| entry.kind = Kind::Symlink { target: Vec::new() }),
        with(&|entry| entry.kind = Kind::Symlink { target: b"a\0b".into() }),
        with(&|entry| entry.kind = Kind::Hardlink { target: EntryPath::ROOT }),
        with(&|entry| entry.kind = Kind::Hardlink { target: ".wh.b".parse().unwrap() }),
        with(&|entry| drop(entry.metadata.xattrs.insert(b"user.a=b".into(), vec![]))),
        with(&|entry| drop(entry.metadata.windows.insert("path".into(), b"b".into()))),
    ] {
        let mut writer = Writer::new(Vec::new(), &Compression::none()).unwrap();
        let error = writer.append(&change).unwrap_err();
        assert!(matches!(error, WriteError::Unrepresentable { .. }), "{change}");
    }
}

// covers: IMG-LAYER-06
#[test]
fn windows_records_are_kept() {
    let mut metadata = Metadata::new(0o644);
    for (key, value) in [
        ("MSWINDOWS.fileattr", "32"),
        ("MSWINDOWS.rawsd", "AQAEgBQAAAAkAAAAAAAAADQAAAAB"),
        ("MSWINDOWS.mountpoint", "XFw/XEM6XA=="),
        ("LIBARCHIVE.creationtime", "1700000000.5"),
        (r"MSWINDOWS.a\b\xbf ä", "as it is"),
    ] {
        metadata.windows.insert(key.to_owned(), value.into());
    }
    let entry = Entry::new("Files/a".parse().unwrap(), Kind::Directory, metadata);
    let changes = vec![(entry.into(), vec![])];
    assert_eq!(list(&write(&changes, &Compression::none()).0).unwrap(), changes);
}
