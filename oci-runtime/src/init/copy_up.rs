//! What a filesystem in memory covers, copied into it (the mount option `tmpcopyup`).

use std::ffi::CStr;
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::fs::{
    AtFlags, Dir, FileType, Gid, Mode, OFlags, Stat, Timespec, Timestamps, Uid, chmodat, chownat,
    fchmod, fchown, fstat, mkdirat, openat, readlinkat, statat, symlinkat, utimensat,
};

use super::error::{Context, StepError};

/// How deep directories may lie in each other. Each that is being copied takes three descriptors.
const MAX_DEPTH: usize = 100;

/// Copies directories, files and symbolic links with their owners, modes and times. Devices, pipes and sockets are left out,
/// and so are extended attributes; of a file with several names each becomes a file of its own.
pub(crate) fn copy_up(covered: BorrowedFd<'_>, into: BorrowedFd<'_>) -> Result<(), StepError> {
    let found = fstat(covered)?;
    let (covered, into) = (open_directory(covered, c".")?, open_directory(into, c".")?);
    copy_entries(covered, into.as_fd(), 0)?;
    let (uid, gid) = owner(&found);
    fchown(&into, Some(uid), Some(gid))?;
    Ok(fchmod(&into, Mode::from_raw_mode(found.st_mode))?)
}

fn copy_entries(from: OwnedFd, to: BorrowedFd<'_>, depth: usize) -> Result<(), StepError> {
    if depth == MAX_DEPTH {
        let reason = format!("directories lie in each other more than {MAX_DEPTH} deep");
        return Err(StepError::new(reason));
    }
    for entry in Dir::read_from(&from)? {
        let entry = entry?;
        let name = entry.file_name();
        if name != c"." && name != c".." {
            copy(from.as_fd(), to, name, depth)
                .context(|| format!("copy `{}`", name.to_string_lossy()))?;
        }
    }
    Ok(())
}

fn copy(
    from: BorrowedFd<'_>,
    to: BorrowedFd<'_>,
    name: &CStr,
    depth: usize,
) -> Result<(), StepError> {
    let found = statat(from, name, AtFlags::SYMLINK_NOFOLLOW)?;
    let kind = FileType::from_raw_mode(found.st_mode);
    match kind {
        FileType::Directory => {
            mkdirat(to, name, Mode::RWXU)?;
            let into = open_directory(to, name)?;
            copy_entries(open_directory(from, name)?, into.as_fd(), depth + 1)?;
        }
        FileType::RegularFile => copy_file(from, to, name)?,
        FileType::Symlink => symlinkat(readlinkat(from, name, Vec::new())?, to, name)?,
        _ => return Ok(()),
    }
    let (uid, gid) = owner(&found);
    chownat(to, name, Some(uid), Some(gid), AtFlags::SYMLINK_NOFOLLOW)?;
    // After the owner, whose change takes the set-user-ID bit away. Links have no mode.
    if kind != FileType::Symlink {
        chmodat(to, name, Mode::from_raw_mode(found.st_mode), AtFlags::empty())?;
    }
    Ok(utimensat(to, name, &times(&found), AtFlags::SYMLINK_NOFOLLOW)?)
}

fn copy_file(from: BorrowedFd<'_>, to: BorrowedFd<'_>, name: &CStr) -> io::Result<()> {
    // Not blocking: since it was looked at, another process may have put a pipe there.
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let mut source = File::from(openat(from, name, flags, Mode::empty())?);
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC;
    let mut copy = File::from(openat(to, name, flags, Mode::RUSR)?);
    io::copy(&mut source, &mut copy).map(drop)
}

fn open_directory(directory: BorrowedFd<'_>, name: &CStr) -> io::Result<OwnedFd> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    Ok(openat(directory, name, flags, Mode::empty())?)
}

fn owner(found: &Stat) -> (Uid, Gid) {
    (Uid::from_raw(found.st_uid), Gid::from_raw(found.st_gid))
}

fn times(found: &Stat) -> Timestamps {
    // The types of the fields differ from architecture to architecture.
    #[allow(clippy::useless_conversion, clippy::unnecessary_cast)]
    let time = |seconds, nanoseconds| Timespec { tv_sec: seconds, tv_nsec: nanoseconds as _ };
    Timestamps {
        last_access: time(found.st_atime as _, found.st_atime_nsec),
        last_modification: time(found.st_mtime as _, found.st_mtime_nsec),
    }
}
