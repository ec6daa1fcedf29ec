use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::fmt;
use std::marker::PhantomData;

use serde::Deserialize;
use serde::de::{Deserializer, Error as _, MapAccess, Visitor};

use super::Value;

/// A list or map that may be absent, `null` or empty in a document.
#[doc(hidden)]
pub trait Collection: Default {
    /// What stands in a document for no element.
    const EMPTY: Value;

    fn is_empty(&self) -> bool;
}

impl<T> Collection for Vec<T> {
    const EMPTY: Value = Value::Array(Vec::new());

    fn is_empty(&self) -> bool {
        self.is_empty()
    }
}

impl<K, V> Collection for BTreeMap<K, V> {
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

/// A map whose names stand once each.
#[derive(Clone, Debug)]
pub struct UniqueMap<V>(BTreeMap<String, V>);

impl<V> From<UniqueMap<V>> for BTreeMap<String, V> {
    fn from(map: UniqueMap<V>) -> Self {
        map.0
    }
}

impl<'de, V: Deserialize<'de>> Deserialize<'de> for UniqueMap<V> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Unique<V>(PhantomData<V>);

        impl<'de, V: Deserialize<'de>> Visitor<'de> for Unique<V> {
            type Value = UniqueMap<V>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(
                self,
                mut members: A,
            ) -> Result<UniqueMap<V>, A::Error> {
                let mut map = BTreeMap::new();
                while let Some(name) = members.next_key::<String>()? {
                    match map.entry(name) {
                        Entry::Vacant(entry) => _ = entry.insert(members.next_value()?),
                        Entry::Occupied(entry) => {
                            let name = entry.key();
                            return Err(A::Error::custom(format_args!(
                                "duplicate member `{name}`"
                            )));
                        }
                    }
                }
                Ok(UniqueMap(map))
            }
        }

        deserializer.deserialize_map(Unique(PhantomData))
    }
}
