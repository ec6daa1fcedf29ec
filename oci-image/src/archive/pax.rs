//! The records of PAX extended headers, read strictly.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};

use super::error::Fault;
use super::timestamp::decimal;
use super::{Defect, LimitExceeded, Limits, Timestamp};

/// What a PAX header says of the entry after it: of two records of one key, the last.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Records {
    pub(super) path: Option<Vec<u8>>,
    pub(super) link: Option<Vec<u8>>,
    pub(super) size: Option<u64>,
    pub(super) uid: Option<u64>,
    pub(super) gid: Option<u64>,
    pub(super) mtime: Option<Timestamp>,
    pub(super) xattrs: BTreeMap<Vec<u8>, Vec<u8>>,
    pub(super) windows: BTreeMap<String, Vec<u8>>,
}

impl Records {
    pub(super) fn parse(body: &[u8], limits: &Limits) -> Result<Self, Fault> {
        let mut records = Self::default();
        let mut portable = BTreeMap::<Vec<u8>, Vec<u8>>::new();
        for (key, value) in split(body)? {
            match key {
                b"path" if value.is_empty() => return Err(unusable(key).into()),
                b"path" => records.path = Some(name(key, value)?),
                b"linkpath" => records.link = Some(name(key, value)?),
                b"size" => records.size = Some(integer(key, value)?),
                b"uid" => records.uid = Some(integer(key, value)?),
                b"gid" => records.gid = Some(integer(key, value)?),
                b"mtime" => records.mtime = Some(time(key, value)?),
                // They are not used, but GNU tar and Go refuse the header if they are wrong.
                b"atime" | b"ctime" => drop(time(key, value)?),
                // These are not used either, and Go refuses them.
                b"uname" | b"gname" if value.contains(&0) => return Err(unusable(key).into()),
                // Python dies of a character set that is not text.
                b"hdrcharset" if str::from_utf8(value).is_err() => return Err(unusable(key).into()),
                // GNU tar refuses what is not a number there.
                b"GNU.volume.size" | b"GNU.volume.offset" => drop(integer(key, value)?),
                _ if key.starts_with(b"GNU.sparse.") => return Err(Defect::Sparse.into()),
                _ => {
                    if let Some(name) = key.strip_prefix(b"SCHILY.xattr.") {
                        records.xattrs.insert(xattr_name(key, name)?, value.to_vec());
                    } else if let Some(name) = key.strip_prefix(b"LIBARCHIVE.xattr.") {
                        // What is malformed is skipped as by those who read the common form alone.
                        if let (Some(name), Some(value)) = (percent_decode(name), base64(value))
                            && xattr_name(key, &name).is_ok()
                        {
                            portable.insert(name, value);
                        }
                    } else if is_windows(key) {
                        let key = str::from_utf8(key).map_err(|_| unusable(key))?;
                        records.windows.insert(key.to_owned(), value.to_vec());
                    }
                }
            }
        }
        // libarchive writes its own form beside the common one, which alone others read.
        for (name, value) in portable {
            records.xattrs.entry(name).or_insert(value);
        }
        records.check(limits)?;
        Ok(records)
    }

    /// Whether it has what stands in no header but this one.
    pub(super) fn has_attributes(&self) -> bool {
        !self.xattrs.is_empty() || !self.windows.is_empty()
    }

    fn check(&self, limits: &Limits) -> Result<(), Fault> {
        if self.xattrs.len() > limits.xattrs {
            return Err(LimitExceeded::Xattrs(limits.xattrs).into());
        }
        let bytes: usize = self.xattrs.iter().map(|(name, value)| name.len() + value.len()).sum();
        if bytes > limits.xattr_bytes {
            return Err(LimitExceeded::XattrBytes(limits.xattr_bytes).into());
        }
        Ok(())
    }
}

/// Refuses a global header that says anything of entries: GNU tar and Python apply it to all that
/// follow, Go's container tools skip it. Comments, as `git archive` writes, are good.
pub(super) fn check_global(body: &[u8]) -> Result<(), Defect> {
    for (key, _) in split(body)? {
        let speaks_of_entries = matches!(
            key,
            b"path"
                | b"linkpath"
                | b"size"
                | b"uid"
                | b"gid"
                | b"uname"
                | b"gname"
                | b"mtime"
                | b"atime"
                | b"ctime"
                | b"hdrcharset"
        ) || is_windows(key)
            || [&b"GNU."[..], b"SCHILY.", b"LIBARCHIVE."]
                .iter()
                .any(|prefix| key.starts_with(prefix));
        if speaks_of_entries {
            return Err(Defect::PaxGlobal(shown(key)));
        }
    }
    Ok(())
}

/// A key and its value.
type Record<'a> = (&'a [u8], &'a [u8]);

/// The records of a header, `LENGTH KEY=VALUE\n` each.
fn split(body: &[u8]) -> Result<Vec<Record<'_>>, Defect> {
    let mut records = Vec::new();
    let mut rest = body;
    while !rest.is_empty() {
        let (record, after) = first(rest).ok_or(Defect::PaxRecord)?;
        records.push(record);
        rest = after;
    }
    Ok(records)
}

fn first(bytes: &[u8]) -> Option<(Record<'_>, &[u8])> {
    let space = bytes.iter().take(20).position(|byte| *byte == b' ')?;
    let digits = &bytes[..space];
    if digits.first() == Some(&b'0') {
        return None;
    }
    let length = usize::try_from(decimal(digits)?).ok()?;
    let record = bytes.get(space + 1..length)?;
    let (b'\n', record) = record.split_last()? else { return None };
    let equals = record.iter().position(|byte| *byte == b'=')?;
    let (key, value) = (&record[..equals], &record[equals + 1..]);
    let good = !key.is_empty() && !key.contains(&0) && !key.contains(&b'\n');
    good.then_some(((key, value), &bytes[length..]))
}

/// A name, which may be empty of what is not a link: of others Go falls back to the header's, and Python
/// takes the empty one.
fn name(key: &[u8], value: &[u8]) -> Result<Vec<u8>, Defect> {
    match value.contains(&0) {
        true => Err(unusable(key)),
        false => Ok(value.to_vec()),
    }
}

fn integer(key: &[u8], value: &[u8]) -> Result<u64, Defect> {
    decimal(value).filter(|value| i64::try_from(*value).is_ok()).ok_or_else(|| unusable(key))
}

fn time(key: &[u8], value: &[u8]) -> Result<Timestamp, Defect> {
    Timestamp::parse(value).ok_or_else(|| unusable(key))
}

fn xattr_name(key: &[u8], name: &[u8]) -> Result<Vec<u8>, Defect> {
    match name.is_empty() || name.contains(&0) {
        true => Err(unusable(key)),
        false => Ok(name.to_vec()),
    }
}

pub(crate) fn is_windows(key: &[u8]) -> bool {
    key.starts_with(b"MSWINDOWS.") || key == b"LIBARCHIVE.creationtime"
}

fn base64(value: &[u8]) -> Option<Vec<u8>> {
    STANDARD_NO_PAD.decode(value).or_else(|_| STANDARD.decode(value)).ok()
}

fn percent_decode(name: &[u8]) -> Option<Vec<u8>> {
    let mut decoded = Vec::with_capacity(name.len());
    let mut rest = name;
    while let Some((byte, after)) = rest.split_first() {
        rest = after;
        if *byte != b'%' {
            decoded.push(*byte);
            continue;
        }
        let digits = std::str::from_utf8(rest.get(..2)?).ok()?;
        if !digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
            return None;
        }
        decoded.push(u8::from_str_radix(digits, 16).ok()?);
        rest = &rest[2..];
    }
    Some(decoded)
}

fn unusable(key: &[u8]) -> Defect {
    Defect::PaxValue(shown(key))
}

fn shown(key: &[u8]) -> String {
    key.escape_ascii().to_string()
}
