use std::borrow::Cow;
use std::str::FromStr;

use super::error::{BrokenRule, NameError};
use super::name::name;

name! {
    /// The name of a repository in a registry, such as `library/debian`.
    ///
    /// Components between slashes, of lower-case letters and digits that are joined by `.`, `_`, `__` or
    /// dashes ([the grammar]). So it has no `..`, no empty component and no upper case, and is safe as a
    /// path and in a URL.
    ///
    /// [the grammar]: https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#pulling-manifests
    pub struct RepositoryName;
}

impl RepositoryName {
    /// The longest name, in bytes.
    pub const LIMIT: usize = 255;
}

impl FromStr for RepositoryName {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        check(text).map_err(|rule| NameError::new("a repository name", text, rule))?;
        Ok(Self(Cow::Owned(text.to_owned())))
    }
}

fn check(text: &str) -> Result<(), BrokenRule> {
    if text.is_empty() {
        return Err(BrokenRule::Empty);
    }
    if text.len() > RepositoryName::LIMIT {
        return Err(BrokenRule::TooLong { length: text.len(), limit: RepositoryName::LIMIT });
    }
    let is_wrong = |character: char| !is_alphanumeric(character) && !"._-/".contains(character);
    if let Some((at, character)) = text.chars().enumerate().find(|(_, it)| is_wrong(*it)) {
        return Err(BrokenRule::Character { character, position: at + 1 });
    }
    // All characters are of one byte from here on, so bytes are counted as characters.
    let mut position = 1;
    for component in text.split('/') {
        check_component(component, position)?;
        position += component.len() + 1;
    }
    Ok(())
}

/// Letters and digits in runs, between them one dot, one or two underscores, or any number of dashes.
fn check_component(text: &str, position: usize) -> Result<(), BrokenRule> {
    let first = text.chars().next().ok_or(BrokenRule::EmptyComponent { position })?;
    if !is_alphanumeric(first) {
        return Err(BrokenRule::Begin { character: first, position });
    }
    if let Some(character) = text.chars().next_back().filter(|last| !is_alphanumeric(*last)) {
        return Err(BrokenRule::End { character, position: position + text.len() - 1 });
    }
    let mut at = position;
    for separator in text.split(is_alphanumeric) {
        let is_dashes = separator.bytes().all(|byte| byte == b'-');
        if !is_dashes && !matches!(separator, "." | "_" | "__") {
            return Err(BrokenRule::Separator { text: separator.to_owned(), position: at });
        }
        at += separator.len() + 1;
    }
    Ok(())
}

fn is_alphanumeric(character: char) -> bool {
    character.is_ascii_lowercase() || character.is_ascii_digit()
}
