use std::io::{self, Cursor, ErrorKind, Read};

use oci_digest::{Algorithm, Digest, VerifyError, VerifyReader, verify_all};

/// The kind of error that came out for each key, in the order of the keys.
fn outcomes<R: Read>(
    contents: Vec<io::Result<VerifyReader<R>>>,
    at_once: usize,
) -> Vec<Option<ErrorKind>> {
    let count = contents.len();
    let mut outcomes = vec![None; count];
    let mut ended = 0;
    for (key, outcome) in verify_all(contents.into_iter().enumerate(), at_once) {
        outcomes[key] = outcome.err().map(|error| error.kind());
        ended += 1;
    }
    assert_eq!(ended, count);
    outcomes
}

fn reader<'a>(content: &'a [u8], digest: &Digest, size: u64) -> io::Result<VerifyReader<&'a [u8]>> {
    Ok(VerifyReader::new(content, digest, size)?)
}

// covers: IMG-DESC-05
#[test]
fn of_many_contents_each_is_verified_whatever_their_lengths() {
    let lengths = [0, 1, 63, 64, 100, 5000, (64 << 10) - 1, 64 << 10, (64 << 10) + 1, 300_000];
    let contents: Vec<_> =
        (0..30).map(|i| vec![i as u8; lengths[i % lengths.len()] + i / 10]).collect();
    let algorithm = |i: usize| [Algorithm::Sha256, Algorithm::Sha512][usize::from(i % 7 == 3)];
    for at_once in [0, 1, 3, 8, 100] {
        let mut expected = Vec::new();
        let contents = contents.iter().enumerate().map(|(i, content)| {
            let is_wrong = i % 4 == 1;
            expected.push(is_wrong.then_some(ErrorKind::InvalidData));
            let digest = match is_wrong {
                true => Digest::of(algorithm(i), "other"),
                false => Digest::of(algorithm(i), content),
            };
            reader(content, &digest, content.len() as u64)
        });
        let contents = contents.collect();
        assert_eq!(outcomes(contents, at_once), expected, "{at_once} at once");
    }
}

// covers: IMG-DESC-07, IMG-DIG-04
#[test]
fn of_a_content_that_is_too_long_one_byte_is_read_beyond_its_size() {
    let digest = Digest::sha256([7; 10]);
    let mut long = Cursor::new([7; 1000]);
    let verified = VerifyReader::new(&mut long, &digest, 10).unwrap();
    let (_, outcome) = verify_all([((), Ok(verified))], 8).next().unwrap();
    let error = outcome.unwrap_err().downcast::<VerifyError>().unwrap();
    assert_eq!(error, VerifyError::TooLong { digest: digest.clone(), size: 10 });
    assert_eq!(long.position(), 11);
    let short = outcomes(vec![reader(&[7; 9], &digest, 10)], 8);
    assert_eq!(short, [Some(ErrorKind::InvalidData)]);
}

/// Fails after a few bytes, and is interrupted before.
struct Broken(usize);

impl Read for Broken {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0 += 1;
        match self.0 {
            1 => Ok(buffer.len().min(3)),
            2 => Err(ErrorKind::Interrupted.into()),
            _ => Err(ErrorKind::PermissionDenied.into()),
        }
    }
}

#[test]
fn what_cannot_be_read_or_opened_comes_out_with_its_own_error() {
    let broken = VerifyReader::new(Broken(0), &Digest::sha256("hello"), 5).unwrap();
    let missing = Err(ErrorKind::NotFound.into());
    let expected = [Some(ErrorKind::PermissionDenied), Some(ErrorKind::NotFound)];
    assert_eq!(outcomes(vec![Ok(broken), missing], 8), expected);
}

#[test]
fn a_content_that_was_read_in_part_or_whole_is_read_on() {
    let digest = Digest::sha256("hello");
    let mut contents = Vec::new();
    for length in [0, 3, 5, 9] {
        let mut reader = reader(b"hello", &digest, 5).unwrap();
        reader.by_ref().take(length).read_to_end(&mut Vec::new()).unwrap();
        contents.push(Ok(reader));
    }
    let mut failed = reader(b"jello", &digest, 5).unwrap();
    failed.read_to_end(&mut Vec::new()).unwrap_err();
    contents.push(Ok(failed));
    let expected = [None, None, None, None, Some(ErrorKind::InvalidData)];
    assert_eq!(outcomes(contents, 8), expected);
}
