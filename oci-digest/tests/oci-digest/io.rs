use std::io::{self, Cursor, ErrorKind, Read, Write};

use oci_digest::{Algorithm, Digest, HashWriter, VerifyError, VerifyReader};

fn read(content: &[u8], expected: &Digest, size: u64) -> (io::Result<Vec<u8>>, u64) {
    let mut source = Cursor::new(content);
    let mut bytes = Vec::new();
    let result = VerifyReader::new(&mut source, expected, size).unwrap().read_to_end(&mut bytes);
    (result.map(|_| bytes), source.position())
}

// covers: IMG-DESC-05
#[test]
fn a_reader_ends_without_an_error_after_the_right_content() {
    let digest = Digest::sha256("hello");
    let mut reader = VerifyReader::new(&b"hello"[..], &digest, 5).unwrap();
    assert!(!reader.is_verified());
    assert_eq!(io::copy(&mut reader, &mut io::sink()).unwrap(), 5);
    assert!(reader.is_verified());
    assert_eq!(reader.read(&mut [0; 9]).unwrap(), 0);
    assert!(reader.into_inner().is_empty());
}

// covers: IMG-DESC-07, IMG-DIG-04
#[test]
fn a_reader_takes_one_byte_beyond_the_size_and_no_more() {
    let (result, taken) = read(&[b'a'; 4000], &Digest::sha256([b'a'; 10]), 10);
    let error = result.unwrap_err();
    assert_eq!((error.kind(), taken), (ErrorKind::InvalidData, 11));
    let error = error.downcast::<VerifyError>().unwrap();
    assert_eq!(error, VerifyError::TooLong { digest: Digest::sha256([b'a'; 10]), size: 10 });
}

#[test]
fn a_reader_refuses_short_and_wrong_content_and_stays_failed() {
    let digest = Digest::sha256("hello");
    for (content, size) in [("hell", 5), ("hellO", 5), ("hello", 6), ("", 5)] {
        let mut reader = VerifyReader::new(content.as_bytes(), &digest, size).unwrap();
        for _ in 0..2 {
            let error = reader.read_to_end(&mut Vec::new()).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidData, "{content} {size}");
        }
        assert!(!reader.is_verified());
    }
}

#[test]
fn empty_content_is_verified_too() {
    assert_eq!(read(b"", &Digest::sha256(""), 0).0.unwrap(), b"");
    assert!(read(b"a", &Digest::sha256(""), 0).0.is_err());
    assert!(read(b"", &Digest::sha256("a"), 0).0.is_err());
}

/// A reader of one byte at a time that is interrupted before each.
struct Slow<'a>(&'a [u8], bool);

impl Read for Slow<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.1 = !self.1;
        if self.1 {
            return Err(ErrorKind::Interrupted.into());
        }
        let length = buffer.len().min(1);
        self.0.read(&mut buffer[..length])
    }
}

#[test]
fn interruptions_pass_through_and_do_no_harm() {
    let digest = Digest::sha256("hello");
    let mut reader = VerifyReader::new(Slow(b"hello", false), &digest, 5).unwrap();
    assert_eq!(reader.read(&mut [0; 9]).unwrap_err().kind(), ErrorKind::Interrupted);
    assert_eq!(io::copy(&mut reader, &mut io::sink()).unwrap(), 5);
}

#[test]
fn a_read_of_no_bytes_does_not_end_the_content() {
    let mut reader = VerifyReader::new(&b"a"[..], &Digest::sha256("a"), 1).unwrap();
    assert_eq!(reader.read(&mut []).unwrap(), 0);
    assert!(!reader.is_verified());
    assert_eq!(reader.read(&mut [0; 2]).unwrap(), 1);
}

/// A writer that takes at most three bytes at once, and nine in all.
struct ShortWriter(Vec<u8>);

impl Write for ShortWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let length = bytes.len().min(3).min(9 - self.0.len());
        self.0.extend_from_slice(&bytes[..length]);
        Ok(length)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_hash_writer_counts_what_was_taken_and_not_what_was_offered() {
    let mut writer = HashWriter::new(ShortWriter(Vec::new()), Algorithm::Sha256);
    assert_eq!(writer.write_all(b"0123456789").unwrap_err().kind(), ErrorKind::WriteZero);
    assert_eq!(writer.written(), 9);
    let (below, digest, size) = writer.finish();
    assert_eq!(
        (below.0.as_slice(), digest, size),
        (&b"012345678"[..], Digest::sha256("012345678"), 9)
    );
}
