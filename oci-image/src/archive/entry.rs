use std::collections::BTreeMap;
use std::fmt;

use super::path::show;
use super::{EntryPath, Timestamp};

/// A file of any type, with all that an archive says of it except a regular file's bytes. Closed by nature:
/// further attributes are those of its [`Metadata`].
///
/// An `Entry` of the index of images is another: [`images::Entry`](crate::images::Entry).
#[expect(clippy::exhaustive_structs, reason = "closed by nature")]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Where it is.
    pub path: EntryPath,
    /// What it is.
    pub kind: Kind,
    /// Its attributes. Those of a hard link are the ones its archive gives it; the file linked to
    /// has its own, and they are the same in a well-made layer.
    pub metadata: Metadata,
}

/// The types of file that an archive can hold. Sockets are not among them: they cannot be archived.
/// Closed by nature: whoever applies an archive must handle each type.
#[expect(clippy::exhaustive_enums, reason = "closed by nature")]
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A regular file; its bytes come or go beside the change.
    File {
        /// The number of its bytes.
        size: u64,
    },
    /// A directory.
    Directory,
    /// A symbolic link.
    Symlink {
        /// The text of the link: any bytes but NUL, at least one. It may be absolute, may climb by
        /// `..` and may dangle.
        target: Vec<u8>,
    },
    /// One more name of a file.
    Hardlink {
        /// A name that the file has already.
        target: EntryPath,
    },
    /// A character device.
    CharDevice(Device),
    /// A block device.
    BlockDevice(Device),
    /// A named pipe.
    Fifo,
}

/// The number of a device. Closed by nature.
#[expect(clippy::exhaustive_structs, reason = "closed by nature")]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Device {
    /// Its driver.
    pub major: u32,
    /// Which one of the driver's.
    pub minor: u32,
}

/// The attributes of a file in an archive.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Metadata {
    /// Permissions, with set-user-ID, set-group-ID and sticky: at most `0o7777`.
    pub mode: u32,
    /// The owner, in the image's own numbering.
    pub uid: u32,
    /// The group, in the image's own numbering.
    pub gid: u32,
    /// When the content was last changed.
    pub mtime: Timestamp,
    /// Extended attributes by their full name (`user.mime_type`); values are any bytes.
    pub xattrs: BTreeMap<Vec<u8>, Vec<u8>>,
    /// The PAX records that describe a file of a Windows image (`MSWINDOWS.rawsd`,
    /// `LIBARCHIVE.creationtime`, …), as they stand in the archive.
    pub windows: BTreeMap<String, Vec<u8>>,
}

impl Entry {
    /// An entry.
    pub fn new(path: EntryPath, kind: Kind, metadata: Metadata) -> Self {
        Self { path, kind, metadata }
    }

    /// The size of the entry's content in bytes; 0 for all but regular files.
    pub fn size(&self) -> u64 {
        match self.kind {
            Kind::File { size } => size,
            _ => 0,
        }
    }
}

impl Metadata {
    /// The attributes of a file of user and group 0, changed last in 1970.
    pub fn new(mode: u32) -> Self {
        Self { mode, ..Self::default() }
    }
}

impl fmt::Display for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Metadata { mode, uid, gid, .. } = &self.metadata;
        let letter = match self.kind {
            Kind::File { .. } => '-',
            Kind::Directory => 'd',
            Kind::Symlink { .. } => 'l',
            Kind::Hardlink { .. } => 'h',
            Kind::CharDevice(_) => 'c',
            Kind::BlockDevice(_) => 'b',
            Kind::Fifo => 'p',
        };
        write!(f, "{letter}{mode:04o} {uid}:{gid} ")?;
        match &self.kind {
            Kind::File { size } => write!(f, "{size} ")?,
            Kind::CharDevice(device) | Kind::BlockDevice(device) => write!(f, "{device} ")?,
            _ => {}
        }
        self.path.fmt(f)?;
        match &self.kind {
            Kind::Symlink { target } => {
                f.write_str(" -> ")?;
                show(target, f)
            }
            Kind::Hardlink { target } => write!(f, " = {target}"),
            _ => Ok(()),
        }
    }
}

impl fmt::Display for Device {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.major, self.minor)
    }
}
