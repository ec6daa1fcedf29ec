//! Extended attributes that record an owner that a file cannot have.

use std::collections::BTreeMap;

use oci_image::layer::{Device, Kind, Metadata};

/// The names of these attributes. They are not part of an image.
pub(crate) const OWNER_XATTRS: [&[u8]; 2] = [ROOTLESS, OVERRIDE];

const ROOTLESS: &[u8] = b"user.rootlesscontainers";

const OVERRIDE: &[u8] = b"user.containers.override_stat";

/// Where the owner of a file is recorded that belongs to the caller.
///
/// Linux lets regular files and directories alone have such attributes. Packing reads both.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum OwnerXattr {
    /// In `user.rootlesscontainers`, as umoci does, of owners other than 0:0.
    #[default]
    RootlessContainers,
    /// In `user.containers.override_stat`, as containers/storage does and fuse-overlayfs reads it:
    /// `UID:GID:MODE:TYPE`, of every file. An empty file that stands in for a device has its numbers.
    OverrideStat,
}

impl OwnerXattr {
    /// The attribute that a file gets, if there is something to record.
    pub(crate) fn of(self, kind: &Kind, metadata: &Metadata) -> Option<(&'static [u8], Vec<u8>)> {
        let (uid, gid) = (metadata.uid, metadata.gid);
        match self {
            Self::RootlessContainers if (uid, gid) == (0, 0) => None,
            Self::RootlessContainers => Some((ROOTLESS, encode_rootless(uid, gid))),
            Self::OverrideStat => {
                let mode = metadata.mode & 0o7777;
                let value = format!("{uid}:{gid}:{mode:04o}:{}", type_of(kind)?);
                Some((OVERRIDE, value.into_bytes()))
            }
        }
    }
}

fn type_of(kind: &Kind) -> Option<String> {
    let numbers = |name, device: &Device| format!("{name}-{}-{}", device.major, device.minor);
    match kind {
        Kind::File { .. } => Some("file".into()),
        Kind::Directory => Some("dir".into()),
        Kind::CharDevice(device) => Some(numbers("char", device)),
        Kind::BlockDevice(device) => Some(numbers("block", device)),
        // They cannot have such an attribute.
        _ => None,
    }
}

/// What is recorded of a file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Recorded {
    pub(crate) uid: u32,
    pub(crate) gid: u32,
    pub(crate) mode: Option<u32>,
    /// The device that the file stands in for.
    pub(crate) device: Option<Kind>,
}

impl Recorded {
    /// What a file's attributes say; what cannot be read counts as not recorded.
    pub(crate) fn read(xattrs: &BTreeMap<Vec<u8>, Vec<u8>>) -> Self {
        let owner = |(uid, gid)| Self { uid, gid, ..Self::default() };
        let by_override = xattrs.get(OVERRIDE).and_then(|text| decode_override(text));
        by_override
            .or_else(|| Some(owner(decode_rootless(xattrs.get(ROOTLESS)?)?)))
            .unwrap_or_default()
    }
}

/// Reads `UID:GID:MODE`, and a type behind it if there is one.
fn decode_override(text: &[u8]) -> Option<Recorded> {
    let mut words = std::str::from_utf8(text).ok()?.split(':');
    let (uid, gid) = (words.next()?.parse().ok()?, words.next()?.parse().ok()?);
    let mode = u32::from_str_radix(words.next()?, 8).ok().filter(|mode| *mode <= 0o7777)?;
    let device = words.next().and_then(decode_device);
    Some(Recorded { uid, gid, mode: Some(mode), device })
}

fn decode_device(text: &str) -> Option<Kind> {
    let mut words = text.split('-');
    let (kind, major, minor) = (words.next()?, words.next()?, words.next()?);
    let device = Device { major: major.parse().ok()?, minor: minor.parse().ok()? };
    match kind {
        "char" => Some(Kind::CharDevice(device)),
        "block" => Some(Kind::BlockDevice(device)),
        _ => None,
    }
}

/// The number by which `user.rootlesscontainers` says that the owner is the one of the file: 0 in an image.
const CALLER: u32 = u32::MAX;

/// The message `rootlesscontainers.Resource { uid = 1, gid = 2 }` in the encoding of protocol buffers.
fn encode_rootless(uid: u32, gid: u32) -> Vec<u8> {
    let mut message = Vec::new();
    for (tag, id) in [(0x08, uid), (0x10, gid)] {
        message.push(tag);
        varint(if id == 0 { CALLER } else { id }, &mut message);
    }
    message
}

/// Reads what [`encode_rootless`] writes, and fields that are left out as 0; those that are not known are an error.
fn decode_rootless(message: &[u8]) -> Option<(u32, u32)> {
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

    #[test]
    fn overridden_stats_are_written_as_containers_storage_writes_them() {
        let mut metadata = Metadata::new(0o4755);
        (metadata.uid, metadata.gid) = (1000, 5);
        let device = Device { major: 1, minor: 3 };
        for (kind, text) in [
            (Kind::File { size: 1 }, "1000:5:4755:file"),
            (Kind::Directory, "1000:5:4755:dir"),
            (Kind::CharDevice(device), "1000:5:4755:char-1-3"),
            (Kind::BlockDevice(device), "1000:5:4755:block-1-3"),
        ] {
            let (name, value) = OwnerXattr::OverrideStat.of(&kind, &metadata).unwrap();
            assert_eq!((name, &*value), (OVERRIDE, text.as_bytes()));
            let is_device = matches!(kind, Kind::CharDevice(_) | Kind::BlockDevice(_));
            let device = is_device.then_some(kind);
            let expected = Recorded { uid: 1000, gid: 5, mode: Some(0o4755), device };
            assert_eq!(Recorded::read(&[(name.to_vec(), value)].into()), expected);
        }
        assert_eq!(OwnerXattr::OverrideStat.of(&Kind::Fifo, &metadata), None);
    }

    #[test]
    fn what_cannot_be_read_is_not_recorded() {
        let read = |text: &[u8]| Recorded::read(&[(OVERRIDE.to_vec(), text.to_vec())].into());
        let expected = Recorded { uid: 1, gid: 2, mode: Some(0o644), device: None };
        for text in ["1:2:644", "1:2:0644", "1:2:0100644", "1:2:644:char-1", "1:2:644:what-1-1"] {
            let is_read = text != "1:2:0100644";
            let expected = if is_read { expected.clone() } else { Recorded::default() };
            assert_eq!(read(text.as_bytes()), expected, "{text}");
        }
        for text in ["", "1", "1:2", "1:2:8", "-1:2:644", "4294967296:0:644"] {
            assert_eq!(read(text.as_bytes()), Recorded::default(), "{text}");
        }
        let both =
            [(OVERRIDE.to_vec(), b"bad".to_vec()), (ROOTLESS.to_vec(), encode_rootless(7, 8))];
        let expected = Recorded { uid: 7, gid: 8, ..Recorded::default() };
        assert_eq!(Recorded::read(&both.into()), expected);
    }
}
