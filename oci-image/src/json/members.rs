use std::collections::BTreeMap;
use std::collections::btree_map::Iter;

use super::Value;

/// Members of an object that its model does not know, by name.
///
/// It also remembers which known lists and maps stood in the document as `null` or empty, so that
/// they are written as they were read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Members(BTreeMap<String, Value>);

impl Members {
    /// No members.
    pub const fn new() -> Self {
        Self(BTreeMap::new())
    }

    /// The value of the member `name`.
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.0.get(name)
    }

    /// Sets the member `name` and returns what it was.
    pub fn insert(&mut self, name: impl Into<String>, value: Value) -> Option<Value> {
        self.0.insert(name.into(), value)
    }

    /// Removes the member `name` and returns what it was.
    pub fn remove(&mut self, name: &str) -> Option<Value> {
        self.0.remove(name)
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The members in the order of their names.
    pub fn iter(&self) -> Iter<'_, String, Value> {
        self.0.iter()
    }
}

impl<'a> IntoIterator for &'a Members {
    type Item = (&'a String, &'a Value);
    type IntoIter = Iter<'a, String, Value>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}
