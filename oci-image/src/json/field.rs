use std::collections::BTreeMap;

use serde::Deserialize;
use serde::de::{Deserializer, Error as _};

use super::{Map, Value};

/// A list or map that may be absent, `null` or empty in a document.
#[doc(hidden)]
pub trait Collection: Default {
    /// How a document writes that there are no elements.
    const EMPTY: Value;

    fn is_empty(&self) -> bool;
}

impl<T> Collection for Vec<T> {
    const EMPTY: Value = Value::Array(Vec::new());

    fn is_empty(&self) -> bool {
        self.is_empty()
    }
}

impl<V> Collection for Map<V> {
    const EMPTY: Value = Value::Object(BTreeMap::new());

    fn is_empty(&self) -> bool {
        self.is_empty()
    }
}

/// The known name that `name` folds to, as Go's decoder compares names.
///
/// Known names are ASCII, and two characters outside ASCII fold into it: `ſ` and the Kelvin sign.
#[doc(hidden)]
pub fn fold(name: &str, known: &[&'static str]) -> Option<&'static str> {
    let folded = |letter: char| match letter {
        '\u{17f}' => 's',
        '\u{212a}' => 'k',
        other => other.to_ascii_lowercase(),
    };
    known.iter().copied().find(|known| {
        name.chars().map(folded).eq(known.chars().map(|letter| letter.to_ascii_lowercase()))
    })
}

/// A number of 0 to 2^63-1, as Go's `int64` holds sizes.
#[derive(Clone, Copy, Debug)]
pub struct Int63(u64);

impl From<Int63> for u64 {
    fn from(number: Int63) -> Self {
        number.0
    }
}

impl<'de> Deserialize<'de> for Int63 {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let number = u64::deserialize(deserializer)?;
        if i64::try_from(number).is_err() {
            return Err(D::Error::custom(format_args!("`{number}` is over 2^63-1")));
        }
        Ok(Self(number))
    }
}
