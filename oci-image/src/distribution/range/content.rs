use std::fmt;

use super::{ByteRange, number};

/// The value of a `Content-Range` header of an answer ([RFC 9110]): which part of the content a body
/// holds, or how large the content is where the part that was asked for lies behind its end.
///
/// [RFC 9110]: https://www.rfc-editor.org/rfc/rfc9110#name-content-range
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ContentRange {
    /// `bytes FIRST-LAST/TOTAL`, or `bytes FIRST-LAST/*`.
    Part {
        /// The part.
        range: ByteRange,
        /// The size of the whole in bytes, if it is told; more than the position of the last byte.
        total: Option<u64>,
    },
    /// `bytes */TOTAL`.
    Unsatisfiable {
        /// The size of the whole in bytes.
        total: u64,
    },
}

impl ContentRange {
    /// Reads a value; one of another unit, or that cannot be, is `None`.
    pub fn parse(value: &str) -> Option<Self> {
        let (unit, rest) = value.trim_ascii().split_once(' ')?;
        if !unit.eq_ignore_ascii_case("bytes") {
            return None;
        }
        let (positions, total) = rest.split_once('/')?;
        let total = match total {
            "*" => None,
            total => Some(number(total)?),
        };
        if positions == "*" {
            return total.map(|total| Self::Unsatisfiable { total });
        }
        let range = ByteRange::parse(positions)?;
        let is_possible = total.is_none_or(|total| range.last() < total);
        is_possible.then_some(Self::Part { range, total })
    }
}

impl fmt::Display for ContentRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Part { range, total: Some(total) } => write!(f, "bytes {range}/{total}"),
            Self::Part { range, total: None } => write!(f, "bytes {range}/*"),
            Self::Unsatisfiable { total } => write!(f, "bytes */{total}"),
        }
    }
}
