use std::collections::BTreeMap;
use std::collections::btree_map::Iter;

use super::Value;

/// Members of an object that its model does not know, by name.
///
/// It also remembers which known lists and maps stood in the document as `null` or empty, so that
/// they are written as they were read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[allow(clippy::box_collection)] // most objects have none: one pointer, and nothing behind it
pub struct Members(Option<Box<BTreeMap<String, Value>>>);

impl Members {
    /// No members.
    pub const fn new() -> Self {
        Self(None)
    }

    /// The value of the member `name`.
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.0.as_ref()?.get(name)
    }

    /// Sets the member `name` and returns what it was.
    pub fn insert(&mut self, name: impl Into<String>, value: Value) -> Option<Value> {
        self.0.get_or_insert_default().insert(name.into(), value)
    }

    /// Removes the member `name` and returns what it was.
    pub fn remove(&mut self, name: &str) -> Option<Value> {
        let members = self.0.as_mut()?;
        let value = members.remove(name);
        if members.is_empty() {
            self.0 = None;
        }
        value
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    /// The members in the order of their names.
    pub fn iter(&self) -> Iter<'_, String, Value> {
        self.0.as_ref().map(|members| members.iter()).unwrap_or_default()
    }
}

impl<'a> IntoIterator for &'a Members {
    type Item = (&'a String, &'a Value);
    type IntoIter = Iter<'a, String, Value>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}
