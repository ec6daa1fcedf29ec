use std::io::{Cursor, Read};
use std::thread;

use oci_image::archive;
use oci_image::layer::{
    Change, Codec, CodecBy, Decoder, Device, Entry, Kind, Limits, Metadata, ReadError, Reader,
    Timestamp,
};
use oci_image::{Algorithm, Digest, MediaType};

use crate::raw::{Archive, Raw};

/// Changes with the content of files.
pub(crate) type Listing = Vec<(Change, Vec<u8>)>;

/// All that is in an archive.
pub(crate) fn list(bytes: &[u8]) -> Result<Listing, ReadError> {
    list_all(&mut Reader::detect(bytes, Limits::default())?)
}

pub(crate) fn list_all<R: Read>(reader: &mut Reader<R>) -> Result<Listing, ReadError> {
    let mut listing = Vec::new();
    while let Some(change) = reader.next_change()? {
        let mut content = Vec::new();
        while let Some(bytes) = reader.chunk()? {
            assert!(!bytes.is_empty(), "a chunk of nothing, for ever perhaps");
            content.extend_from_slice(bytes);
        }
        listing.push((change, content));
    }
    Ok(listing)
}

/// The members of an archive, as its own reader lists them, with the content where it is said to stand.
pub(crate) fn members(bytes: &[u8]) -> Result<Vec<(Entry, Vec<u8>)>, archive::Error> {
    let mut reader = archive::Reader::new(Cursor::new(bytes), archive::Limits::default())?;
    let mut listing = Vec::new();
    while let Some(member) = reader.next_member()? {
        let start = member.content as usize;
        let content = bytes.get(start..start + member.entry.size() as usize).unwrap_or_default();
        listing.push((member.entry, content.to_vec()));
    }
    Ok(listing)
}

fn entry(path: &str, kind: Kind, mode: u32) -> Entry {
    Entry::new(path.parse().unwrap(), kind, Metadata::new(mode))
}

pub(crate) fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    flate2::bufread::GzEncoder::new(bytes, flate2::Compression::fast())
        .read_to_end(&mut out)
        .unwrap();
    out
}

fn sample() -> Vec<u8> {
    Archive::new()
        .directory("./")
        .directory("./etc/")
        .file("/etc//passwd", "root:x:0:0")
        .add(Raw::of(b'2', "etc/link").link("../../outside").mode(0o777))
        .add(Raw::of(b'1', "etc/hard").link("/etc/passwd"))
        .add(Raw::of(b'3', "null").device(1, 3).mode(0o666))
        .add(Raw::of(b'4', "disk").device(8, 1).mode(0o660).owner(0, 6))
        .add(&Raw::of(b'6', "pipe"))
        .add(&Raw::new("etc/.wh.shadow"))
        .add(&Raw::new("var/.wh..wh..opq"))
        .end()
}

fn sample_changes() -> Listing {
    let mut disk = entry("disk", Kind::BlockDevice(Device { major: 8, minor: 1 }), 0o660);
    disk.metadata.gid = 6;
    [
        (entry("/", Kind::Directory, 0o755).into(), ""),
        (entry("etc", Kind::Directory, 0o755).into(), ""),
        (entry("etc/passwd", Kind::File { size: 10 }, 0o644).into(), "root:x:0:0"),
        (entry("etc/link", Kind::Symlink { target: b"../../outside".into() }, 0o777).into(), ""),
        (
            entry("etc/hard", Kind::Hardlink { target: "etc/passwd".parse().unwrap() }, 0o644)
                .into(),
            "",
        ),
        (entry("null", Kind::CharDevice(Device { major: 1, minor: 3 }), 0o666).into(), ""),
        (disk.into(), ""),
        (entry("pipe", Kind::Fifo, 0o644).into(), ""),
        (Change::Whiteout("etc/shadow".parse().unwrap()), ""),
        (Change::Opaque("var".parse().unwrap()), ""),
    ]
    .into_iter()
    .map(|(change, content): (Change, _)| (change, content.as_bytes().to_vec()))
    .collect()
}

// covers: IMG-LAYER-01, IMG-LAYER-03, IMG-LAYER-05, IMG-LAYER-08, IMG-LAYER-15
#[test]
fn reads_every_kind_of_change() {
    assert_eq!(list(&sample()).unwrap(), sample_changes());
}

#[test]
fn reads_the_same_from_other_threads() {
    let blob = gzip(&sample());
    let (listing, diff_id) = thread::scope(|scope| {
        let decoder = Decoder::new(&blob[..], &MediaType::LAYER_TAR_GZIP, &Limits::default());
        let mut reader = Reader::spawn(scope, decoder.unwrap(), Limits::default());
        (list_all(&mut reader).unwrap(), reader.finish().unwrap())
    });
    assert_eq!(listing, sample_changes());
    assert_eq!(diff_id, Digest::sha256(sample()));
}

#[test]
fn an_uncompressed_layer_that_its_source_verified_is_not_hashed_again() {
    // Not the digest of the content: what comes out shows where it comes from.
    let blob = Digest::sha256("blob");
    let finish = |bytes: &[u8], algorithm| {
        let decoder = Decoder::detect(bytes, &Limits::default()).unwrap();
        let decoder = decoder.diff_id_by(algorithm).verified_as(&blob);
        let here = Reader::from_decoder(decoder, Limits::default()).finish().unwrap();
        let decoder = Decoder::detect(bytes, &Limits::default()).unwrap();
        let decoder = decoder.diff_id_by(algorithm).verified_as(&blob);
        let elsewhere = thread::scope(|scope| {
            Reader::spawn(scope, decoder, Limits::default()).finish().unwrap()
        });
        assert_eq!(here, elsewhere);
        here
    };
    let tar = sample();
    assert_eq!(finish(&tar, Algorithm::Sha256), blob);
    assert_eq!(finish(&tar, Algorithm::Sha512), Digest::of(Algorithm::Sha512, &tar));
    assert_eq!(finish(&gzip(&tar), Algorithm::Sha256), Digest::sha256(&tar));
}

#[test]
fn threads_stop_when_the_reader_is_dropped() {
    thread::scope(|scope| {
        let endless = std::io::repeat(b'x');
        let mut limits = Limits::default();
        limits.total_bytes = u64::MAX;
        let decoder = Decoder::detect(endless, &limits).unwrap();
        drop(Reader::spawn(scope, decoder, limits));
    });
}

#[test]
fn the_diff_id_is_that_of_the_whole_stream() {
    let mut tar = sample();
    tar.extend_from_slice(b"what follows the end counts too");
    let reader = Reader::new(&tar[..], &MediaType::LAYER_TAR, Limits::default()).unwrap();
    assert_eq!(reader.finish().unwrap(), Digest::sha256(&tar));
}

#[test]
fn content_that_is_not_read_is_skipped() {
    let tar = Archive::new().file("a", vec![b'a'; 700_000]).file("b", "bb").end();
    let mut reader = Reader::detect(&tar[..], Limits::default()).unwrap();
    reader.next_change().unwrap();
    let mut start = [0; 5];
    reader.read_exact(&mut start).unwrap();
    assert_eq!((&start, reader.remaining()), (b"aaaaa", 699_995));
    reader.next_change().unwrap();
    let mut text = String::new();
    reader.read_to_string(&mut text).unwrap();
    assert_eq!(text, "bb");
}

#[test]
fn every_compression_has_the_same_content() {
    let half = sample().len() / 2;
    let members = [gzip(&sample()[..half]), gzip(b""), gzip(&sample()[half..])].concat();
    assert_eq!(list(&gzip(&sample())).unwrap(), sample_changes());
    assert_eq!(list(&members).unwrap(), sample_changes());
}

#[cfg(feature = "zstd")]
#[test]
fn zstd_may_have_many_frames() {
    let tar = sample();
    let (first, second) = tar.split_at(700);
    let skippable = b"\x53\x2a\x4d\x18\x05\0\0\0hello";
    let frames = [
        &skippable[..],
        &zstd::encode_all(first, 1).unwrap(),
        skippable,
        &zstd::encode_all(second, 19).unwrap(),
        skippable,
    ]
    .concat();
    assert_eq!(oci_image::layer::Codec::detect(&frames), oci_image::layer::Codec::Zstd);
    assert_eq!(list(&frames).unwrap(), sample_changes());
}

/// The library is stricter with a frame that it has as a whole than with one that comes in pieces.
#[cfg(feature = "zstd")]
#[test]
fn what_zstd_frames_mean_does_not_depend_on_how_they_arrive() {
    let frame = zstd::encode_all(&sample()[..], 1).unwrap();
    // It says that it has 49 bytes, and has none.
    let promise = b"\x28\xb5\x2f\xfd\x30\x31\x01\0\0";
    for (stream, content) in [
        (frame.clone(), Some(sample())),
        ([&promise[..], &frame].concat(), Some(sample())),
        ([&frame[..], promise, promise].concat(), Some(sample())),
        ([&frame[..], &frame[..frame.len() / 2]].concat(), None),
        ([&frame[..], &frame[..1]].concat(), None),
        ([&frame[..], b"more"].concat(), None),
    ] {
        for pieces in [1, 7, usize::MAX] {
            let source = Pieces { rest: &stream, pieces };
            let mut decoder = Decoder::detect(source, &Limits::default()).unwrap();
            let mut decoded = Vec::new();
            let result = decoder.read_to_end(&mut decoded);
            assert_eq!(result.is_ok(), content.is_some(), "{pieces}: {result:?}");
            assert!(content.as_ref().is_none_or(|content| *content == decoded), "{pieces}");
        }
    }
}

/// Gives so many bytes at once, at most.
#[cfg(feature = "zstd")]
struct Pieces<'a> {
    rest: &'a [u8],
    pieces: usize,
}

#[cfg(feature = "zstd")]
impl Read for Pieces<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let length = buffer.len().min(self.pieces);
        self.rest.read(&mut buffer[..length])
    }
}

#[test]
fn reads_times_to_the_nanosecond() {
    for (text, seconds, nanoseconds) in [
        ("0", 0, 0),
        ("1.5", 1, 500_000_000),
        ("-1.5", -2, 500_000_000),
        ("-0.25", -1, 750_000_000),
        ("-7", -7, 0),
        ("1700000000.123456789", 1_700_000_000, 123_456_789),
        ("1700000000.1234567899", 1_700_000_000, 123_456_789),
        ("99999999999", 99_999_999_999, 0),
        ("9223372036854775807", i64::MAX, 0),
        ("-9223372036854775808", i64::MIN, 0),
        ("-9223372036854775807.5", i64::MIN, 500_000_000),
    ] {
        let tar = Archive::new().pax(&[("mtime", text)]).file("a", "").end();
        let (Change::Upsert(entry), _) = list(&tar).unwrap().remove(0) else { panic!("{text}") };
        assert_eq!(entry.metadata.mtime, Timestamp::new(seconds, nanoseconds).unwrap(), "{text}");
    }
}

#[test]
fn the_content_decides_the_compression_where_it_is_asked_to() {
    let tar = sample();
    let mut by_content = Limits::default();
    by_content.codec = CodecBy::Content;
    let blobs = [
        (Codec::None, tar.clone()),
        (Codec::Gzip, gzip(&tar)),
        #[cfg(feature = "zstd")]
        (Codec::Zstd, zstd::encode_all(&tar[..], 1).unwrap()),
    ];
    for (found, blob) in &blobs {
        for media_type in [
            MediaType::LAYER_TAR,
            MediaType::LAYER_TAR_GZIP,
            MediaType::LAYER_TAR_ZSTD,
            MediaType::LAYER_NONDISTRIBUTABLE_TAR_GZIP,
            MediaType::DOCKER_LAYER_TAR,
            MediaType::DOCKER_LAYER_TAR_GZIP,
        ] {
            let declared = Codec::of(&media_type).unwrap();
            let strict = Reader::new(&blob[..], &media_type, Limits::default());
            match strict.map(|mut reader| list_all(&mut reader).unwrap()) {
                Ok(listing) => assert_eq!((declared, listing), (*found, sample_changes())),
                Err(ReadError::Mismatch { declared: said, found: seen }) => {
                    assert_eq!((said, seen), (declared, *found));
                    assert_ne!(declared, *found);
                }
                Err(error) => panic!("{error:?}"),
            }
            let mut reader = Reader::new(&blob[..], &media_type, by_content.clone()).unwrap();
            assert_eq!(list_all(&mut reader).unwrap(), sample_changes());
            assert_eq!(reader.finish().unwrap(), Digest::sha256(&tar));
        }
    }
}
