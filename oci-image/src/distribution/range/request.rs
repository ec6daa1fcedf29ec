use std::fmt;

use super::{ByteRange, number};

/// The value of a `Range` header of a request ([RFC 9110]): which part of some content is wanted.
/// Closed by nature: a range has these forms.
///
/// [RFC 9110]: https://www.rfc-editor.org/rfc/rfc9110#name-range
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(clippy::exhaustive_enums, reason = "closed by nature")]
pub enum RangeRequest {
    /// `bytes=FIRST-LAST`: these bytes, as far as there are any.
    Part(ByteRange),
    /// `bytes=FIRST-`: from this position to the end.
    From(u64),
    /// `bytes=-LENGTH`: so many bytes at the end.
    Last(u64),
}

/// What a [`RangeRequest`] selects of content of a known size. Closed by nature.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(clippy::exhaustive_enums, reason = "closed by nature")]
pub enum Selection {
    /// All of it: there is no range, or none that a server must honour.
    Whole,
    /// These bytes, all of which are there.
    Part(ByteRange),
    /// Bytes behind the end only.
    Unsatisfiable,
}

impl RangeRequest {
    /// Reads a value. Broken ranges, lists of ranges and foreign units are `None`: a server may ignore
    /// them.
    pub fn parse(value: &str) -> Option<Self> {
        let (unit, range) = value.split_once('=')?;
        if !unit.trim().eq_ignore_ascii_case("bytes") {
            return None;
        }
        let (first, last) = range.trim().split_once('-')?;
        match (first.trim_end(), last.trim_start()) {
            ("", length) => number(length).map(Self::Last),
            (first, "") => number(first).map(Self::From),
            (first, last) => {
                let (first, last) = (number(first)?, number(last)?);
                // The largest position means the end, as any that is not there does.
                ByteRange::new(first, last.min(u64::MAX - 1)).map(Self::Part)
            }
        }
    }

    /// What it selects of `size` bytes.
    pub fn within(self, size: u64) -> Selection {
        let (first, last) = match self {
            Self::Part(range) => (range.first(), range.last()),
            Self::From(first) => (first, u64::MAX),
            Self::Last(0) => return Selection::Unsatisfiable,
            Self::Last(length) => (size.saturating_sub(length), u64::MAX),
        };
        let part = size.checked_sub(1).and_then(|end| ByteRange::new(first, last.min(end)));
        part.map_or(Selection::Unsatisfiable, Selection::Part)
    }
}

impl fmt::Display for RangeRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Part(range) => write!(f, "bytes={range}"),
            Self::From(first) => write!(f, "bytes={first}-"),
            Self::Last(length) => write!(f, "bytes=-{length}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn select(header: &str, length: u64) -> Selection {
        RangeRequest::parse(header).map_or(Selection::Whole, |range| range.within(length))
    }

    #[test]
    fn selects_by_rfc_9110() {
        use Selection::{Unsatisfiable, Whole};
        let part = |first, last| Selection::Part(ByteRange::new(first, last).unwrap());
        let huge = "bytes=5-99999999999999999999999";
        for (header, length, expected) in [
            ("bytes=0-4", 10, part(0, 4)),
            ("Bytes=0-0", 10, part(0, 0)),
            ("bytes=5-", 10, part(5, 9)),
            ("bytes=-3", 10, part(7, 9)),
            ("bytes=-30", 10, part(0, 9)),
            ("bytes=9-100", 10, part(9, 9)),
            (huge, 10, part(5, 9)),
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
            assert_eq!(select(header, length), expected, "{header} of {length}");
        }
    }

    proptest! {
        #[test]
        fn a_part_lies_within(header in "(bytes=)?[0-9]{0,22}-?[0-9]{0,22}", length: u64) {
            if let Selection::Part(part) = select(&header, length) {
                prop_assert!(part.first() <= part.last() && part.last() < length);
            }
        }

        #[test]
        fn what_is_printed_is_parsed(first: u64, last: u64) {
            let part = ByteRange::new(first.min(last), first.max(last)).map(RangeRequest::Part);
            for range in [RangeRequest::From(first), RangeRequest::Last(last)].into_iter().chain(part) {
                prop_assert_eq!(RangeRequest::parse(&range.to_string()), Some(range));
            }
        }

        #[test]
        fn never_panics(header in ".*", length: u64) {
            let _ = select(&header, length);
        }
    }
}
