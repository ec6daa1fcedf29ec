use std::io::{self, Read};

use super::VerifyReader;
use crate::{Hasher, Verifier};

/// How much of each content is read at once, in bytes: all of them together stay in the processor's cache.
const PIECE: usize = 64 << 10;

/// Reads contents to their ends, side by side in this thread, and says of each whether it is the expected one.
///
/// Each content is known by a key, and comes out when its end is reached, or with the first error, its own
/// [`io::Error`] or one as of a [`VerifyReader`]. A content that could not be opened keeps its error.
/// `at_once` contents are open at the same time; more than 8 gain nothing.
///
/// ```
/// use oci_digest::{Digest, VerifyReader, verify_all};
///
/// let contents = ["hello", "world"].map(|text| {
///     let reader = VerifyReader::new(text.as_bytes(), &Digest::sha256("hello"), 5)?;
///     Ok((text, Ok(reader)))
/// });
/// let contents = contents.into_iter().collect::<Result<Vec<_>, oci_digest::Unverifiable>>()?;
/// for (text, outcome) in verify_all(contents, 8) {
///     assert_eq!(outcome.is_ok(), text == "hello");
/// }
/// # Ok::<(), oci_digest::Unverifiable>(())
/// ```
pub fn verify_all<K, R: Read>(
    contents: impl IntoIterator<Item = (K, io::Result<VerifyReader<R>>)>,
    at_once: usize,
) -> impl Iterator<Item = (K, io::Result<R>)> {
    let mut contents = contents.into_iter().fuse();
    let mut running: Vec<Running<K, R>> = Vec::new();
    std::iter::from_fn(move || {
        loop {
            if let Some(ended) = running.iter().position(|content| content.outcome.is_some()) {
                let Running { key, reader, outcome, .. } = running.swap_remove(ended);
                return Some((key, outcome?.map(|()| reader)));
            }
            while running.len() < at_once.max(1)
                && let Some((key, reader)) = contents.next()
            {
                match reader.map(VerifyReader::into_parts) {
                    Ok((reader, Ok(verifier))) => running.push(Running::new(key, reader, verifier)),
                    Ok((reader, Err(outcome))) => return Some((key, outcome.map(|()| reader))),
                    Err(error) => return Some((key, Err(error))),
                }
            }
            if running.is_empty() {
                return None;
            }
            running.iter_mut().for_each(Running::read);
            Hasher::update_many(running.iter_mut().filter_map(Running::admit));
            running.iter_mut().for_each(Running::finish);
        }
    })
}

/// A content that is being read.
struct Running<K, R> {
    key: K,
    reader: R,
    verifier: Box<Verifier>,
    piece: Vec<u8>,
    has_ended: bool,
    outcome: Option<io::Result<()>>,
}

impl<K, R: Read> Running<K, R> {
    fn new(key: K, reader: R, verifier: Box<Verifier>) -> Self {
        let piece = Vec::with_capacity(PIECE);
        Self { key, reader, verifier, piece, has_ended: false, outcome: None }
    }

    /// Reads the next piece, and no more than one byte beyond the expected size.
    fn read(&mut self) {
        self.piece.clear();
        let limit = self.verifier.remaining().saturating_add(1).min(PIECE as u64);
        match self.reader.by_ref().take(limit).read_to_end(&mut self.piece) {
            Ok(length) => self.has_ended = (length as u64) < limit,
            Err(error) => self.outcome = Some(Err(error)),
        }
    }

    /// What is to be hashed.
    fn admit(&mut self) -> Option<(&mut Hasher, &[u8])> {
        if self.outcome.is_some() {
            return None;
        }
        match self.verifier.admit(&self.piece) {
            Ok(hasher) => Some((hasher, &self.piece)),
            Err(error) => {
                self.outcome = Some(Err(error.into()));
                None
            }
        }
    }

    /// Checks what was hashed, if that was all.
    fn finish(&mut self) {
        if self.has_ended && self.outcome.is_none() {
            self.outcome = Some((*self.verifier).clone().finish().map_err(io::Error::from));
        }
    }
}
