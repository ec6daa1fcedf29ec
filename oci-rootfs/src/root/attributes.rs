//! Owner, mode, times and extended attributes, set by descriptor.

use std::collections::BTreeMap;
use std::fmt;
use std::os::fd::{AsFd, BorrowedFd};

use oci_image::layer::Timestamp;
use rustix::fs::{
    AtFlags, FileType, Gid, Mode, Stat, Timespec, Timestamps, Uid, XattrFlags, chmodat, chownat,
    fchmod, fchown, fstat, futimens, utimensat,
};
use rustix::io::Errno;

use super::{Root, number};

/// What belongs to the host and is never taken from an image.
const HOSTS_OWN: [&[u8]; 2] = [b"security.selinux", b"system.nfs4_acl"];

/// What a file is to have besides its content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Attributes {
    pub(crate) mode: u32,
    pub(crate) uid: u32,
    pub(crate) gid: u32,
    pub(crate) mtime: Timestamp,
    pub(crate) xattrs: BTreeMap<Vec<u8>, Vec<u8>>,
    /// Whether extended attributes that cannot be set are left out.
    pub(crate) is_lenient: bool,
}

/// A file whose attributes are set.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Target<'a> {
    /// Open for reading or writing.
    Open(BorrowedFd<'a>),
    /// Open as a path only, as links, devices and pipes are.
    Path(BorrowedFd<'a>),
}

/// What could not be set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    Look,
    Owner(u32, u32),
    Mode(u32),
    Times,
    Xattr(Vec<u8>),
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Look => f.write_str("look at"),
            Self::Owner(uid, gid) => write!(f, "set the owner `{uid}:{gid}` of"),
            Self::Mode(mode) => write!(f, "set the mode `{mode:04o}` of"),
            Self::Times => f.write_str("set the time of"),
            Self::Xattr(name) => {
                write!(f, "set the extended attribute `{}` of", name.escape_ascii())
            }
        }
    }
}

impl Attributes {
    /// Gives them to a file, which `stat` describes; changes only what differs.
    ///
    /// With `replace`, extended attributes that are not among these are taken away. Says how many could
    /// not be set.
    pub(crate) fn apply(
        &self,
        root: &Root,
        target: Target<'_>,
        stat: &Stat,
        replace: bool,
    ) -> Result<u64, (Step, Errno)> {
        let mut mode = stat.st_mode & 0o7777;
        if (stat.st_uid, stat.st_gid) != (self.uid, self.gid) {
            target
                .set_owner(self.uid, self.gid)
                .map_err(|error| (Step::Owner(self.uid, self.gid), error))?;
            // chown(2) has cleared set-user-ID and set-group-ID: the mode is set after the owner.
            mode = u32::MAX;
        }
        if replace && self.replace_xattrs(target)? || !self.xattrs.is_empty() {
            // An access control list is a part of the mode.
            mode = u32::MAX;
        }
        let left_out = self.set_xattrs(target)?;
        let is_link = FileType::from_raw_mode(stat.st_mode) == FileType::Symlink;
        if !is_link && mode != self.mode {
            target.set_mode(root, self.mode).map_err(|error| (Step::Mode(self.mode), error))?;
        }
        target.set_times(root, self.mtime, self.mtime).map_err(|error| (Step::Times, error))?;
        Ok(left_out)
    }

    fn set_xattrs(&self, target: Target<'_>) -> Result<u64, (Step, Errno)> {
        let mut left_out = 0;
        for (name, value) in &self.xattrs {
            match target.set_xattr(name, value) {
                Err(Errno::NOTSUP | Errno::PERM | Errno::ACCESS | Errno::INVAL)
                    if self.is_lenient =>
                {
                    left_out += 1;
                }
                result => result.map_err(|error| (Step::Xattr(name.clone()), error))?,
            }
        }
        Ok(left_out)
    }

    /// Removes attributes that are not wanted, and says whether there were any.
    fn replace_xattrs(&self, target: Target<'_>) -> Result<bool, (Step, Errno)> {
        let present = match target.xattrs() {
            Err(Errno::NOTSUP) => return Ok(false),
            result => result.map_err(|error| (Step::Look, error))?,
        };
        let mut found = false;
        for name in present {
            if self.xattrs.contains_key(&name) || HOSTS_OWN.contains(&name.as_slice()) {
                continue;
            }
            found = true;
            match target.remove_xattr(&name) {
                Ok(()) | Err(Errno::NODATA) => {}
                Err(Errno::PERM | Errno::ACCESS | Errno::NOTSUP) if self.is_lenient => {}
                Err(error) => return Err((Step::Xattr(name), error)),
            }
        }
        Ok(found)
    }
}

/// When a file was read and changed last.
pub(crate) fn times(stat: &Stat) -> (Timestamp, Timestamp) {
    let atime = timestamp(stat.st_atime, stat.st_atime_nsec);
    (atime, timestamp(stat.st_mtime, stat.st_mtime_nsec))
}

/// The time of a `stat`; the kernel's nanoseconds are always in range.
fn timestamp(seconds: i64, nanoseconds: impl TryInto<u32>) -> Timestamp {
    let nanoseconds = nanoseconds.try_into().unwrap_or_default();
    Timestamp::new(seconds, nanoseconds).unwrap_or_default()
}

/// The beginnings of the names of attributes in which overlay filesystems keep their state.
const OVERLAY: [&str; 2] = ["trusted.overlay.", "user.overlay."];

/// The two parts of the name of an attribute that means something to an overlay filesystem.
pub(crate) fn split_overlay(xattr: &[u8]) -> Option<(&'static [u8], &[u8])> {
    let prefixes = OVERLAY.iter().map(|prefix| prefix.as_bytes());
    prefixes.into_iter().find_map(|prefix| Some((prefix, xattr.strip_prefix(prefix)?)))
}

/// Whether the attribute belongs to the host.
pub(crate) fn is_hosts_own(xattr: &[u8]) -> bool {
    HOSTS_OWN.contains(&xattr)
}

impl Target<'_> {
    pub(crate) fn stat(self) -> Result<Stat, Errno> {
        match self {
            Self::Open(fd) | Self::Path(fd) => fstat(fd),
        }
    }

    pub(crate) fn set_owner(self, uid: u32, gid: u32) -> Result<(), Errno> {
        let (uid, gid) = (Some(Uid::from_raw(uid)), Some(Gid::from_raw(gid)));
        match self {
            Self::Open(fd) => fchown(fd, uid, gid),
            Self::Path(fd) => chownat(fd, "", uid, gid, AtFlags::EMPTY_PATH),
        }
    }

    pub(crate) fn set_mode(self, root: &Root, mode: u32) -> Result<(), Errno> {
        let mode = Mode::from_raw_mode(mode);
        match self {
            Self::Open(fd) => fchmod(fd, mode),
            Self::Path(fd) => chmodat(root.descriptors()?, number(fd), mode, AtFlags::empty()),
        }
    }

    pub(crate) fn set_times(
        self,
        root: &Root,
        atime: Timestamp,
        mtime: Timestamp,
    ) -> Result<(), Errno> {
        let times = Timestamps { last_access: timespec(atime), last_modification: timespec(mtime) };
        match self {
            Self::Open(fd) => futimens(fd, &times),
            Self::Path(fd) => utimensat(root.descriptors()?, number(fd), &times, AtFlags::empty()),
        }
    }

    pub(crate) fn set_xattr(self, name: &[u8], value: &[u8]) -> Result<(), Errno> {
        match self {
            Self::Open(fd) => rustix::fs::fsetxattr(fd, name, value, XattrFlags::empty()),
            Self::Path(fd) => rustix::fs::setxattr(link(fd), name, value, XattrFlags::empty()),
        }
    }

    fn remove_xattr(self, name: &[u8]) -> Result<(), Errno> {
        match self {
            Self::Open(fd) => rustix::fs::fremovexattr(fd, name),
            Self::Path(fd) => rustix::fs::removexattr(link(fd), name),
        }
    }

    /// The names of the extended attributes.
    pub(crate) fn xattrs(self) -> Result<Vec<Vec<u8>>, Errno> {
        let list = grow(|buffer| match self {
            Self::Open(fd) => rustix::fs::flistxattr(fd, buffer),
            Self::Path(fd) => rustix::fs::listxattr(link(fd), buffer),
        })?;
        let names = list.split(|byte| *byte == 0).filter(|name| !name.is_empty());
        Ok(names.map(<[u8]>::to_vec).collect())
    }

    /// The value of an extended attribute.
    pub(crate) fn xattr(self, name: &[u8]) -> Result<Vec<u8>, Errno> {
        grow(|buffer| match self {
            Self::Open(fd) => rustix::fs::fgetxattr(fd, name, buffer),
            Self::Path(fd) => rustix::fs::getxattr(link(fd), name, buffer),
        })
    }

    /// Whether what is made in this directory gets an access control list.
    pub(crate) fn has_default_acl(self) -> bool {
        let mut none: [u8; 0] = [];
        let name = "system.posix_acl_default";
        let length = match self {
            Self::Open(fd) => rustix::fs::fgetxattr(fd, name, &mut none[..]),
            Self::Path(fd) => rustix::fs::getxattr(link(fd), name, &mut none[..]),
        };
        length.is_ok()
    }
}

/// Asks with a larger buffer until the answer fits.
fn grow(mut ask: impl FnMut(&mut [u8]) -> Result<usize, Errno>) -> Result<Vec<u8>, Errno> {
    let mut buffer = vec![0; 256];
    loop {
        match ask(&mut buffer) {
            Ok(length) => {
                buffer.truncate(length);
                return Ok(buffer);
            }
            // The kernel gives no more than 64 KiB.
            Err(Errno::RANGE) if buffer.len() < 1 << 17 => buffer.resize(buffer.len() * 4, 0),
            Err(error) => return Err(error),
        }
    }
}

/// A path to exactly the file that is open, even if it is a link.
fn link(fd: BorrowedFd<'_>) -> String {
    format!("/proc/self/fd/{}", number(fd))
}

fn timespec(time: Timestamp) -> Timespec {
    Timespec { tv_sec: time.seconds(), tv_nsec: time.nanoseconds().into() }
}

impl<'a> Target<'a> {
    /// A file that is open for reading or writing.
    pub(crate) fn open(fd: &'a impl AsFd) -> Self {
        Self::Open(fd.as_fd())
    }

    /// A file that is open as a path.
    pub(crate) fn path(fd: &'a impl AsFd) -> Self {
        Self::Path(fd.as_fd())
    }
}
