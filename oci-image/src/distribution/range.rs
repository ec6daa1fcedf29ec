//! The headers that name a part of some content. A download is asked for by [`RangeRequest`] and answered
//! with [`ContentRange`]; a chunk of an upload is a [`ByteRange`], and [`UploadProgress`] tells how far the
//! upload is.

mod content;
mod progress;
mod request;

use std::fmt;

pub use content::ContentRange;
pub use progress::UploadProgress;
pub use request::{RangeRequest, Selection};

/// The bytes from `first` to `last`, both included: at least one.
///
/// As text it is `FIRST-LAST`, the value of the `Content-Range` header of a chunk ([spec.md]).
///
/// [spec.md]: https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#pushing-a-blob-in-chunks
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ByteRange {
    first: u64,
    last: u64,
}

impl ByteRange {
    /// The bytes `first..=last`; `None` if `last` comes before `first`, or if it is the largest number, so
    /// that there is no number of bytes.
    pub fn new(first: u64, last: u64) -> Option<Self> {
        (first <= last && last < u64::MAX).then_some(Self { first, last })
    }

    /// Reads `FIRST-LAST`: digits, and nothing around them.
    pub fn parse(text: &str) -> Option<Self> {
        let (first, last) = text.split_once('-')?;
        Self::new(number(first)?, number(last)?)
    }

    /// The position of the first byte.
    pub fn first(self) -> u64 {
        self.first
    }

    /// The position of the last byte.
    pub fn last(self) -> u64 {
        self.last
    }

    /// The number of bytes.
    #[allow(clippy::len_without_is_empty)]
    pub fn len(self) -> u64 {
        self.last - self.first + 1
    }
}

impl fmt::Display for ByteRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.first, self.last)
    }
}

/// Digits and nothing else, no sign and no space; a number too large for 64 bits is as good as the
/// largest.
fn number(text: &str) -> Option<u64> {
    let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| text.parse().unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn byte_ranges_follow_the_grammar() {
        assert_eq!(ByteRange::parse("0-9"), ByteRange::new(0, 9));
        for broken in ["", "-", "0-", "-9", "9-0", "bytes 0-9/10", "0-9 ", "+0-9", "0-9-9"] {
            assert_eq!(ByteRange::parse(broken), None, "{broken}");
        }
        assert_eq!(ByteRange::parse("0-99999999999999999999999"), None);
    }

    proptest! {
        #[test]
        fn byte_ranges_print_and_parse(first in 0..u64::MAX / 2, more in 0..u64::MAX / 4) {
            let range = ByteRange::new(first, first + more).unwrap();
            prop_assert_eq!(ByteRange::parse(&range.to_string()), Some(range));
            prop_assert_eq!(range.len(), more + 1);
        }
    }
}
