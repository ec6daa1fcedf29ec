use std::collections::BTreeSet;

/// The first entries of a list that is seen in any order: what is in memory does not grow with the
/// list. Their order is without regard to case, and then by it.
///
/// ```
/// let mut entries = oci_registry::store::Entries::new(Some("a"), 2);
/// ["c", "d", "a", "B"].iter().for_each(|name| entries.add(name));
/// assert_eq!(entries.in_order(), ["B", "c"]);
/// ```
#[derive(Debug)]
pub struct Entries {
    /// It need not be an entry.
    after: Option<(String, String)>,
    most: usize,
    first: BTreeSet<(String, String)>,
}

impl Entries {
    /// Up to `most` entries that are after one.
    pub fn new(after: Option<&str>, most: usize) -> Self {
        Self { after: after.map(order), most, first: BTreeSet::new() }
    }

    /// Considers one entry.
    pub fn add(&mut self, entry: &str) {
        let entry = order(entry);
        let is_before = self.after.as_ref().is_some_and(|after| entry <= *after);
        let is_full = self.first.len() >= self.most;
        if is_before || is_full && self.first.last().is_none_or(|last| entry > *last) {
            return;
        }
        self.first.insert(entry);
        if self.first.len() > self.most {
            self.first.pop_last();
        }
    }

    /// The first of those that were added.
    pub fn in_order(self) -> Vec<String> {
        self.first.into_iter().map(|(_, entry)| entry).collect()
    }
}

fn order(entry: &str) -> (String, String) {
    (entry.to_ascii_lowercase(), entry.to_owned())
}
