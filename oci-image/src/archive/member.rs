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
        let path = match (&*name, entry_type) {
            // GNU tar and Python write the root so when they strip what stands before it.
            (b"", b'5') => EntryPath::ROOT,
            (name, _) => path(name, limits)?,
        };
        if size > limits.file_bytes {
            let limit = limits.file_bytes;
            return Err(LimitExceeded::FileBytes { path, size, limit }.into());
        }
        let kind = kind(header, entry_type, size, &link, limits)?;
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

/// The type, where the oldest format's type of a file with a slash at its end is that of a directory. A
/// slash after the name of what is neither a file nor a directory means nothing.
fn entry_type(header: &Header<'_>, name: &[u8]) -> Result<u8, Defect> {
    let has_slash = name.ends_with(b"/");
    match header.entry_type() {
        b'S' => Err(Defect::Sparse),
        // Some parsers look for the slash in the header, others in the name that counts.
        0 if header.name().ends_with(b"/") != has_slash => Err(Defect::TrailingSlash),
        0 if has_slash => Ok(b'5'),
        0 => Ok(b'0'),
        b'5' => Ok(b'5'),
        // GNU tar makes a directory of it, others a file.
        b'0' if has_slash => Err(Defect::TrailingSlash),
        known @ b'0'..=b'6' => Ok(known),
        unknown => Err(Defect::Type(unknown)),
    }
}

/// The one size that header and PAX record agree on. What is not a file has no content, whatever size it
/// is said to have: some writers give a hard link the size of its file.
fn size(header: &Header<'_>, records: &Records, entry_type: u8) -> Result<u64, Defect> {
    let in_header = header.size;
    match records.size {
        _ if entry_type != b'0' => Ok(0),
        // Where the size does not fit, writers leave the field zero.
        Some(record) if in_header != 0 && in_header != record => {
            Err(Defect::SizeConflict { header: in_header, record })
        }
        Some(record) => Ok(record),
        None => Ok(in_header),
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
        b'3' => Kind::CharDevice(header.device()?),
        _ => Kind::BlockDevice(header.device()?),
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

/// Some writers put the type into the mode as in `st_mode`. Of files, directories and links no reader
/// believes it; devices and pipes are made with the bits of both types by some.
fn mode(mode: u32, entry_type: u8) -> Result<u32, Defect> {
    let own = match entry_type {
        b'3' => 0o020_000,
        b'4' => 0o060_000,
        b'6' => 0o010_000,
        _ => return Ok(mode & 0o7777),
    };
    match mode & 0o170_000 & !own {
        0 => Ok(mode & 0o7777),
        _ => Err(Defect::ModeType(mode)),
    }
}

/// An owner. The largest number is not one: to the kernel it means that the owner is to be left as it is.
fn id(id: u64, field: &'static str) -> Result<u32, Defect> {
    u32::try_from(id).ok().filter(|id| *id != u32::MAX).ok_or(Defect::Number(field))
}
