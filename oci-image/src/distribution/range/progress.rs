use std::fmt;

use super::number;

/// How many bytes of an upload a registry has, by the `Range` header of its session: `0-LAST`
/// ([spec.md]).
///
/// The header has no form for no byte: that is written as `0-0`, like one byte.
///
/// [spec.md]: https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#pushing-a-blob-in-chunks
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct UploadProgress(u64);

impl UploadProgress {
    /// So many bytes.
    pub fn new(bytes: u64) -> Self {
        Self(bytes)
    }

    /// Reads `0-LAST`, or `bytes=0-LAST` as some registries write it. `0-0` tells nothing, so it is `None`,
    /// as anything else is.
    pub fn parse(value: &str) -> Option<Self> {
        let value = value.trim_ascii();
        let positions = value.strip_prefix("bytes=").unwrap_or(value);
        let (first, last) = positions.split_once('-')?;
        match (number(first)?, number(last)?) {
            (0, 0) => None,
            (0, last) => last.checked_add(1).map(Self),
            _ => None,
        }
    }

    /// The number of bytes.
    pub fn bytes(self) -> u64 {
        self.0
    }
}

impl fmt::Display for UploadProgress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "0-{}", self.0.saturating_sub(1))
    }
}
