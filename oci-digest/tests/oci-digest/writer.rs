use std::io::{self, ErrorKind, Write};

use oci_digest::{Digest, VerifyError, VerifyWriter};

/// A writer that takes at most three bytes at once and is interrupted before each.
#[derive(Debug, Default, PartialEq)]
struct ShortWriter(Vec<u8>, bool);

impl Write for ShortWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.1 = !self.1;
        if self.1 {
            return Err(ErrorKind::Interrupted.into());
        }
        let length = bytes.len().min(3);
        self.0.extend_from_slice(&bytes[..length]);
        Ok(length)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

// covers: IMG-DESC-05
#[test]
fn a_writer_finishes_after_the_right_content() {
    let digest = Digest::sha256("hello");
    let mut writer = VerifyWriter::new(ShortWriter::default(), &digest, 5).unwrap();
    writer.write_all(b"hell").unwrap();
    assert_eq!((writer.written(), writer.remaining()), (4, 1));
    writer.write_all(b"o").unwrap();
    assert_eq!(writer.finish().unwrap().0, b"hello");
}

// covers: IMG-DESC-07, IMG-DIG-04
#[test]
fn a_writer_refuses_a_byte_too_many_before_it_is_passed_on() {
    let digest = Digest::sha256("hello");
    let mut writer = VerifyWriter::new(Vec::new(), &digest, 5).unwrap();
    writer.write_all(b"hel").unwrap();
    let error = writer.write(b"lo!").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidData);
    let too_long = VerifyError::TooLong { digest, size: 5 };
    assert_eq!(error.downcast::<VerifyError>().unwrap(), too_long);
    assert_eq!(writer.into_parts().0, b"hel");
}

// covers: IMG-DESC-05, IMG-DESC-07
#[test]
fn a_writer_does_not_finish_after_short_or_other_content() {
    let expected = Digest::sha256("hello");
    let finish = |content: &str| {
        let mut writer = VerifyWriter::new(Vec::new(), &expected, 5).unwrap();
        writer.write_all(content.as_bytes()).unwrap();
        writer.finish()
    };
    let short = VerifyError::TooShort { digest: expected.clone(), size: 5, seen: 4 };
    assert_eq!(finish("hell"), Err(short));
    let actual = Digest::sha256("hellO");
    assert_eq!(finish("hellO"), Err(VerifyError::Mismatch { expected: expected.clone(), actual }));
}

#[test]
fn a_writer_continues_after_every_prefix() {
    let (content, digest) = (b"hello, world", Digest::sha256("hello, world"));
    for cut in 0..=content.len() {
        // Seen again, as after a restart, the prefix is hashed and written nowhere.
        let mut seen = VerifyWriter::new(io::sink(), &digest, 12).unwrap();
        seen.write_all(&content[..cut]).unwrap();
        let (_, verifier) = seen.into_parts();
        let mut writer = VerifyWriter::resume(Vec::new(), verifier);
        assert_eq!((writer.written(), writer.remaining()), (cut as u64, 12 - cut as u64));
        writer.write_all(&content[cut..]).unwrap();
        assert_eq!(writer.finish().unwrap(), content[cut..], "after {cut}");
    }
}

#[test]
fn errors_say_by_their_kind_whether_the_content_is_wrong() {
    let unknown: Digest = "md5:5d41402abc4b2a76b9719d911017c592".parse().unwrap();
    let unsupported = VerifyWriter::new(io::sink(), &unknown, 5).unwrap_err();
    assert_eq!(io::Error::from(unsupported.clone()).kind(), ErrorKind::Unsupported);
    let unsupported = VerifyError::from(unsupported);
    assert_eq!(io::Error::from(unsupported).kind(), ErrorKind::Unsupported);
    let wrong = Digest::sha256("").verify(b"a").unwrap_err();
    assert_eq!(io::Error::from(wrong).kind(), ErrorKind::InvalidData);
}
