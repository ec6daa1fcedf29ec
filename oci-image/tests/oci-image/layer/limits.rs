//! Layers that ask for too much.

use std::io::{self, Read};

use oci_image::archive::LimitExceeded::{
    Entries, FileBytes, PathBytes, PathDepth, PaxBytes, XattrBytes, Xattrs,
};
#[cfg(feature = "xz")]
use oci_image::layer::Decoder;
use oci_image::layer::{LimitExceeded, Limits, ReadError, Reader};

use super::read::{gzip, list_all};
use crate::raw::{Archive, Raw};

fn exceeds(archive: &[u8], limits: &dyn Fn(&mut Limits)) -> LimitExceeded {
    let read =
        |limits| Reader::detect(archive, limits).and_then(|mut reader| list_all(&mut reader));
    read(Limits::default()).expect("the default limits are wide enough");
    let mut tight = Limits::default();
    limits(&mut tight);
    match read(tight) {
        Err(ReadError::Limit(limit)) => limit,
        other => panic!("{other:?}"),
    }
}

/// `limit` is one less than what the archive needs.
fn needs(archive: &[u8], expected: impl Into<LimitExceeded>, set: impl Fn(&mut Limits, u64)) {
    let expected = expected.into();
    let limit = match expected {
        LimitExceeded::TotalBytes(limit) | LimitExceeded::Archive(Entries(limit)) => limit,
        LimitExceeded::Archive(FileBytes { limit, .. }) => limit,
        LimitExceeded::Archive(
            PathBytes(limit) | PathDepth(limit) | Xattrs(limit) | XattrBytes(limit)
            | PaxBytes(limit),
        ) => limit as u64,
        ref other => panic!("{other:?}"),
    };
    assert_eq!(exceeds(archive, &|limits| set(limits, limit)), expected);
    let mut enough = Limits::default();
    set(&mut enough, limit + 1);
    list_all(&mut Reader::detect(archive, enough).unwrap()).expect("the limit itself is good");
}

#[test]
fn each_limit_is_the_last_good_value() {
    let new = Archive::new;
    let three = new().pax(&[("uid", "1")]).file("a", "").file("b", "").end();
    needs(&three, Entries(2), |limits, limit| limits.archive.entries = limit);

    let total = new().file("a", "").end();
    let size = total.len() as u64;
    needs(&total, LimitExceeded::TotalBytes(size - 1), |limits, limit| limits.total_bytes = limit);

    let file = new().file("a", "12345").end();
    let expected = FileBytes { path: "a".parse().unwrap(), size: 5, limit: 4 };
    needs(&file, expected, |limits, limit| limits.archive.file_bytes = limit);

    let long =
        |kind| new().with(&Raw::gnu(kind, "L"), "12345\0").add(Raw::of(b'2', "a").link("b")).end();
    for archive in [
        new().file("12345", "").end(),
        new().add(Raw::of(b'2', "a").link("12345")).end(),
        new().add(Raw::of(b'1', "a").link("12345")).end(),
        new().pax(&[("path", "12345")]).file("a", "").end(),
        new().pax(&[("linkpath", "12345")]).add(Raw::of(b'2', "a").link("b")).end(),
        long(b'L'),
        long(b'K'),
    ] {
        needs(&archive, PathBytes(4), |limits, limit| {
            limits.archive.path_bytes = limit as usize;
        });
    }
    for archive in
        [new().file("a/b/c", "").end(), new().add(Raw::of(b'1', "a").link("a/b/c")).end()]
    {
        needs(&archive, PathDepth(2), |limits, limit| {
            limits.archive.path_depth = limit as usize;
        });
    }

    let xattrs = [("SCHILY.xattr.user.a", "xyz"), ("SCHILY.xattr.user.b", "")];
    let archive = new().pax(&xattrs).file("a", "").end();
    needs(&archive, Xattrs(1), |limits, limit| limits.archive.xattrs = limit as usize);
    needs(&archive, XattrBytes(14), |limits, limit| {
        limits.archive.xattr_bytes = limit as usize;
    });
    for archive in [
        new().pax(&[("comment", "x")]).file("a", ""),
        new().global(&[("comment", "x")]).file("a", ""),
    ] {
        needs(&archive.end(), PaxBytes(12), |limits, limit| {
            limits.archive.pax_bytes = limit as usize;
        });
    }
}

#[test]
fn a_size_beyond_any_memory_is_refused_before_memory_is_allocated() {
    for kind in [b'x', b'g', b'L', b'K'] {
        let mut raw = Raw::of(kind, "x");
        raw.put(124, b"\x80\0\0\0\x7f\xff\xff\xff\xff\xff\xff\xff");
        let archive = Archive::new().add(&raw).end();
        let found = list_all(&mut Reader::detect(&archive[..], Limits::default()).unwrap());
        assert!(matches!(found, Err(ReadError::Limit(_))), "{found:?}");
    }
}

/// 2 GiB of zeros after a header, compressed as they are asked for: one member after the other. Without a limit it
/// ends all the same.
struct Bomb {
    start: Vec<u8>,
    member: Vec<u8>,
    members: u64,
    position: usize,
}

impl Bomb {
    const SIZE: u64 = 2 << 30;

    fn new(compress: impl Fn(&[u8]) -> Vec<u8>) -> Self {
        let mut header = Raw::new("zeros");
        header.put(124, b"\x80\0\0\0\0\0\0\0\x80\0\0\0");
        let member = compress(&vec![0; 16 << 20]);
        Self {
            start: compress(&header.sealed()),
            member,
            members: Self::SIZE / (16 << 20),
            position: 0,
        }
    }
}

impl Read for Bomb {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = (&self.start[self.position..]).read(buffer)?;
        self.position += length;
        if self.position == self.start.len() && self.members > 0 {
            self.members -= 1;
            (self.start, self.position) = (self.member.clone(), 0);
        }
        Ok(length)
    }
}

fn gzip_best(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut encoder = flate2::bufread::GzEncoder::new(bytes, flate2::Compression::best());
    encoder.read_to_end(&mut out).unwrap();
    out
}

fn bombs() -> Vec<Bomb> {
    vec![
        Bomb::new(gzip_best),
        #[cfg(feature = "zstd")]
        Bomb::new(|bytes| zstd::encode_all(bytes, 1).unwrap()),
    ]
}

fn read_until_error(bomb: Bomb, limits: Limits) -> (u64, ReadError) {
    let mut reader = Reader::detect(bomb, limits).unwrap();
    reader.next_change().unwrap();
    let mut length = 0;
    loop {
        match reader.chunk() {
            Ok(Some(bytes)) => length += bytes.len() as u64,
            Ok(None) => panic!("the bomb went off"),
            Err(error) => return (length, error),
        }
    }
}

#[test]
fn bombs_stop_at_the_ratio() {
    for bomb in bombs() {
        let mut limits = Limits::default();
        limits.ratio_from = 64 << 20;
        let (length, error) = read_until_error(bomb, limits);
        assert!(matches!(error, ReadError::Limit(LimitExceeded::Ratio(200))), "{error:?}");
        assert!(length < 65 << 20, "{length}");
    }
}

#[test]
fn zeros_count_less_where_they_become_holes() {
    for bomb in bombs() {
        let mut limits = Limits::default();
        (limits.ratio_from, limits.zeros_per_byte) = (4 << 20, 16);
        let (length, error) = read_until_error(bomb, limits);
        assert!(matches!(error, ReadError::Limit(LimitExceeded::Ratio(200))), "{error:?}");
        assert!((63 << 20..66 << 20).contains(&length), "{length}");
    }
    // A zero there counts as a one.
    let zeros = gzip_best(&Archive::new().file("a", vec![0; 8 << 20]).end());
    let mut limits = Limits::default();
    (limits.ratio_from, limits.zeros_per_byte) = (4 << 20, 0);
    let error = list_all(&mut Reader::detect(&zeros[..], limits).unwrap()).unwrap_err();
    assert!(matches!(error, ReadError::Limit(LimitExceeded::Ratio(200))), "{error:?}");
    // Other bytes count as ever.
    let repeated = gzip_best(&Archive::new().file("a", vec![b'x'; 8 << 20]).end());
    let mut limits = Limits::default();
    (limits.ratio_from, limits.zeros_per_byte) = (4 << 20, 16);
    let mut reader = Reader::detect(&repeated[..], limits).unwrap();
    let error = list_all(&mut reader).unwrap_err();
    assert!(matches!(error, ReadError::Limit(LimitExceeded::Ratio(200))), "{error:?}");
}

#[test]
fn bombs_stop_at_the_total() {
    for bomb in bombs() {
        let mut limits = Limits::default();
        (limits.total_bytes, limits.ratio) = (80 << 20, u64::MAX);
        let (length, error) = read_until_error(bomb, limits);
        assert!(matches!(error, ReadError::Limit(LimitExceeded::TotalBytes(_))), "{error:?}");
        assert!(length < 81 << 20, "{length}");
    }
}

#[test]
fn bombs_stop_by_default_at_one_gibibyte() {
    let bomb = bombs().pop().unwrap();
    let (length, error) = read_until_error(bomb, Limits::default());
    assert!(matches!(error, ReadError::Limit(LimitExceeded::Ratio(200))), "{error:?}");
    assert!(length < 1025 << 20, "{length}");
}

#[test]
fn bombs_stop_where_the_content_is_skipped_too() {
    for bomb in bombs() {
        let mut limits = Limits::default();
        limits.ratio_from = 64 << 20;
        let mut reader = Reader::detect(bomb, limits).unwrap();
        reader.next_change().unwrap();
        let error = reader.finish().unwrap_err();
        assert!(matches!(error, ReadError::Limit(LimitExceeded::Ratio(_))), "{error:?}");
    }
}

#[test]
fn a_file_that_is_larger_than_all_is_refused_at_its_header() {
    let mut limits = Limits::default();
    limits.archive.file_bytes = 1 << 30;
    for bomb in bombs() {
        let error = Reader::detect(bomb, limits.clone()).unwrap().next_change().unwrap_err();
        assert!(
            matches!(
                error,
                ReadError::Limit(LimitExceeded::Archive(FileBytes { size: Bomb::SIZE, .. }))
            ),
            "{error:?}"
        );
    }
}

#[test]
fn many_empty_members_cost_no_stack() {
    let mut blob = gzip(b"").repeat(100_000);
    blob.extend(gzip(&Archive::new().file("a", "b").end()));
    let listing = list_all(&mut Reader::detect(&blob[..], Limits::default()).unwrap()).unwrap();
    assert_eq!(listing.len(), 1);
}

#[cfg(feature = "zstd")]
#[test]
fn a_window_that_is_too_large_is_refused() {
    // A frame without a content size, whose window descriptor says 2 to the power of `log`.
    let frame = |log: u8| [&[0x28, 0xb5, 0x2f, 0xfd, 0, (log - 10) << 3][..], &[1, 0, 0]].concat();
    let read = |log: u8, window: u64| {
        let mut limits = Limits::default();
        limits.zstd_window = window;
        let blob = frame(log);
        list_all(&mut Reader::detect(&blob[..], limits).unwrap())
    };
    assert!(read(27, 128 << 20).unwrap().is_empty());
    assert!(read(22, 4 << 20).unwrap().is_empty());
    for (log, window) in [(28, 128 << 20), (31, 128 << 20), (23, 4 << 20), (23, (8 << 20) - 1)] {
        match read(log, window) {
            Err(ReadError::Limit(LimitExceeded::ZstdWindow(limit))) => assert_eq!(limit, window),
            other => panic!("{other:?}"),
        }
    }
}

/// 260 bytes of text in a block whose dictionary has 256 MiB.
#[cfg(feature = "xz")]
const XZ: &[u8] =
    b"\xfd7zXZ\0\0\x01i\"\xde6\x02\0!\x01 \0\0\0\t\x88\xa5v\xe0\x01\x03\0\x13]\09\x9b\xc9\xf2\xe7\
        PU[8\xb2~2\xb8\xef\xfd\xee7\xc0\0\0\0\xefs\"\xba\0\x01+\x84\x02\0\0\0\xf1\xffQ@>0\r\x8b\x02\0\0\0\0\x01YZ";

#[cfg(feature = "xz")]
#[test]
fn xz_that_is_cut_short_is_refused() {
    let mut limits = Limits::default();
    limits.xz_memory = 512 << 20;
    for length in [12, XZ.len() / 2, XZ.len() - 1] {
        let read = Decoder::detect(&XZ[..length], &limits).unwrap().read_to_end(&mut Vec::new());
        assert!(read.is_err(), "{length}: {read:?}");
    }
}

#[cfg(feature = "xz")]
#[test]
fn memory_for_xz_that_is_too_large_is_refused() {
    let read = |memory: u64| {
        let mut limits = Limits::default();
        limits.xz_memory = memory;
        let mut text = Vec::new();
        Decoder::detect(XZ, &limits).unwrap().read_to_end(&mut text).map(|_| text)
    };
    assert_eq!(read(512 << 20).unwrap(), b"some content ".repeat(20));
    for memory in [0, 128 << 20, 256 << 20] {
        let error = read(memory).unwrap_err().into_inner().unwrap();
        match error.downcast_ref() {
            Some(ReadError::Limit(LimitExceeded::XzMemory(limit))) => assert_eq!(*limit, memory),
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn a_failing_source_is_told_from_a_broken_stream() {
    struct Broken;
    impl Read for Broken {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            Err(io::Error::new(io::ErrorKind::ConnectionReset, "gone"))
        }
    }
    let tar = Archive::new().file("a", vec![7; 600_000]).end();
    for blob in [tar.clone(), gzip(&tar)] {
        let half = blob.len() / 2;
        let source = (&blob[..half]).chain(Broken);
        let error = list_all(&mut Reader::detect(source, Limits::default()).unwrap()).unwrap_err();
        match error {
            ReadError::Source { read, source } => {
                assert_eq!((read, source.kind()), (half as u64, io::ErrorKind::ConnectionReset));
            }
            other => panic!("{other:?}"),
        }
    }
}
