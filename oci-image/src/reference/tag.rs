use std::borrow::Cow;
use std::str::FromStr;

use super::error::{BrokenRule, NameError};
use super::name::name;

name! {
    /// A name that a repository gives a manifest: `[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}` ([the grammar]).
    ///
    /// [the grammar]: https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#pulling-manifests
    pub struct Tag;
}

impl Tag {
    /// The longest tag, in bytes.
    pub const LIMIT: usize = 128;

    /// The tag that is meant where none is given.
    pub const LATEST: Self = Self(Cow::Borrowed("latest"));

    /// For texts that this crate makes of parts that a tag may have.
    pub(crate) fn of_valid(text: String) -> Self {
        debug_assert_eq!(check(&text), Ok(()), "`{text}`");
        Self(Cow::Owned(text))
    }
}

impl FromStr for Tag {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        check(text).map_err(|rule| NameError::new("a tag", text, rule))?;
        Ok(Self(Cow::Owned(text.to_owned())))
    }
}

fn check(text: &str) -> Result<(), BrokenRule> {
    if text.len() > Tag::LIMIT {
        return Err(BrokenRule::TooLong { length: text.len(), limit: Tag::LIMIT });
    }
    let is_word = |character: char| character.is_ascii_alphanumeric() || character == '_';
    let first = text.chars().next().ok_or(BrokenRule::Empty)?;
    if matches!(first, '.' | '-') {
        return Err(BrokenRule::Begin { character: first, position: 1 });
    }
    let is_wrong = |character: char| !is_word(character) && !matches!(character, '.' | '-');
    match text.chars().enumerate().find(|(_, character)| is_wrong(*character)) {
        Some((at, character)) => Err(BrokenRule::Character { character, position: at + 1 }),
        None => Ok(()),
    }
}
