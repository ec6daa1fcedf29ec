/// The value of a `Content-Range` header: which part of the content a body holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ContentRange {
    /// The position of the first byte.
    pub first: u64,
    /// The position of the last byte, not less than `first`.
    pub last: u64,
    /// The size of the whole content in bytes, if it is told; more than `last` then.
    pub total: Option<u64>,
}

impl ContentRange {
    /// Reads `bytes FIRST-LAST/TOTAL` or `bytes FIRST-LAST/*`; anything else is `None`.
    pub fn parse(value: &str) -> Option<Self> {
        let (unit, rest) = value.trim_ascii().split_once(' ')?;
        if !unit.eq_ignore_ascii_case("bytes") {
            return None;
        }
        let (positions, total) = rest.split_once('/')?;
        let (first, last) = positions.split_once('-')?;
        let (first, last) = (number(first)?, number(last)?);
        let total = match total {
            "*" => None,
            total => Some(number(total)?),
        };
        let is_possible = first <= last && total.is_none_or(|total| last < total);
        is_possible.then_some(Self { first, last, total })
    }
}

/// How many bytes an upload session holds, by its `Range` header: `0-LAST`, as [spec.md] has it, or
/// `bytes=0-LAST`, as some registries write it. Anything else is `None`.
///
/// `0-0` is what some registries answer for no byte at all, so it tells nothing: `None` too.
///
/// [spec.md]: https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#pushing-a-blob-in-chunks
pub fn uploaded(value: &str) -> Option<u64> {
    let value = value.trim_ascii();
    let positions = value.strip_prefix("bytes=").unwrap_or(value);
    let (first, last) = positions.split_once('-')?;
    match (number(first)?, number(last)?) {
        (0, 0) => None,
        (0, last) => last.checked_add(1),
        _ => None,
    }
}

/// Decimal digits and nothing else: no sign, no space.
pub(super) fn number(text: &str) -> Option<u64> {
    let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| text.parse().ok()).flatten()
}
