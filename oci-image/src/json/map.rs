use std::collections::BTreeMap;
use std::fmt;
use std::marker::PhantomData;
use std::ops::Index;

use serde::de::{Deserialize, Deserializer, Error as _, MapAccess, Visitor};
use serde::ser::{Serialize, Serializer};

/// A JSON object that maps names to values of one type: annotations, labels.
///
/// It is sorted by name, and has each name once. Most are short, so they are held as one list. A document that has a
/// name twice is refused.
///
/// ```
/// use oci_image::json::Map;
///
/// let mut labels = Map::from([("b".to_owned(), 1), ("a".to_owned(), 2)]);
/// labels.insert("c".into(), 3);
/// assert_eq!(labels.get("a"), Some(&2));
/// assert_eq!(labels.keys().collect::<Vec<_>>(), ["a", "b", "c"]);
/// ```
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Map<V>(Vec<(String, V)>);

impl<V> Map<V> {
    /// A map without names.
    pub const fn new() -> Self {
        Self(Vec::new())
    }

    /// The number of names.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether it is empty.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The value of `name`.
    pub fn get(&self, name: &str) -> Option<&V> {
        self.find(name).ok().and_then(|index| self.0.get(index)).map(|(_, value)| value)
    }

    /// The value of `name`, to change it.
    pub fn get_mut(&mut self, name: &str) -> Option<&mut V> {
        self.find(name).ok().and_then(|index| self.0.get_mut(index)).map(|(_, value)| value)
    }

    /// Whether `name` has a value.
    pub fn contains_key(&self, name: &str) -> bool {
        self.find(name).is_ok()
    }

    /// Sets the value of `name` and returns what it was.
    pub fn insert(&mut self, name: String, value: V) -> Option<V> {
        match self.find(&name) {
            Ok(index) => {
                let (_, old) = self.0.get_mut(index)?;
                Some(std::mem::replace(old, value))
            }
            Err(index) => {
                self.0.insert(index, (name, value));
                None
            }
        }
    }

    /// Removes `name` and returns its value.
    pub fn remove(&mut self, name: &str) -> Option<V> {
        self.find(name).ok().map(|index| self.0.remove(index).1)
    }

    /// Removes what `keep` does not want.
    pub fn retain(&mut self, mut keep: impl FnMut(&String, &mut V) -> bool) {
        self.0.retain_mut(|(name, value)| keep(name, value));
    }

    /// Removes everything.
    pub fn clear(&mut self) {
        self.0.clear();
    }

    /// The names in their order.
    pub fn keys(&self) -> impl DoubleEndedIterator<Item = &String> + ExactSizeIterator {
        self.0.iter().map(|(name, _)| name)
    }

    /// The values in the order of their names.
    pub fn values(&self) -> impl DoubleEndedIterator<Item = &V> + ExactSizeIterator {
        self.0.iter().map(|(_, value)| value)
    }

    /// The names and values in their order.
    pub fn iter(&self) -> Iter<'_, V> {
        self.0.iter().map(pair::<V>)
    }

    fn find(&self, name: &str) -> Result<usize, usize> {
        self.0.binary_search_by(|(other, _)| other.as_str().cmp(name))
    }
}

/// The iterator over names and values.
pub(crate) type Iter<'a, V> = std::iter::Map<std::slice::Iter<'a, (String, V)>, PairOf<V>>;

type PairOf<V> = for<'a> fn(&'a (String, V)) -> (&'a String, &'a V);

fn pair<V>((name, value): &(String, V)) -> (&String, &V) {
    (name, value)
}

impl<V> Default for Map<V> {
    fn default() -> Self {
        Self::new()
    }
}

impl<V: fmt::Debug> fmt::Debug for Map<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self).finish()
    }
}

/// Panics if there is no such name, as the maps of the standard library do.
impl<V> Index<&str> for Map<V> {
    type Output = V;

    fn index(&self, name: &str) -> &V {
        self.get(name).expect("the map has the name")
    }
}

/// The last of equal names counts.
impl<V> FromIterator<(String, V)> for Map<V> {
    fn from_iter<I: IntoIterator<Item = (String, V)>>(members: I) -> Self {
        Self(members.into_iter().collect::<BTreeMap<_, _>>().into_iter().collect())
    }
}

/// The last of equal names counts.
impl<V> Extend<(String, V)> for Map<V> {
    fn extend<I: IntoIterator<Item = (String, V)>>(&mut self, members: I) {
        let old = std::mem::take(self);
        *self = old.into_iter().chain(members).collect();
    }
}

impl<V, const N: usize> From<[(String, V); N]> for Map<V> {
    fn from(members: [(String, V); N]) -> Self {
        members.into_iter().collect()
    }
}

impl<V> From<BTreeMap<String, V>> for Map<V> {
    fn from(map: BTreeMap<String, V>) -> Self {
        Self(map.into_iter().collect())
    }
}

impl<V> IntoIterator for Map<V> {
    type Item = (String, V);
    type IntoIter = std::vec::IntoIter<(String, V)>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

impl<'a, V> IntoIterator for &'a Map<V> {
    type Item = (&'a String, &'a V);
    type IntoIter = Iter<'a, V>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl<V: Serialize> Serialize for Map<V> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self)
    }
}

impl<'de, V: Deserialize<'de>> Deserialize<'de> for Map<V> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Unique<V>(PhantomData<V>);

        impl<'de, V: Deserialize<'de>> Visitor<'de> for Unique<V> {
            type Value = Map<V>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            // Sorted once at the end: names in any order cost no more than names in theirs.
            fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Map<V>, A::Error> {
                let mut list: Vec<(String, V)> = Vec::new();
                while let Some(member) = members.next_entry()? {
                    list.push(member);
                }
                if !list.is_sorted_by(|(one, _), (next, _)| one < next) {
                    list.sort_by(|(one, _), (next, _)| one.cmp(next));
                    let twice =
                        |pair: &&[(String, V)]| matches!(pair, [one, next] if one.0 == next.0);
                    if let Some([(name, _), _]) = list.windows(2).find(twice) {
                        return Err(A::Error::custom(format_args!("duplicate member `{name}`")));
                    }
                }
                Ok(Map(list))
            }
        }

        deserializer.deserialize_map(Unique(PhantomData))
    }
}
