//! Finding and making paths inside a root that may be hostile: links are followed inside, never out.

use std::collections::VecDeque;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::fs::{
    AtFlags, FileType, Mode, OFlags, ResolveFlags, mkdirat, openat, openat2, readlinkat, statat,
};
use rustix::io::Errno;

use super::error::{Context, StepError};

/// Symbolic links that one path may lead through, as in the kernel.
const MAX_LINKS: usize = 40;

/// What shall stand at a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Directory,
    File,
}

/// Opens a path as a handle that does nothing but name it. None: nothing is there.
pub(crate) fn find(root: BorrowedFd<'_>, path: &str) -> Result<Option<OwnedFd>, StepError> {
    match resolve(root, path, OFlags::PATH, ResolveFlags::empty()) {
        Ok(found) => Ok(Some(found)),
        Err(Errno::NOENT | Errno::NOTDIR) => Ok(None),
        Err(error) => Err(error).context(|| format!("find `{path}` in the root filesystem")),
    }
}

/// Opens a path that has no symbolic link in it.
pub(crate) fn find_plain(
    root: BorrowedFd<'_>,
    path: &str,
    flags: OFlags,
) -> Result<OwnedFd, Errno> {
    resolve(root, path, flags, ResolveFlags::NO_SYMLINKS)
}

/// Opens the path, after making what is missing of it.
pub(crate) fn make(root: BorrowedFd<'_>, path: &str, kind: Kind) -> Result<OwnedFd, StepError> {
    if let Some(found) = find(root, path)? {
        return Ok(found);
    }
    walk(root, path, kind).context(|| format!("make `{path}` in the root filesystem"))
}

/// Opens the directory that holds the path, made if missing, and names the last component.
pub(crate) fn parent<'path>(
    root: BorrowedFd<'_>,
    path: &'path str,
) -> Result<(OwnedFd, &'path str), StepError> {
    let path = path.trim_end_matches('/');
    let (directory, name) = path.rsplit_once('/').unwrap_or(("", path));
    if matches!(name, "" | "." | "..") {
        return Err(StepError::new(format!("`{path}` does not name a file")));
    }
    let directory = if directory.is_empty() { "/" } else { directory };
    Ok((make(root, directory, Kind::Directory)?, name))
}

fn resolve(
    root: BorrowedFd<'_>,
    path: &str,
    flags: OFlags,
    more: ResolveFlags,
) -> Result<OwnedFd, Errno> {
    let resolve = ResolveFlags::IN_ROOT | ResolveFlags::NO_MAGICLINKS | more;
    loop {
        match openat2(root, path, flags | OFlags::CLOEXEC, Mode::empty(), resolve) {
            // A rename on the way made the kernel unsure: ask again.
            Err(Errno::AGAIN | Errno::INTR) => {}
            result => return result,
        }
    }
}

/// Walks by component on directory handles, so that nothing that moves meanwhile leads out.
fn walk(root: BorrowedFd<'_>, path: &str, kind: Kind) -> Result<OwnedFd, Errno> {
    let mut stack = vec![rustix::io::fcntl_dupfd_cloexec(root, 3)?];
    let mut rest: VecDeque<String> = components(path);
    let mut links = 0;
    while let Some(name) = rest.pop_front() {
        if name == ".." {
            if stack.len() > 1 {
                stack.pop();
            }
            continue;
        }
        let top = stack.last().ok_or(Errno::NOENT)?;
        let last = if rest.is_empty() { kind } else { Kind::Directory };
        let (next, found) = enter(top.as_fd(), &name, last)?;
        if found != FileType::Symlink {
            stack.push(next);
            continue;
        }
        links += 1;
        if links > MAX_LINKS {
            return Err(Errno::LOOP);
        }
        let link = readlinkat(&next, "", Vec::new())?;
        let link = link.to_str().map_err(|_| Errno::ILSEQ)?;
        if link.starts_with('/') {
            stack.truncate(1);
        }
        for component in components(link).into_iter().rev() {
            rest.push_front(component);
        }
    }
    stack.pop().ok_or(Errno::NOENT)
}

/// Opens one component, made if missing.
fn enter(directory: BorrowedFd<'_>, name: &str, kind: Kind) -> Result<(OwnedFd, FileType), Errno> {
    let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let opened = match openat(directory, name, flags, Mode::empty()) {
        Err(Errno::NOENT) => {
            create(directory, name, kind)?;
            openat(directory, name, flags, Mode::empty())?
        }
        result => result?,
    };
    let found = FileType::from_raw_mode(statat(&opened, "", AtFlags::EMPTY_PATH)?.st_mode);
    Ok((opened, found))
}

fn create(directory: BorrowedFd<'_>, name: &str, kind: Kind) -> Result<(), Errno> {
    let result = match kind {
        Kind::Directory => mkdirat(directory, name, Mode::from_raw_mode(0o755)),
        Kind::File => {
            let flags =
                OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::WRONLY;
            openat(directory, name, flags, Mode::from_raw_mode(0o644)).map(drop)
        }
    };
    match result {
        Err(Errno::EXIST) => Ok(()),
        result => result,
    }
}

fn components(path: &str) -> VecDeque<String> {
    path.split('/').filter(|part| !matches!(*part, "" | ".")).map(String::from).collect()
}
