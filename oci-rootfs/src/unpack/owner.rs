//! From the owners that an image records to those that its files get.

/// Who the files belong to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Owners {
    /// To the users and groups that the image records. Only root can give files away.
    #[default]
    Recorded,
    /// To those that the ranges map the recorded ones to. An owner that none maps is an error.
    Mapped {
        /// Ranges of users.
        users: Vec<IdRange>,
        /// Ranges of groups.
        groups: Vec<IdRange>,
    },
    /// All to the caller. Who they should belong to is recorded in an extended attribute of each file
    /// that can hold one ([`OwnerXattr`](crate::unpack::OwnerXattr)).
    Caller,
}

/// A range of users or groups of an image, and those of the host that they become. Closed by nature: a line of
/// `/proc/PID/uid_map` has these three numbers.
#[expect(clippy::exhaustive_structs, reason = "closed by nature")]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct IdRange {
    /// The first one in the image.
    pub inside: u32,
    /// The first one on the host.
    pub outside: u32,
    /// How many there are.
    pub size: u32,
}

impl IdRange {
    /// The host's number for one of the image's.
    pub fn map(self, id: u32) -> Option<u32> {
        let offset = id.checked_sub(self.inside).filter(|offset| *offset < self.size)?;
        // (uid_t) -1 is not an ID: chown(2) takes it for "leave it as it is".
        self.outside.checked_add(offset).filter(|id| *id != u32::MAX)
    }

    /// The image's number for one of the host's.
    pub fn unmap(self, id: u32) -> Option<u32> {
        Self { inside: self.outside, outside: self.inside, size: self.size }.map(id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_map_their_own_numbers_only() {
        let range = IdRange { inside: 0, outside: 100_000, size: 65_536 };
        assert_eq!(range.map(0), Some(100_000));
        assert_eq!(range.map(65_535), Some(165_535));
        assert_eq!(range.map(65_536), None);
        assert_eq!(range.unmap(100_001), Some(1));
        assert_eq!(range.unmap(99_999), None);
        assert_eq!(IdRange { inside: 0, outside: u32::MAX, size: 2 }.map(0), None);
        assert_eq!(IdRange { inside: 0, outside: u32::MAX, size: 2 }.map(1), None);
    }
}
