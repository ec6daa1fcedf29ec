//! A bounded number of places for what clients make the server keep, shared out so that none of them takes the others'.

use std::borrow::Borrow;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::hash::Hash;
use std::net::IpAddr;

/// Whose something is. Where two have as much, the later one in this order gives first.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Owner {
    /// Who showed credentials.
    User(String),
    /// Who did not, by address as far as it is known.
    Anonymous(Option<IpAddr>),
}

impl Owner {
    /// Whoever has an address. One network of IPv6 (64 bits) is one owner: it has more addresses than any limit.
    pub(crate) fn anonymous(peer: Option<IpAddr>) -> Self {
        Self::Anonymous(peer.map(|peer| match peer.to_canonical() {
            IpAddr::V6(address) => IpAddr::V6((address.to_bits() >> 64 << 64).into()),
            address => address,
        }))
    }
}

/// Values by key, each with an owner.
#[derive(Debug)]
pub(crate) struct Places<K, T> {
    taken: HashMap<K, Place<T>>,
    /// What each owner has, by last use.
    owners: HashMap<Owner, BTreeMap<u64, K>>,
    /// Owners by what they have.
    sizes: BTreeSet<(usize, Owner)>,
    uses: u64,
}

#[derive(Debug)]
struct Place<T> {
    owner: Owner,
    used: u64,
    value: T,
}

impl<K, T> Default for Places<K, T> {
    fn default() -> Self {
        Self { taken: HashMap::new(), owners: HashMap::new(), sizes: BTreeSet::new(), uses: 0 }
    }
}

impl<K: Clone + Eq + Hash, T> Places<K, T> {
    pub(crate) fn len(&self) -> usize {
        self.taken.len()
    }

    pub(crate) fn insert(&mut self, owner: Owner, key: K, value: T) {
        self.remove(&key);
        let used = self.next_use();
        let (had, has) = {
            let keys = self.owners.entry(owner.clone()).or_default();
            let had = keys.len();
            keys.insert(used, key.clone());
            (had, keys.len())
        };
        self.resize(&owner, had, has);
        self.taken.insert(key, Place { owner, used, value });
    }

    pub(crate) fn remove<Q>(&mut self, key: &Q) -> Option<T>
    where
        K: Borrow<Q>,
        Q: Eq + Hash + ?Sized,
    {
        let Place { owner, used, value } = self.taken.remove(key)?;
        let keys = self.owners.get_mut(&owner)?;
        let had = keys.len();
        keys.remove(&used);
        let has = keys.len();
        if has == 0 {
            self.owners.remove(&owner);
        }
        self.resize(&owner, had, has);
        Some(value)
    }

    /// The value, which is used by that.
    pub(crate) fn get<Q>(&mut self, key: &Q) -> Option<&mut T>
    where
        K: Borrow<Q>,
        Q: Eq + Hash + ?Sized,
    {
        let used = self.next_use();
        let place = self.taken.get_mut(key)?;
        let keys = self.owners.get_mut(&place.owner)?;
        if let Some(key) = keys.remove(&place.used) {
            keys.insert(used, key);
        }
        place.used = used;
        Some(&mut place.value)
    }

    pub(crate) fn retain(&mut self, keep: impl Fn(&K, &T) -> bool) {
        drop(self.remove_all(|key, value| !keep(key, value)));
    }

    /// Removes the values that are such.
    pub(crate) fn remove_all(&mut self, are: impl Fn(&K, &T) -> bool) -> Vec<T> {
        let taken = self.taken.iter().filter(|(key, place)| are(key, &place.value));
        let keys: Vec<K> = taken.map(|(key, _)| key.clone()).collect();
        keys.iter().filter_map(|key| self.remove(key)).collect()
    }

    pub(crate) fn count(&self, owner: &Owner) -> usize {
        self.owners.get(owner).map_or(0, BTreeMap::len)
    }

    /// What gives way to something new: of the owner that has most, what it used longest ago of what may go.
    pub(crate) fn first_to_go(&self, may_go: impl Fn(&T) -> bool) -> Option<K> {
        self.sizes.iter().rev().find_map(|(_, owner)| self.first_to_go_of(owner, &may_go))
    }

    /// What this owner used longest ago of what may go.
    pub(crate) fn first_to_go_of(&self, owner: &Owner, may_go: impl Fn(&T) -> bool) -> Option<K> {
        let mut keys = self.owners.get(owner)?.values();
        keys.find(|key| self.taken.get(*key).is_some_and(|place| may_go(&place.value))).cloned()
    }

    fn next_use(&mut self) -> u64 {
        self.uses += 1;
        self.uses
    }

    fn resize(&mut self, owner: &Owner, had: usize, has: usize) {
        self.sizes.remove(&(had, owner.clone()));
        if has > 0 {
            self.sizes.insert((has, owner.clone()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn owner(name: &str) -> Owner {
        Owner::User(name.into())
    }

    #[test]
    fn who_has_most_gives_first_what_it_used_longest_ago() {
        let mut places = Places::default();
        for (owner_of, key) in [("a", 1), ("b", 2), ("b", 3), ("c", 4), ("b", 5)] {
            places.insert(owner(owner_of), key, ());
        }
        places.get(&2);
        let mut gone = Vec::new();
        while let Some(key) = places.first_to_go(|()| true) {
            places.remove(&key);
            gone.push(key);
        }
        assert_eq!(gone, [3, 5, 4, 2, 1]);
        assert_eq!((places.len(), places.sizes.len(), places.owners.len()), (0, 0, 0));
    }

    #[test]
    fn what_may_not_go_stays() {
        let mut places = Places::default();
        for (owner_of, key, idle) in [("a", 1, false), ("a", 2, false), ("b", 3, true)] {
            places.insert(owner(owner_of), key, idle);
        }
        assert_eq!(places.first_to_go(|idle| *idle), Some(3));
        assert_eq!(places.first_to_go_of(&owner("a"), |idle| *idle), None);
        assert_eq!(places.count(&owner("a")), 2);
    }

    #[test]
    fn users_give_after_strangers_and_a_network_is_one_stranger() {
        let mut places = Places::default();
        let stranger = |address: &str| Owner::anonymous(Some(address.parse().unwrap()));
        for (owner, key) in [
            (owner("z"), 1),
            (stranger("2001:db8::1"), 2),
            (stranger("2001:db8::ffff:1"), 3),
            (stranger("192.0.2.1"), 4),
            (stranger("::ffff:192.0.2.1"), 5),
            (owner("z"), 6),
        ] {
            places.insert(owner, key, ());
        }
        let mut gone = Vec::new();
        while let Some(key) = places.first_to_go(|()| true) {
            places.remove(&key);
            gone.push(key);
        }
        assert_eq!(gone, [2, 4, 1, 3, 5, 6]);
    }
}
