use std::fmt;

/// Why a text is not a tag, a repository name or a registry.
///
/// ```
/// use oci_image::Tag;
///
/// let error = "v1/x".parse::<Tag>().unwrap_err();
/// assert_eq!(error.to_string(), "cannot use `v1/x` as a tag: character 3 is `/`, which is not allowed there");
/// ```
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("cannot use `{}` as {noun}: {rule}", text.escape_debug())]
pub struct NameError {
    noun: &'static str,
    text: String,
    rule: BrokenRule,
}

/// The rule that a name breaks. Positions count characters, from 1.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum BrokenRule {
    /// It has no character.
    Empty,
    /// It is longer than it may be.
    TooLong {
        /// Its length in bytes.
        length: usize,
        /// The longest that it may be, in bytes.
        limit: usize,
    },
    /// There is nothing between two separators.
    EmptyComponent {
        /// Where the component should begin.
        position: usize,
    },
    /// It, or one of its components, begins with a character that may only stand later.
    Begin {
        /// The character.
        character: char,
        /// Where it stands.
        position: usize,
    },
    /// It, or one of its components, ends with a character that may only stand earlier.
    End {
        /// The character.
        character: char,
        /// Where it stands.
        position: usize,
    },
    /// A character may not stand anywhere.
    Character {
        /// The character.
        character: char,
        /// Where it stands.
        position: usize,
    },
    /// Letters and digits are joined by something else than one dot, one or two underscores, or dashes.
    Separator {
        /// What joins them.
        text: String,
        /// Where it begins.
        position: usize,
    },
    /// It begins with a scheme, such as `https://`, or with a transport, such as `docker://`.
    Scheme,
    /// The port is not a number up to 65535.
    Port,
    /// The host in brackets is not an IPv6 address.
    Address,
    /// A registry that is not `localhost` and has neither a dot, a port nor an upper-case letter would
    /// be read as a part of the repository's name.
    Ambiguous,
}

/// How much of a text an error repeats, in characters.
const SHOWN: usize = 255;

impl NameError {
    pub(crate) fn new(noun: &'static str, text: &str, rule: BrokenRule) -> Self {
        Self { noun, text: text.chars().take(SHOWN).collect(), rule }
    }

    /// The text, its first 255 characters.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The rule that it breaks.
    pub fn rule(&self) -> &BrokenRule {
        &self.rule
    }
}

impl fmt::Display for BrokenRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("it is empty"),
            Self::TooLong { length, limit } => {
                write!(f, "it has {length} bytes, more than {limit}")
            }
            Self::EmptyComponent { position } => {
                write!(f, "it has an empty component at character {position}")
            }
            Self::Begin { character, position: 1 } => {
                write!(f, "it begins with `{}`", character.escape_debug())
            }
            Self::Begin { character, position } => write!(
                f,
                "a component begins with `{}` at character {position}",
                character.escape_debug()
            ),
            Self::End { character, position } => write!(
                f,
                "it, or a component of it, ends with `{}` at character {position}",
                character.escape_debug()
            ),
            Self::Character { character, position } if character.is_uppercase() => {
                write!(f, "character {position} is `{character}`, and letters must be lower case")
            }
            Self::Character { character, position } => write!(
                f,
                "character {position} is `{}`, which is not allowed there",
                character.escape_debug()
            ),
            Self::Separator { text, position } => {
                write!(f, "`{text}` at character {position} is not `.`, `_`, `__` or dashes")
            }
            Self::Scheme => f.write_str("it is a URL: leave out what stands before the host"),
            Self::Port => f.write_str("its port is not a number up to 65535"),
            Self::Address => f.write_str("the host in brackets is not an IPv6 address"),
            Self::Ambiguous => f.write_str(
                "it has neither a dot nor a port, so it would be read as part of a repository name",
            ),
        }
    }
}
