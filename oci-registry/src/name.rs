//! The two names that a client chooses: of a repository and of a tag.

use std::fmt;
use std::str::FromStr;

use oci_image::Reference;

/// The name of a repository, such as `library/debian`.
///
/// Slash-separated components of lower-case letters and digits, joined by `.`, `_`, `__` or dashes
/// ([the grammar]); so it has no `..`, no empty component and no upper case, and is safe as a path.
///
/// [the grammar]: https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#pulling-manifests
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RepositoryName(String);

impl RepositoryName {
    /// The whole name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for RepositoryName {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        if Reference::is_repository(text) {
            Ok(Self(text.into()))
        } else {
            Err(NameError::Repository {
                text: text.chars().take(Reference::REPOSITORY_LIMIT).collect(),
            })
        }
    }
}

impl fmt::Display for RepositoryName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl fmt::Debug for RepositoryName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RepositoryName({})", self.0)
    }
}

/// A tag: `[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Tag(String);

impl Tag {
    /// The whole tag.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Tag {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        if Reference::is_tag(text) {
            Ok(Self(text.into()))
        } else {
            Err(NameError::Tag { text: text.chars().take(Reference::TAG_LIMIT).collect() })
        }
    }
}

impl fmt::Display for Tag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl fmt::Debug for Tag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Tag({})", self.0)
    }
}

/// Why some text is no name. The text is shortened to the longest that could have been one.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NameError {
    /// It is not the name of a repository.
    #[error("`{}` is not a repository name", text.escape_debug())]
    Repository {
        /// The text.
        text: String,
    },
    /// It is not a tag.
    #[error("`{}` is not a tag", text.escape_debug())]
    Tag {
        /// The text.
        text: String,
    },
}
