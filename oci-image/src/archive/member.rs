//! One header and what was said before it, as a member.

use std::borrow::Cow;

use super::error::Fault;
use super::extension::Extensions;
use super::header::Header;
use super::pax::Records;
use super::{Defect, Entry, EntryPath, Kind, LimitExceeded, Limits, Metadata, Timestamp};

/// What stands in one place of an archive.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Member {
    /// What it is.
    pub entry: Entry,
    /// Where its first header begins, in bytes: its own or one that extends it.
    pub offset: u64,
    /// Where its content begins, in bytes; [`Entry::size`] says how much there is.
    pub content: u64,
}

impl Member {
    pub(super) fn parse(
        header: &Header<'_>,
        extensions: Extensions,
        limits: &Limits,
    ) -> Result<Entry, Fault> {
        let Extensions { pax, long_name, long_link, .. } = extensions;
        let mut records = pax.unwrap_or_default();
        let name = name(header, records.path.take().or(long_name));
        let link = match records.link.take().or(long_link) {
            Some(link) => Cow::Owned(link),
            None => Cow::Borrowed(header.link()),
        };
        let entry_type = entry_type(header, &name)?;
        let size = size(header, &records, entry_type)?;
        let path = path(&name, limits)?;
        if size > limits.file_bytes {
            let limit = limits.file_bytes;
            return Err(LimitExceeded::FileBytes { path, size, limit }.into());
        }
        let kind = kind(header, &records, entry_type, size, &link, limits)?;
        if path.is_root() && kind != Kind::Directory {
            return Err(Defect::Root.into());
        }
        let metadata = metadata(header, records, entry_type)?;
        Ok(Entry { path, kind, metadata })
    }
}

fn name<'a>(header: &Header<'a>, given: Option<Vec<u8>>) -> Cow<'a, [u8]> {
    match (given, header.prefix()) {
        (Some(name), _) => Cow::Owned(name),
        (None, b"") => Cow::Borrowed(header.name()),
        (None, prefix) => Cow::Owned([prefix, b"/", header.name()].concat()),
    }
}

/// The type, where the oldest format's type of a file with a slash at its end is that of a directory.
fn entry_type(header: &Header<'_>, name: &[u8]) -> Result<u8, Defect> {
    let has_slash = name.ends_with(b"/");
    match header.entry_type() {
        b'S' => Err(Defect::Sparse),
        // Some parsers look for the slash in the header, others in the name that counts.
        0 if header.name().ends_with(b"/") != has_slash => Err(Defect::TrailingSlash),
        0 if has_slash => Ok(b'5'),
        0 => Ok(b'0'),
        b'5' => Ok(b'5'),
        b'0'..=b'6' if has_slash => Err(Defect::TrailingSlash),
        known @ b'0'..=b'2' => Ok(known),
        known @ b'3'..=b'6' if !header.is_oldest() => Ok(known),
        unknown => Err(Defect::Type(unknown)),
    }
}

/// The one size that header and PAX record agree on.
fn size(header: &Header<'_>, records: &Records, entry_type: u8) -> Result<u64, Defect> {
    let in_header = header.size;
    let size = match records.size {
        // Where the size does not fit, writers leave the field zero.
        Some(record) if in_header != 0 && in_header != record => {
            return Err(Defect::SizeConflict { header: in_header, record });
        }
        Some(record) => record,
        None => in_header,
    };
    match entry_type != b'0' && size != 0 {
        true => Err(Defect::ContentNotAllowed(entry_type)),
        false => Ok(size),
    }
}

fn path(name: &[u8], limits: &Limits) -> Result<EntryPath, Fault> {
    let path = EntryPath::parse(name).map_err(Defect::Path)?;
    check_path(&path, limits)?;
    Ok(path)
}

fn check_path(path: &EntryPath, limits: &Limits) -> Result<(), Fault> {
    if path.as_bytes().len() > limits.path_bytes {
        return Err(LimitExceeded::PathBytes(limits.path_bytes).into());
    }
    if path.depth() > limits.path_depth {
        return Err(LimitExceeded::PathDepth(limits.path_depth).into());
    }
    Ok(())
}

fn kind(
    header: &Header<'_>,
    records: &Records,
    entry_type: u8,
    size: u64,
    link: &[u8],
    limits: &Limits,
) -> Result<Kind, Fault> {
    Ok(match entry_type {
        b'0' => Kind::File { size },
        b'5' => Kind::Directory,
        b'2' => Kind::Symlink { target: symlink(link, limits)? },
        b'1' => Kind::Hardlink { target: hardlink(link, limits)? },
        b'6' => Kind::Fifo,
        _ if records.has_device => return Err(Defect::Number("devmajor").into()),
        b'3' => Kind::CharDevice(header.device),
        _ => Kind::BlockDevice(header.device),
    })
}

fn symlink(link: &[u8], limits: &Limits) -> Result<Vec<u8>, Fault> {
    if link.is_empty() || link.contains(&0) {
        return Err(Defect::SymlinkTarget.into());
    }
    match link.len() > limits.path_bytes {
        true => Err(LimitExceeded::PathBytes(limits.path_bytes).into()),
        false => Ok(link.to_vec()),
    }
}

fn hardlink(link: &[u8], limits: &Limits) -> Result<EntryPath, Fault> {
    let target = EntryPath::parse(link).map_err(Defect::HardlinkTarget)?;
    check_path(&target, limits)?;
    match target.is_root() {
        true => Err(Defect::HardlinkToRoot.into()),
        false => Ok(target),
    }
}

fn metadata(header: &Header<'_>, records: Records, entry_type: u8) -> Result<Metadata, Defect> {
    let mtime = match records.mtime {
        Some(time) => time,
        None => Timestamp::from_seconds(header.mtime),
    };
    Ok(Metadata {
        mode: mode(header.mode, entry_type)?,
        uid: id(records.uid.unwrap_or(header.uid), "uid")?,
        gid: id(records.gid.unwrap_or(header.gid), "gid")?,
        mtime,
        xattrs: records.xattrs,
        windows: records.windows,
    })
}

/// Some writers put the type into the mode as in `st_mode`, and some readers believe it.
fn mode(mode: u32, entry_type: u8) -> Result<u32, Defect> {
    let expected = match entry_type {
        b'2' => 0o120_000,
        b'3' => 0o020_000,
        b'4' => 0o060_000,
        b'5' => 0o040_000,
        b'6' => 0o010_000,
        _ => 0o100_000,
    };
    let is_good = match mode & !0o7777 {
        0 => true,
        // The link has the type of what it links to.
        0o010_000 | 0o020_000 | 0o060_000 | 0o100_000 | 0o120_000 if entry_type == b'1' => true,
        other => other == expected,
    };
    match is_good {
        true => Ok(mode & 0o7777),
        false => Err(Defect::ModeType(mode)),
    }
}

/// An owner. The largest number is not one: to the kernel it means that the owner is to be left as it is.
fn id(id: u64, field: &'static str) -> Result<u32, Defect> {
    u32::try_from(id).ok().filter(|id| *id != u32::MAX).ok_or(Defect::Number(field))
}
