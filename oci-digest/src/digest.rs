use alloc::format;
use alloc::string::String;
use alloc::sync::Arc;
use core::borrow::Borrow;
use core::cmp::Ordering;
use core::fmt;
use core::hash::{Hash, Hasher};
use core::str::FromStr;

use crate::Algorithm;
use crate::algorithm::registered_length;

/// The name of some content: `algorithm:encoded`.
///
/// Only text that follows the grammar of [descriptor.md] becomes one, so a digest is safe to use as
/// a file name or in a URL: it has no slash, no `..` and no space, and with a registered algorithm
/// exactly the right number of lower-case hexadecimal characters.
///
/// [descriptor.md]: https://github.com/opencontainers/image-spec/blob/v1.1.1/descriptor.md#digests
#[derive(Clone)]
pub struct Digest {
    text: Text,
    /// The position of the first colon in the text.
    colon: u32,
}

/// Digests are cloned often and never change.
#[derive(Clone)]
enum Text {
    Static(&'static str),
    Shared(Arc<str>),
}

impl Digest {
    /// The digest of `{}`, the content of the empty descriptor.
    pub const EMPTY_JSON: Self = Self {
        text: Text::Static(
            "sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a",
        ),
        colon: 6,
    };

    /// The longest digest that is read, in bytes.
    pub const MAX_LENGTH: usize = 1024;

    /// The digest of `content` by `algorithm`.
    pub fn of(algorithm: Algorithm, content: impl AsRef<[u8]>) -> Self {
        let mut hasher = crate::Hasher::new(algorithm);
        hasher.update(content.as_ref());
        hasher.finish()
    }

    /// The SHA-256 digest of `content`.
    pub fn sha256(content: impl AsRef<[u8]>) -> Self {
        Self::of(Algorithm::Sha256, content)
    }

    /// The whole text, `algorithm:encoded`.
    pub fn as_str(&self) -> &str {
        match &self.text {
            Text::Static(text) => text,
            Text::Shared(text) => text,
        }
    }

    /// The algorithm, or `None` if this build cannot compute it.
    pub fn algorithm(&self) -> Option<Algorithm> {
        Algorithm::from_name(self.algorithm_name())
    }

    /// The part before the colon.
    pub fn algorithm_name(&self) -> &str {
        self.as_str().split_at(self.colon as usize).0
    }

    /// The part after the colon.
    pub fn encoded(&self) -> &str {
        self.as_str().split_at(self.colon as usize + 1).1
    }

    /// Whether image-spec [registers] the algorithm. By the grammar alone `app:1` is a digest too.
    ///
    /// [registers]: https://github.com/opencontainers/image-spec/blob/main/descriptor.md#registered-algorithms
    pub fn is_registered(&self) -> bool {
        registered_length(self.algorithm_name()).is_some()
    }

    /// The path of the content in an [image layout]: `blobs/algorithm/encoded`.
    ///
    /// [image layout]: https://github.com/opencontainers/image-spec/blob/v1.1.1/image-layout.md#blobs
    pub fn blob_path(&self) -> String {
        format!("blobs/{}/{}", self.algorithm_name(), self.encoded())
    }

    /// The digest whose content has this path in an image layout, if it is such a path.
    pub fn from_blob_path(path: &str) -> Option<Self> {
        let (algorithm, encoded) = path.strip_prefix("blobs/")?.split_once('/')?;
        format!("{algorithm}:{encoded}").parse().ok()
    }

    pub(crate) fn from_hash(algorithm: Algorithm, hash: &[u8]) -> Self {
        let name = algorithm.name();
        let mut text = String::with_capacity(name.len() + 1 + 2 * hash.len());
        text.push_str(name);
        text.push(':');
        text.push_str(&hex::encode(hash));
        Self { text: Text::Shared(text.into()), colon: name.len() as u32 }
    }

    /// The position of the colon, if `text` is a digest.
    fn check(text: &str) -> Result<usize, ParseError> {
        if text.len() > Self::MAX_LENGTH {
            return Err(ParseError::TooLong { length: text.len() });
        }
        let colon = text.bytes().position(|byte| byte == b':');
        let colon = colon.ok_or_else(|| ParseError::NoColon { text: text.into() })?;
        let (algorithm, encoded) = (&text[..colon], &text[colon + 1..]);
        let length = registered_length(algorithm);
        if length == Some(encoded.len()) && is_hexadecimal(encoded) {
            return Ok(colon);
        }
        if !is_algorithm(algorithm) {
            return Err(ParseError::Algorithm { text: text.into() });
        }
        if encoded.is_empty() || !encoded.bytes().all(is_encoded) {
            return Err(ParseError::Encoded { text: text.into() });
        }
        if let Some(length) = length {
            return Err(ParseError::Registered { text: text.into(), length });
        }
        Ok(colon)
    }
}

/// `component (separator component)*`, component `[a-z0-9]+`, separator `[+._-]`.
fn is_algorithm(text: &str) -> bool {
    text.split(['+', '.', '_', '-']).all(|component| {
        !component.is_empty()
            && component.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
    })
}

/// Without an early end, so that it is compiled to a few wide comparisons.
fn is_hexadecimal(text: &str) -> bool {
    text.bytes().fold(true, |so_far, byte| so_far & matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

fn is_encoded(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'=' | b'_' | b'-')
}

impl FromStr for Digest {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        let colon = Self::check(text)? as u32;
        Ok(Self { text: Text::Shared(text.into()), colon })
    }
}

impl TryFrom<String> for Digest {
    type Error = ParseError;

    fn try_from(text: String) -> Result<Self, ParseError> {
        let colon = Self::check(&text)? as u32;
        Ok(Self { text: Text::Shared(text.into()), colon })
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Digest({})", self.as_str())
    }
}

// The text alone is compared and hashed, as `Borrow<str>` promises.
impl PartialEq for Digest {
    fn eq(&self, other: &Self) -> bool {
        self.as_str() == other.as_str()
    }
}

impl Eq for Digest {}

impl PartialOrd for Digest {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Digest {
    fn cmp(&self, other: &Self) -> Ordering {
        self.as_str().cmp(other.as_str())
    }
}

impl Hash for Digest {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.as_str().hash(state);
    }
}

impl AsRef<str> for Digest {
    fn as_ref(&self) -> &str {
        self.as_str()
    }
}

impl Borrow<str> for Digest {
    fn borrow(&self) -> &str {
        self.as_str()
    }
}

/// Why some text is not a digest.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ParseError {
    /// It has no colon.
    #[error("cannot use `{}` as a digest: it has no colon", .text.escape_debug())]
    NoColon {
        /// The text.
        text: String,
    },
    /// The part before the colon breaks the grammar.
    #[error("cannot use `{}` as a digest: it has no valid algorithm before the colon", .text.escape_debug())]
    Algorithm {
        /// The text.
        text: String,
    },
    /// The part after the colon breaks the grammar.
    #[error("cannot use `{}` as a digest: it has no valid encoded part after the colon", .text.escape_debug())]
    Encoded {
        /// The text.
        text: String,
    },
    /// The algorithm is registered and its encoded part is not what the register says.
    #[error(
        "cannot use `{text}` as a digest: it does not have {length} lower-case hexadecimal characters"
    )]
    Registered {
        /// The text.
        text: String,
        /// The required number of characters.
        length: usize,
    },
    /// It is longer than [`Digest::MAX_LENGTH`].
    #[error(
        "cannot use a text of {length} bytes as a digest: the longest has {}",
        Digest::MAX_LENGTH
    )]
    TooLong {
        /// The length of the text in bytes.
        length: usize,
    },
}
