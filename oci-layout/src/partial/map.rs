//! Which bytes of a partial are there: a line for each range, its start and its end.

use std::io::{self, Write};

use oci_image::blob::Ranges;

use super::MAP;
use crate::Durability;
use crate::files::{Files, if_there, read_limited};
use crate::session::{Session, Temporary};

/// The largest map that is read, in bytes: some ten thousand ranges.
const LIMIT: usize = 1 << 20;

pub(super) fn path(partial: &str) -> String {
    format!("{partial}{MAP}")
}

pub(super) fn read(files: &dyn Files, partial: &str) -> io::Result<Option<Vec<u8>>> {
    let Some(file) = if_there(files.open(&path(partial)))? else { return Ok(None) };
    read_limited(file, LIMIT).map(Some)
}

/// `None` if it is not a map. One that is cut short lists less than it did.
pub(super) fn parse(text: &[u8]) -> Option<Ranges> {
    if text.len() > LIMIT {
        return None;
    }
    let lines = std::str::from_utf8(text).ok()?.lines();
    lines
        .map(|line| {
            let (start, end) = line.split_once(' ')?;
            let (start, end): (u64, u64) = (start.parse().ok()?, end.parse().ok()?);
            (start < end).then_some(start..end)
        })
        .collect()
}

/// Makes what is held durable, and then the map that says so.
pub(crate) fn save(
    partial: &Temporary,
    held: &Ranges,
    session: &Session,
    durability: Durability,
) -> io::Result<()> {
    let lines = held.iter().map(|range| format!("{} {}\n", range.start, range.end));
    let text: String = lines.collect();
    // Data before map: after a power cut between the two, the map lists less than there is, never more.
    partial.sync(durability)?;
    let mut map = session.temporary()?;
    map.write_all(text.as_bytes())?;
    map.sync(durability)?;
    map.keep(&path(partial.path()), durability)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_map_that_is_cut_short_says_less_or_nothing() {
        let text = b"0 100\n600 800\n";
        let whole = parse(text).unwrap();
        assert_eq!(whole.iter().collect::<Vec<_>>(), [0..100, 600..800]);
        for end in 0..text.len() {
            let mut with = whole.clone();
            for range in parse(&text[..end]).iter().flat_map(Ranges::iter) {
                with.insert(range);
            }
            assert_eq!(with, whole, "cut at {end}");
        }
    }

    #[test]
    fn what_is_not_a_map_is_none() {
        for text in ["0", "0 0\n", "5 4\n", "a b\n", "0 -1\n", "0 1 2\n", "0 1\n\n", "\0\0\0"] {
            assert_eq!(parse(text.as_bytes()), None, "{text:?}");
        }
        assert_eq!(parse(&b"0 1\n".repeat(LIMIT / 4 + 1)), None);
    }
}
