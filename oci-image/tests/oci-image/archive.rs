//! Archives by the place of what they hold.

use std::cell::Cell;
use std::io::{self, Cursor, Read, Seek, SeekFrom};

use oci_image::archive::{
    Defect, EntryPath, Error, LimitExceeded, Limits, Member, PathError, Reader,
};

use crate::raw::{Archive, Raw};

fn all<R: Read + Seek>(mut reader: Reader<R>) -> Result<Vec<Member>, Error> {
    let mut members = Vec::new();
    while let Some(member) = reader.next_member()? {
        members.push(member);
    }
    Ok(members)
}

fn open(bytes: &[u8]) -> Reader<Cursor<&[u8]>> {
    Reader::new(Cursor::new(bytes), Limits::default()).unwrap()
}

#[test]
fn a_member_says_where_its_header_and_its_content_begin() {
    let tar = Archive::new()
        .file("a", "12345")
        .pax(&[("path", "b")])
        .file("x", [b'b'; 513])
        .directory("c")
        .end();
    let members = all(open(&tar)).unwrap();
    let places: Vec<_> = members
        .iter()
        .map(|it| (it.entry.path.to_string(), it.offset, it.content, it.entry.size()))
        .collect();
    let expected = [("/a", 0, 512, 5), ("/b", 1024, 2560, 513), ("/c", 3584, 4096, 0)];
    assert_eq!(places, expected.map(|(path, a, b, c)| (path.to_owned(), a, b, c)));
}

/// Counts the bytes that are read.
struct Counted<'a>(Cursor<&'a [u8]>, &'a Cell<usize>);

impl Read for Counted<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = self.0.read(buffer)?;
        self.1.set(self.1.get() + length);
        Ok(length)
    }
}

impl Seek for Counted<'_> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.0.seek(to)
    }
}

#[test]
fn content_that_is_not_requested_is_not_read() {
    let tar = Archive::new().file("a", vec![0; 1 << 20]).file("b", vec![0; 1 << 20]).end();
    let read = Cell::new(0);
    let source = Counted(Cursor::new(&tar), &read);
    assert_eq!(all(Reader::new(source, Limits::default()).unwrap()).unwrap().len(), 2);
    assert!(read.get() < 16 << 10, "{}", read.get());
}

#[test]
fn the_reader_is_the_content_of_the_member_returned_last() {
    let content: Vec<u8> = (0..20_000_u32).map(|byte| byte as u8).collect();
    let tar = Archive::new().file("a", &content).file("b", "b").end();
    let mut reader = open(&tar);
    for expected in [&content[..], b"b"] {
        let member = reader.next_member().unwrap().unwrap();
        assert_eq!(member.entry.size(), expected.len() as u64);
        let mut start = vec![0; expected.len() / 2];
        reader.read_exact(&mut start).unwrap();
        let mut rest = Vec::new();
        while let Some(bytes) = reader.chunk().unwrap() {
            rest.extend_from_slice(bytes);
        }
        assert_eq!([start, rest].concat(), expected);
        assert_eq!(reader.read(&mut [0]).unwrap(), 0);
    }
    assert_eq!(reader.next_member().unwrap(), None);
}

#[test]
fn an_archive_that_is_too_short_is_refused_though_its_content_is_skipped() {
    let tar = Archive::new().file("a", [b'a'; 9_000]).0;
    for length in 0..tar.len() {
        let found = all(open(&tar[..length]));
        // The padding of the last file need not be there.
        match length == 0 || length >= 512 + 9_000 {
            true => assert_eq!(found.unwrap().len(), length.min(1)),
            false => assert!(
                matches!(found, Err(Error::Refused { defect: Defect::Truncated, .. })),
                "{length}: {found:?}"
            ),
        }
    }
    let huge = Archive::new().add(Raw::new("a").size(1 << 32)).end();
    let mut wide = Limits::default();
    wide.file_bytes = u64::MAX;
    let found = all(Reader::new(Cursor::new(&huge[..]), wide).unwrap());
    assert!(matches!(found, Err(Error::Refused { offset: 512, defect: Defect::Truncated })));
}

#[test]
fn a_path_has_no_nul_byte_wherever_it_was_read() {
    assert_eq!(EntryPath::parse(b"a/b\0"), Err(PathError::Nul));
    assert_eq!("\0".parse::<EntryPath>(), Err(PathError::Nul));
}

#[test]
fn limits_hold_and_a_reader_that_failed_does_not_continue() {
    let tar = Archive::new().file("a", "").file("b", "").end();
    let mut limits = Limits::default();
    limits.entries = 1;
    let mut reader = Reader::new(Cursor::new(&tar[..]), limits).unwrap();
    assert!(reader.next_member().unwrap().is_some());
    let failed = reader.next_member();
    assert!(matches!(failed, Err(Error::Limit(LimitExceeded::Entries(1)))), "{failed:?}");
    assert!(matches!(reader.next_member(), Err(Error::FailedBefore)));
}
