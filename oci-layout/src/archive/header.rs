//! The blocks that say what stands in a tar archive.

use std::io;

use tar::{EntryType, Header};

/// The unit of a tar archive, in bytes.
pub(super) const BLOCK: u64 = 512;

/// What one header says, alone.
pub(super) struct Block {
    pub(super) kind: EntryType,
    pub(super) name: Vec<u8>,
    pub(super) link: Vec<u8>,
    pub(super) size: u64,
}

impl Block {
    /// Reads a header, or `None` for a block of zeros.
    pub(super) fn parse(bytes: &[u8; BLOCK as usize]) -> io::Result<Option<Self>> {
        if bytes.iter().all(|byte| *byte == 0) {
            return Ok(None);
        }
        let header = Header::from_byte_slice(bytes);
        if header.cksum()? != checksum(bytes) {
            return Err(invalid("a header has a wrong checksum"));
        }
        let link = header.link_name_bytes().unwrap_or_default().into_owned();
        Ok(Some(Self {
            kind: header.entry_type(),
            name: header.path_bytes().into_owned(),
            link,
            size: header.entry_size()?,
        }))
    }
}

/// The sum of all bytes, those of the checksum itself taken as spaces.
fn checksum(bytes: &[u8; BLOCK as usize]) -> u32 {
    let sum: u32 = bytes.iter().map(|byte| u32::from(*byte)).sum();
    let own: u32 = bytes[148..156].iter().map(|byte| u32::from(*byte)).sum();
    sum - own + 8 * u32::from(b' ')
}

/// What a PAX header changes in the one that follows.
#[derive(Default)]
pub(super) struct Extension {
    pub(super) path: Option<Vec<u8>>,
    pub(super) link: Option<Vec<u8>>,
    pub(super) size: Option<u64>,
}

impl Extension {
    /// Reads the records of a PAX header.
    pub(super) fn parse(mut records: &[u8]) -> io::Result<Self> {
        let mut extension = Self::default();
        while !records.is_empty() {
            let (key, value, rest) =
                record(records).ok_or_else(|| invalid("a PAX header is malformed"))?;
            records = rest;
            let twice = match key {
                b"path" => extension.path.replace(value.to_vec()).is_some(),
                b"linkpath" => extension.link.replace(value.to_vec()).is_some(),
                b"size" => extension.size.replace(decimal(value)?).is_some(),
                _ if key.starts_with(b"GNU.sparse") => {
                    return Err(invalid("the archive has sparse files"));
                }
                _ => false,
            };
            if twice {
                return Err(invalid("a PAX header has a record twice"));
            }
        }
        Ok(extension)
    }
}

/// The first record, `length key=value\n`: its key, its value, and what follows it.
fn record(records: &[u8]) -> Option<(&[u8], &[u8], &[u8])> {
    let space = records.iter().position(|byte| *byte == b' ')?;
    let (length, _) = records.split_at_checked(space)?;
    let length = usize::try_from(decimal(length).ok()?).ok()?;
    let (record, rest) = records.split_at_checked(length)?;
    let body = record.get(space + 1..)?.strip_suffix(b"\n")?;
    let equals = body.iter().position(|byte| *byte == b'=')?;
    let (key, value) = body.split_at_checked(equals)?;
    Some((key, value.get(1..)?, rest))
}

fn decimal(text: &[u8]) -> io::Result<u64> {
    let digits = !text.is_empty() && text.iter().all(u8::is_ascii_digit);
    let text = std::str::from_utf8(text).ok().filter(|_| digits);
    text.and_then(|text| text.parse().ok()).ok_or_else(|| invalid("a PAX number is malformed"))
}

pub(super) fn invalid(text: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, text)
}
