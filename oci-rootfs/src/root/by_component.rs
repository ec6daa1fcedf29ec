//! Paths that are resolved name by name, each in a directory that is held by its descriptor.
//!
//! The kernel never resolves `..` or a link here, so a rename meanwhile cannot lead out: `..`
//! returns to the directory that the walk came from, and the text of a link is walked like the path.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::fs::{FileType, Mode, OFlags, fstat, openat};
use rustix::io::Errno;

use super::resolve::{ATTEMPTS, Found, Links};
use super::system;

/// How many symbolic links are followed on one way, as by the kernel (path_resolution(7)).
pub(crate) const LINKS: usize = 40;

/// The longest path and the longest text of a link, in bytes, as in the kernel (`PATH_MAX`).
const PATH_LIMIT: usize = 4096;

/// How many directories of a way are held open for `..`. Further ones are found again by their names.
const HELD: usize = 32;

/// Makes what a name is missing for.
pub(super) type Make<'a> = &'a dyn Fn(BorrowedFd<'_>, &[u8], Last) -> Result<(), Errno>;

/// Whether a name is the last one of a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Last {
    Yes,
    No,
}

/// Opens what is at `path`.
pub(super) fn open(
    root: BorrowedFd<'_>,
    path: &[u8],
    flags: OFlags,
    links: Links,
) -> Result<OwnedFd, Errno> {
    open_or_make(root, path, flags, links, None)
}

/// Opens what is at `path`, after `make` has made what is missing of it.
pub(super) fn open_or_make(
    root: BorrowedFd<'_>,
    path: &[u8],
    flags: OFlags,
    links: Links,
    make: Option<Make<'_>>,
) -> Result<OwnedFd, Errno> {
    for _ in 0..ATTEMPTS {
        let mut walk = Walk { root, names: Vec::new(), held: Vec::new(), links: 0 };
        let end = walk.go(path, links, make)?;
        if let Some(fd) = open_end(walk.here(), &end, flags)? {
            return Ok(fd);
        }
    }
    Err(Errno::AGAIN)
}

/// Opens what a walk ended at. `None`: it is not any more what the walk saw, so the way is walked once more.
///
/// The last name was not a link then. It may be one now, which `O_NOFOLLOW` refuses, or which `O_PATH` opens as such.
/// In the place of a directory `O_DIRECTORY` refuses it first.
fn open_end(here: BorrowedFd<'_>, end: &End, flags: OFlags) -> Result<Option<OwnedFd>, Errno> {
    let mut flags = flags | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    flags.set(OFlags::DIRECTORY, flags.contains(OFlags::DIRECTORY) || end.is_directory);
    let name = end.name.as_deref().unwrap_or(b".");
    match openat(here, name, flags, Mode::empty()) {
        Err(Errno::LOOP) => Ok(None),
        Err(Errno::NOTDIR) if end.is_directory => Ok(None),
        Ok(fd) if is_link(&fd)? => Ok(None),
        result => result.map(Some),
    }
}

/// Puts the names of a path on a stack, the first one on top.
#[cfg(all(feature = "layers", target_os = "linux"))]
pub(crate) fn push(ahead: &mut Vec<Vec<u8>>, path: &[u8]) {
    push_each(ahead, names(path).filter(|name| *name != b"."));
}

fn push_each<'a>(ahead: &mut Vec<Vec<u8>>, names: impl DoubleEndedIterator<Item = &'a [u8]>) {
    ahead.extend(names.rev().map(<[u8]>::to_vec));
}

fn names(path: &[u8]) -> impl DoubleEndedIterator<Item = &[u8]> {
    path.split(|byte| *byte == b'/').filter(|name| !name.is_empty())
}

fn is_link(fd: &OwnedFd) -> Result<bool, Errno> {
    Ok(FileType::from_raw_mode(fstat(fd)?.st_mode) == FileType::Symlink)
}

/// What a path names in the directory that a walk ends in.
struct End {
    /// `None`: the directory itself.
    name: Option<Vec<u8>>,
    /// It was a directory when the walk saw it.
    is_directory: bool,
}

/// Where a walk is.
struct Walk<'a> {
    root: BorrowedFd<'a>,
    /// The way from the root to here, without links.
    names: Vec<Vec<u8>>,
    /// The last directories on it, at most [`HELD`].
    held: Vec<OwnedFd>,
    /// How many links were followed.
    links: usize,
}

impl Walk<'_> {
    /// Goes to the directory that holds what `path` names. That itself is not entered, which may be
    /// forbidden where opening it is not.
    fn go(&mut self, path: &[u8], links: Links, make: Option<Make<'_>>) -> Result<End, Errno> {
        if path.len() >= PATH_LIMIT {
            return Err(Errno::NAMETOOLONG);
        }
        let mut is_directory = path.ends_with(b"/");
        let mut ahead = Vec::new();
        push_each(&mut ahead, names(path));
        let mut made = 0;
        while let Some(name) = ahead.pop() {
            if matches!(&*name, b"." | b"..") {
                // To the kernel these are names in a directory that has to be searched for them.
                system::look(self.here(), b".")?;
                if name == b".." {
                    self.back()?;
                }
                continue;
            }
            let last = if ahead.is_empty() { Last::Yes } else { Last::No };
            let found = system::look(self.here(), &name);
            if found.is_ok() {
                made = 0;
            }
            match (found, make) {
                (Ok(Found::Directory(_)), _) if last == Last::Yes => {
                    return Ok(End { name: Some(name), is_directory: true });
                }
                (Ok(Found::Directory(fd)), _) => self.enter(name, fd),
                (Ok(Found::Link(_)), _) if links == Links::Refuse => return Err(Errno::LOOP),
                (Ok(Found::Link(text)), _) => {
                    is_directory |= last == Last::Yes && text.ends_with(b"/");
                    self.turn(&text, &mut ahead)?;
                }
                (Ok(Found::Other), _) if last == Last::Yes && !is_directory => {
                    return Ok(End { name: Some(name), is_directory: false });
                }
                (Ok(Found::Other), _) => return Err(Errno::NOTDIR),
                (Err(Errno::NOENT), Some(make)) if made < ATTEMPTS => {
                    make(self.here(), &name, last)?;
                    // Checked like any other: another process may have put something else there.
                    made += 1;
                    ahead.push(name);
                }
                (Err(error), _) => return Err(error),
            }
        }
        Ok(End { name: None, is_directory: true })
    }

    /// The directory that the walk is in.
    fn here(&self) -> BorrowedFd<'_> {
        self.held.last().map_or(self.root, AsFd::as_fd)
    }

    fn enter(&mut self, name: Vec<u8>, fd: OwnedFd) {
        if self.held.len() == HELD {
            self.held.remove(0);
        }
        self.names.push(name);
        self.held.push(fd);
    }

    /// Goes on with the text of a link.
    fn turn(&mut self, text: &[u8], ahead: &mut Vec<Vec<u8>>) -> Result<(), Errno> {
        self.links += 1;
        if self.links > LINKS {
            return Err(Errno::LOOP);
        }
        if text.starts_with(b"/") {
            self.names.clear();
            self.held.clear();
        }
        push_each(ahead, names(text));
        Ok(())
    }

    /// Goes back to where the walk came from; above the root is the root.
    fn back(&mut self) -> Result<(), Errno> {
        self.names.pop();
        self.held.pop();
        if self.held.is_empty() {
            // So deep that the directories above were closed: they are found again by their names, which were directories.
            for name in std::mem::take(&mut self.names) {
                match system::look(self.here(), &name)? {
                    Found::Directory(fd) => self.enter(name, fd),
                    _ => return Err(Errno::NOENT),
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;

    use super::*;

    /// Another process puts it there between the last look of a walk and the opening.
    #[test]
    fn what_takes_the_place_of_what_a_walk_ended_at_is_not_opened() {
        let directory = tempfile::tempdir().unwrap();
        let root = directory.path().join("root");
        fs::create_dir_all(root.join("directory")).unwrap();
        fs::create_dir(directory.path().join("outside")).unwrap();
        fs::write(root.join("file"), "").unwrap();
        symlink("../outside", root.join("link")).unwrap();
        let root = fs::File::open(&root).unwrap();
        let opens = |name: &[u8], is_directory, flags| {
            let end = End { name: Some(name.to_vec()), is_directory };
            open_end(root.as_fd(), &end, flags).unwrap().is_some()
        };
        for flags in [OFlags::RDONLY, OFlags::PATH, OFlags::PATH | OFlags::DIRECTORY] {
            assert!(opens(b"directory", true, flags), "{flags:?}");
            assert!(!opens(b"link", true, flags), "{flags:?}");
            assert!(!opens(b"file", true, flags), "{flags:?}");
        }
        for flags in [OFlags::RDONLY, OFlags::PATH] {
            assert!(opens(b"file", false, flags), "{flags:?}");
            assert!(!opens(b"link", false, flags), "{flags:?}");
        }
    }
}
