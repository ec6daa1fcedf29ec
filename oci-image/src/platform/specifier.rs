use std::fmt;
use std::str::FromStr;

use super::Platform;
use super::normal::{normal_architecture, normal_os};

/// `os(version+feature)/architecture/variant`, all but `os/architecture` where there is more.
impl fmt::Display for Platform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.os.as_str())?;
        let version = self.os_version.as_deref().unwrap_or_default();
        if !version.is_empty() || !self.os_features.is_empty() {
            write!(f, "({}", escape(version))?;
            for feature in &self.os_features {
                write!(f, "+{}", escape(feature))?;
            }
            f.write_str(")")?;
        }
        write!(f, "/{}", self.architecture)?;
        match self.variant.as_deref() {
            None | Some("") => Ok(()),
            Some(variant) => write!(f, "/{variant}"),
        }
    }
}

/// Reads `os/architecture`, `os/architecture/variant`, or one of them alone, the other being the host's.
impl FromStr for Platform {
    type Err = PlatformError;

    fn from_str(text: &str) -> Result<Self, PlatformError> {
        let error = || PlatformError { text: text.into() };
        let mut parts = text.splitn(4, '/');
        let first = parts.next().unwrap_or_default();
        let (os, options) = match first.split_once('(') {
            Some((os, options)) => (os, options.strip_suffix(')').ok_or_else(error)?),
            None => (first, ""),
        };
        let rest: Vec<&str> = parts.collect();
        if !is_word(os) || rest.len() > 2 || !rest.iter().all(|part| is_word(part)) {
            return Err(error());
        }
        let mut platform = match rest.as_slice() {
            [] => alone(os, options).ok_or_else(error)?,
            [architecture] => named(os, architecture, ""),
            [architecture, variant, ..] => named(os, architecture, variant),
        };
        let mut options = options.split('+');
        let version = unescape(options.next().unwrap_or_default()).ok_or_else(error)?;
        platform.os_version = (!version.is_empty()).then_some(version);
        platform.os_features = options.map(unescape).collect::<Option<_>>().ok_or_else(error)?;
        if platform.os_features.iter().any(String::is_empty) {
            return Err(error());
        }
        Ok(platform)
    }
}

/// The platform of a name that stands alone.
fn alone(name: &str, options: &str) -> Option<Platform> {
    let host = Platform::host();
    let os = normal_os(name);
    if os.is_listed() {
        return Some(Platform { os, ..host });
    }
    let platform = named(host.os.as_str(), name, "");
    let known = platform.architecture.is_listed();
    (known && options.is_empty()).then_some(platform)
}

/// The variant that goes without saying is written only where it was said.
fn named(os: &str, architecture: &str, variant: &str) -> Platform {
    let (architecture, normal) = normal_architecture(architecture, variant);
    let mut platform = Platform::new(architecture, normal_os(os));
    platform.variant = match (platform.architecture.as_str(), variant, normal.as_str()) {
        ("arm", "", "v7") => None,
        ("arm64", said, "") if !said.is_empty() => Some("v8".into()),
        (_, _, "") => None,
        (_, _, normal) => Some(normal.into()),
    };
    platform
}

fn is_word(text: &str) -> bool {
    !text.is_empty()
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-'))
}

fn escape(text: &str) -> String {
    let mut escaped = String::new();
    for letter in text.chars() {
        match letter {
            '%' => escaped.push_str("%25"),
            '+' => escaped.push_str("%2B"),
            '(' => escaped.push_str("%28"),
            ')' => escaped.push_str("%29"),
            '/' => escaped.push_str("%2F"),
            other => escaped.push(other),
        }
    }
    escaped
}

fn unescape(text: &str) -> Option<String> {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let [byte, after @ ..] = rest {
        rest = after;
        match byte {
            b'%' => {
                let (digits, after) = rest.split_at_checked(2)?;
                bytes.push(hex_byte(digits)?);
                rest = after;
            }
            b'(' | b')' => return None,
            other => bytes.push(*other),
        }
    }
    String::from_utf8(bytes).ok()
}

fn hex_byte(digits: &[u8]) -> Option<u8> {
    let [high, low] = digits else { return None };
    let digit = |byte: u8| char::from(byte).to_digit(16);
    u8::try_from(digit(*high)? * 16 + digit(*low)?).ok()
}

/// The text is not a platform.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("cannot use `{}` as a platform: write it like `linux/amd64` or `linux/arm64/v8`", .text.escape_debug())]
#[non_exhaustive]
pub struct PlatformError {
    /// The text.
    pub text: String,
}
