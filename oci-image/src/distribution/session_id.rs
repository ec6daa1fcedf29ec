use std::borrow::Cow;
use std::str::FromStr;

use crate::reference::{BrokenRule, NameError, name};

name! {
    /// What a registry calls an upload, in the path of its URL: letters, digits, `-`, `_`, `~`, `=` and `.`
    /// that is not alone. A registry may give other URLs too; clients go where `Location` says.
    pub struct SessionId;
}

impl SessionId {
    /// The longest name, in bytes.
    pub const LIMIT: usize = 255;
}

impl FromStr for SessionId {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        check(text).map_err(|rule| NameError::new("an upload session", text, rule))?;
        Ok(Self(Cow::Owned(text.to_owned())))
    }
}

fn check(text: &str) -> Result<(), BrokenRule> {
    if text.is_empty() {
        return Err(BrokenRule::Empty);
    }
    if text.len() > SessionId::LIMIT {
        return Err(BrokenRule::TooLong { length: text.len(), limit: SessionId::LIMIT });
    }
    // `.` and `..` would be removed from a path, with what stands before them.
    if text.starts_with('.') {
        return Err(BrokenRule::Begin { character: '.', position: 1 });
    }
    let is_wrong =
        |character: char| !character.is_ascii_alphanumeric() && !"-_~=.".contains(character);
    match text.chars().enumerate().find(|(_, character)| is_wrong(*character)) {
        Some((at, character)) => Err(BrokenRule::Character { character, position: at + 1 }),
        None => Ok(()),
    }
}
