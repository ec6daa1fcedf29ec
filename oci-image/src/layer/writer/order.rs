use std::cmp::Ordering;
use std::collections::HashSet;
use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;

use super::WriteError;
use crate::layer::{Change, EntryPath};

/// In which order a writer accepts changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Order {
    /// The [canonical one](Change::canonical_cmp). This costs nothing to check.
    Canonical,
    /// Any, without repetition. This costs about 32 bytes of memory a change to check.
    Any,
}

impl Change {
    /// Compares the places of two changes in a canonical archive.
    ///
    /// A directory stands directly before what it holds. In it, its opaque marker comes first, then
    /// whiteouts by name, then entries by name, each with all that is below. Names are compared
    /// byte by byte. Only changes of the same kind at the same path are equal.
    pub fn canonical_cmp(&self, other: &Self) -> Ordering {
        key(self).cmp(key(other))
    }
}

/// The steps to a change's place: names, each behind the rank of its kind among siblings.
fn key(change: &Change) -> impl Iterator<Item = (u8, &[u8])> {
    let path = change.path();
    let depth = path.depth();
    let last = match change {
        Change::Whiteout(_) => 1,
        _ => 2,
    };
    let opaque = matches!(change, Change::Opaque(_)).then_some((0, &[][..]));
    let names = path.components().enumerate();
    names.map(move |(index, name)| (if index + 1 == depth { last } else { 2 }, name)).chain(opaque)
}

/// Refuses a change that is given twice.
pub(super) enum Guard {
    Canonical(Option<Change>),
    Any { seen: HashSet<u128>, keys: [RandomState; 2] },
}

impl Guard {
    pub(super) fn new(order: Order) -> Self {
        match order {
            Order::Canonical => Self::Canonical(None),
            Order::Any => {
                Self::Any { seen: HashSet::new(), keys: [RandomState::new(), RandomState::new()] }
            }
        }
    }

    pub(super) fn admit(&mut self, change: &Change) -> Result<(), WriteError> {
        match self {
            Self::Canonical(before) => {
                let order = before.as_ref().map(|before| before.canonical_cmp(change));
                match (order, &before) {
                    (Some(Ordering::Equal), _) => {
                        return Err(WriteError::Duplicate(change.path().clone()));
                    }
                    (Some(Ordering::Greater), Some(before)) => {
                        let (path, before) = (change.path().clone(), before.path().clone());
                        return Err(WriteError::Order { path, before });
                    }
                    _ => *before = Some(place(change)),
                }
            }
            Self::Any { seen, keys } => {
                // 128 bits by two secret keys: a false alarm is out of reach.
                let [high, low] = [&keys[0], &keys[1]].map(|key| key.hash_one(mark(change)));
                if !seen.insert(u128::from(high) << 64 | u128::from(low)) {
                    return Err(WriteError::Duplicate(change.path().clone()));
                }
            }
        }
        Ok(())
    }
}

fn mark(change: &Change) -> (u8, &EntryPath) {
    match change {
        Change::Upsert(entry) => (0, &entry.path),
        Change::Whiteout(path) => (1, path),
        Change::Opaque(path) => (2, path),
    }
}

/// As much of a change as says where it stands.
fn place(change: &Change) -> Change {
    use crate::layer::{Entry, Kind, Metadata};
    match change {
        Change::Upsert(entry) => {
            Entry::new(entry.path.clone(), Kind::Directory, Metadata::default()).into()
        }
        marker => marker.clone(),
    }
}
