//! The two headers that name a part of a blob: `Range` on the way out, `Content-Range` on the way in.

/// What a `Range` header asks for of some content.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Selection {
    /// All of it: there is no range, or none that has to be understood.
    Whole,
    /// These bytes, the last included; both lie within the content.
    Part { first: u64, last: u64 },
    /// Bytes behind the end only.
    Unsatisfiable,
}

impl Selection {
    /// Reads a header by [RFC 9110]: broken and foreign ranges are ignored, and so are lists of ranges.
    ///
    /// [RFC 9110]: https://www.rfc-editor.org/rfc/rfc9110#name-range
    pub(crate) fn parse(header: &str, length: u64) -> Self {
        Self::of_bytes(header, length).unwrap_or(Self::Whole)
    }

    fn of_bytes(header: &str, length: u64) -> Option<Self> {
        let (unit, range) = header.split_once('=')?;
        if !unit.trim().eq_ignore_ascii_case("bytes") {
            return None;
        }
        let (first, last) = range.trim().split_once('-')?;
        let end = length.checked_sub(1);
        let (first, last) = match (first.trim_end(), last.trim_start()) {
            ("", suffix) => match number(suffix)? {
                0 => return Some(Self::Unsatisfiable),
                suffix => (length.saturating_sub(suffix), u64::MAX),
            },
            (first, "") => (number(first)?, u64::MAX),
            (first, last) => (number(first)?, number(last)?),
        };
        match end {
            _ if first > last => None,
            Some(end) if first <= end => Some(Self::Part { first, last: last.min(end) }),
            _ => Some(Self::Unsatisfiable),
        }
    }
}

/// The value of a `Content-Range` header of a chunk: `^[0-9]+-[0-9]+$`, the last byte included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ChunkRange {
    pub(crate) first: u64,
    pub(crate) last: u64,
}

impl ChunkRange {
    pub(crate) fn parse(header: &str) -> Option<Self> {
        let (first, last) = header.split_once('-')?;
        let (first, last) = (number(first)?, number(last)?);
        (first <= last && last < u64::MAX).then_some(Self { first, last })
    }

    /// The number of bytes.
    pub(crate) fn length(self) -> u64 {
        self.last - self.first + 1
    }
}

/// Digits only; a number too large for 64 bits is as good as the largest.
fn number(text: &str) -> Option<u64> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| text.parse().unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn selects_by_rfc_9110() {
        use Selection::*;
        let huge = "bytes=5-99999999999999999999999";
        for (header, length, expected) in [
            ("bytes=0-4", 10, Part { first: 0, last: 4 }),
            ("Bytes=0-0", 10, Part { first: 0, last: 0 }),
            ("bytes=5-", 10, Part { first: 5, last: 9 }),
            ("bytes=-3", 10, Part { first: 7, last: 9 }),
            ("bytes=-30", 10, Part { first: 0, last: 9 }),
            ("bytes=9-100", 10, Part { first: 9, last: 9 }),
            (huge, 10, Part { first: 5, last: 9 }),
            ("bytes=10-", 10, Unsatisfiable),
            ("bytes=99999999999999999999999-", 10, Unsatisfiable),
            ("bytes=-0", 10, Unsatisfiable),
            ("bytes=0-", 0, Unsatisfiable),
            ("bytes=5-4", 10, Whole),
            ("bytes=0-1,3-4", 10, Whole),
            ("bytes=", 10, Whole),
            ("bytes=-", 10, Whole),
            ("bytes=a-b", 10, Whole),
            ("bytes=+1-2", 10, Whole),
            ("lines=0-1", 10, Whole),
            ("", 10, Whole),
        ] {
            assert_eq!(Selection::parse(header, length), expected, "{header} of {length}");
        }
    }

    #[test]
    fn chunk_ranges_follow_the_grammar() {
        assert_eq!(ChunkRange::parse("0-9"), Some(ChunkRange { first: 0, last: 9 }));
        for broken in ["", "-", "0-", "-9", "9-0", "bytes 0-9/10", "0-9 ", "+0-9", "0-9-9"] {
            assert_eq!(ChunkRange::parse(broken), None, "{broken}");
        }
        assert_eq!(ChunkRange::parse("0-99999999999999999999999"), None);
    }

    proptest! {
        #[test]
        fn a_part_lies_within(header in "(bytes=)?[0-9]{0,22}-?[0-9]{0,22}", length: u64) {
            if let Selection::Part { first, last } = Selection::parse(&header, length) {
                prop_assert!(first <= last && last < length);
            }
        }

        #[test]
        fn chunk_ranges_print_and_parse(first in 0..u64::MAX / 2, more in 0..u64::MAX / 4) {
            let last = first + more;
            prop_assert_eq!(
                ChunkRange::parse(&format!("{first}-{last}")),
                Some(ChunkRange { first, last })
            );
        }

        #[test]
        fn never_panics(header in ".*", length: u64) {
            let _ = Selection::parse(&header, length);
            if let Some(chunk) = ChunkRange::parse(&header) {
                prop_assert!(chunk.length() > 0);
            }
        }
    }
}
