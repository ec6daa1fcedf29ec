use std::fmt;

use serde::Serialize;

/// One thing that is wrong with a document.
///
/// As JSON it is `{"id":…,"level":…,"pointer":…,"message":…}`; as text `ID at POINTER: MESSAGE`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Finding {
    /// The requirement that is not met; `docs/conformance.md` lists them.
    pub id: &'static str,
    /// How bad it is.
    pub level: Level,
    /// The place, as a JSON pointer (RFC 6901); empty for the whole document.
    pub pointer: String,
    /// What is wrong, in plain words.
    pub message: String,
}

/// How bad a [`Finding`] is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Level {
    /// The spec says that this should not be.
    Warning,
    /// The spec says that this must not be.
    Error,
}

impl Level {
    /// `error` or `warning`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.pointer.as_str() {
            "" => write!(f, "{} in the document: {}", self.id, self.message),
            pointer => write!(f, "{} at {pointer}: {}", self.id, self.message),
        }
    }
}
