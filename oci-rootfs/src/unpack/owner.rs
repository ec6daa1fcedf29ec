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
    /// All to whoever runs this. Who they should belong to stands in the extended attribute
    /// `user.rootlesscontainers` of each file that can hold one, unless that is 0:0.
    Caller,
}

/// A range of users or groups of an image, and the host's that stand for them.
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
        // The largest number is no one.
        self.outside.checked_add(offset).filter(|id| *id != u32::MAX)
    }

    /// The image's number for one of the host's.
    pub fn unmap(self, id: u32) -> Option<u32> {
        Self { inside: self.outside, outside: self.inside, size: self.size }.map(id)
    }
}

/// The extended attribute that records an owner that a file cannot have.
pub(crate) const ROOTLESS_XATTR: &[u8] = b"user.rootlesscontainers";

/// The number by which that attribute says that the owner is whoever the file belongs to: 0 in an image.
const CALLER: u32 = u32::MAX;

/// The message `rootlesscontainers.Resource { uid = 1, gid = 2 }` in the encoding of protocol buffers.
pub(crate) fn encode_rootless(uid: u32, gid: u32) -> Vec<u8> {
    let mut message = Vec::new();
    for (tag, id) in [(0x08, uid), (0x10, gid)] {
        message.push(tag);
        varint(if id == 0 { CALLER } else { id }, &mut message);
    }
    message
}

/// Reads what [`encode_rootless`] writes, and fields that are left out as 0; those that are not known are an error.
pub(crate) fn decode_rootless(message: &[u8]) -> Option<(u32, u32)> {
    let (mut uid, mut gid) = (0, 0);
    let mut bytes = message.iter().copied();
    while let Some(tag) = bytes.next() {
        let mut value = 0u64;
        for shift in (0..35).step_by(7) {
            let byte = bytes.next()?;
            value |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                break;
            } else if shift == 28 {
                return None;
            }
        }
        match tag {
            0x08 => uid = value.try_into().ok()?,
            0x10 => gid = value.try_into().ok()?,
            _ => return None,
        }
    }
    Some([uid, gid].map(|id| if id == CALLER { 0 } else { id }).into())
}

fn varint(mut value: u32, out: &mut Vec<u8>) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
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

    #[test]
    fn rootless_owners_survive_their_encoding() {
        for (uid, gid) in [(0, 0), (0, 1), (1000, 0), (127, 128), (u32::MAX - 1, 65_534)] {
            assert_eq!(decode_rootless(&encode_rootless(uid, gid)), Some((uid, gid)));
        }
        assert_eq!(encode_rootless(1000, 5), [0x08, 0xe8, 0x07, 0x10, 0x05]);
        assert_eq!(encode_rootless(7, 0), b"\x08\x07\x10\xff\xff\xff\xff\x0f");
        assert_eq!(decode_rootless(&[0x08, 0x07]), Some((7, 0)));
        for broken in [&[0x08][..], &[0x18, 1], &[0x08, 0xff, 0xff, 0xff, 0xff, 0xff]] {
            assert_eq!(decode_rootless(broken), None, "{broken:?}");
        }
    }
}
