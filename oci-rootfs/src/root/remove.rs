//! Removal by descriptors: no path is resolved, so a rename meanwhile leads nowhere else.

use std::ffi::CString;
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use oci_image::layer::Timestamp;
use rustix::fs::{
    AtFlags, FileType, Mode, OFlags, RawDir, SeekFrom, fchmod, fstat, openat, unlinkat,
};
use rustix::io::Errno;

use super::{DIRECTORY, Id, MARKER, Root, Target, number, times};

/// How many directories are held open at once, however deep the tree.
const OPEN: usize = 32;

/// How often a directory is read again that another process keeps filling.
const PASSES: usize = 8;

/// How much of a directory is listed at once, in bytes.
const BATCH: usize = 16 << 10;

/// What removal leaves alone.
pub(crate) trait Kept {
    /// Whether `name` in `directory` stays. Of a directory that stays, the children may go.
    fn keeps(&self, directory: Id, name: &[u8]) -> bool;
}

/// Nothing stays.
impl Kept for () {
    fn keeps(&self, _: Id, _: &[u8]) -> bool {
        false
    }
}

/// The mark that a tree is incomplete stays.
struct Mark(Id);

impl Kept for Mark {
    fn keeps(&self, directory: Id, name: &[u8]) -> bool {
        directory == self.0 && name == MARKER
    }
}

impl Root {
    /// Removes all that is in the tree, whatever its modes. A mark that it is incomplete stays.
    ///
    /// # Errors
    /// If something cannot be removed.
    pub fn empty(&self) -> io::Result<()> {
        let mark = Mark(Id::from(&fstat(self)?));
        self.remove_children(self.physical_directory(b"")?, &mark)?;
        Ok(())
    }

    /// Removes `name` and all below it but what is kept. That there is none is not an error.
    pub(crate) fn remove(
        &self,
        parent: BorrowedFd<'_>,
        name: &[u8],
        kept: &impl Kept,
    ) -> Result<(), Errno> {
        for _ in 0..PASSES {
            // Before it is opened: to open a device or a pipe may do something, and unlinkat follows no link.
            match unlinkat(parent, name, AtFlags::empty()) {
                Ok(()) | Err(Errno::NOENT) => return Ok(()),
                // A directory: EISDIR on Linux, EPERM by POSIX.
                Err(Errno::ISDIR | Errno::PERM) => {}
                Err(error) => return Err(error),
            }
            match self.unlocked(parent, name) {
                Ok((directory, locked)) => {
                    let directory = Level::new(directory, CString::default(), locked)?;
                    if self.go_through(directory, kept)? {
                        return Ok(());
                    }
                }
                Err(Errno::NOENT) => return Ok(()),
                // Another process put something else there.
                Err(Errno::NOTDIR | Errno::LOOP) => continue,
                Err(error) => return Err(error),
            }
            match unlinkat(parent, name, AtFlags::REMOVEDIR) {
                Ok(()) | Err(Errno::NOENT) => return Ok(()),
                Err(Errno::NOTEMPTY | Errno::EXIST | Errno::NOTDIR) => {}
                Err(error) => return Err(error),
            }
        }
        Err(Errno::BUSY)
    }

    /// Removes all that is in a directory but what is kept, and says whether anything was. Then the
    /// directory stays as it was.
    pub(crate) fn remove_children(
        &self,
        directory: OwnedFd,
        kept: &impl Kept,
    ) -> Result<bool, Errno> {
        self.go_through(Level::new(directory, CString::default(), None)?, kept)
    }

    fn go_through(&self, directory: Level, kept: &impl Kept) -> Result<bool, Errno> {
        let mut stack = vec![directory];
        loop {
            let depth = stack.len();
            let level = stack.last_mut().ok_or(Errno::STALE)?;
            let Some((name, kind)) = level.next()? else {
                let done = stack.pop().ok_or(Errno::STALE)?;
                if done.is_kept || done.holds_kept {
                    done.stay(self)?;
                }
                let Some(parent) = stack.last_mut() else { return Ok(done.holds_kept) };
                parent.reopen_above(&done)?;
                if let Some(again) = parent.close(done)? {
                    stack.push(again);
                }
                continue;
            };
            let is_kept = kept.keeps(level.id, name.to_bytes());
            level.holds_kept |= is_kept;
            if let Some(child) = self.descend(level, name, kind, is_kept)? {
                stack.push(child);
                if depth >= OPEN {
                    stack[depth - OPEN].fd = None;
                }
            }
        }
    }

    /// Removes a child, or opens it if it is a directory.
    fn descend(
        &self,
        level: &Level,
        name: CString,
        kind: FileType,
        is_kept: bool,
    ) -> Result<Option<Level>, Errno> {
        let parent = level.fd()?;
        for _ in 0..PASSES {
            if !is_kept && kind != FileType::Directory {
                match unlinkat(parent, &name, AtFlags::empty()) {
                    Ok(()) | Err(Errno::NOENT) => return Ok(None),
                    Err(Errno::ISDIR | Errno::PERM) => {}
                    Err(error) => return Err(error),
                }
            }
            if is_kept && !matches!(kind, FileType::Directory | FileType::Unknown) {
                return Ok(None);
            }
            match self.unlocked(parent, &name) {
                Ok((fd, locked)) => {
                    return Ok(Some(Level { is_kept, ..Level::new(fd, name, locked)? }));
                }
                Err(Errno::NOENT) => return Ok(None),
                Err(Errno::NOTDIR | Errno::LOOP) if is_kept => return Ok(None),
                Err(Errno::NOTDIR | Errno::LOOP) => {
                    match unlinkat(parent, &name, AtFlags::empty()) {
                        Ok(()) | Err(Errno::NOENT) => return Ok(None),
                        Err(Errno::ISDIR) => {}
                        Err(error) => return Err(error),
                    }
                }
                Err(error) => return Err(error),
            }
        }
        Err(Errno::BUSY)
    }

    /// Opens a directory for reading and changing. If its mode forbids that to its owner, and this process is the owner,
    /// the mode is changed, and the old one returned.
    pub(crate) fn unlocked(
        &self,
        parent: BorrowedFd<'_>,
        name: impl rustix::path::Arg + Copy,
    ) -> Result<(OwnedFd, Option<Mode>), Errno> {
        match openat(parent, name, DIRECTORY, Mode::empty()) {
            Ok(fd) => self.unlock(fd),
            Err(Errno::ACCESS) => {
                let flags = DIRECTORY.union(OFlags::PATH);
                self.unlock(openat(parent, name, flags, Mode::empty())?)
            }
            Err(error) => Err(error),
        }
    }

    /// Lets the owner change a directory, if this process is the owner.
    pub(crate) fn unlock(&self, fd: OwnedFd) -> Result<(OwnedFd, Option<Mode>), Errno> {
        if self.is_privileged() {
            return Ok((fd, None));
        }
        let mode = Mode::from_raw_mode(fstat(&fd)?.st_mode & 0o7777);
        if mode.contains(Mode::RWXU) {
            return Ok((fd, None));
        }
        let open = mode | Mode::RWXU;
        rustix::fs::chmodat(self.descriptors()?, number(fd.as_fd()), open, AtFlags::empty())?;
        Ok((openat(fd, ".", DIRECTORY, Mode::empty())?, Some(mode)))
    }
}

/// A directory on the way down.
struct Level {
    /// Closed while it is far above.
    fd: Option<OwnedFd>,
    id: Id,
    /// What it is called in the one above.
    name: CString,
    /// The mode and the times that it has again if it stays.
    locked: Option<Mode>,
    times: (Timestamp, Timestamp),
    is_kept: bool,
    holds_kept: bool,
    /// Names that were listed and are still to be removed, and where the listing continues.
    pending: Vec<(CString, FileType)>,
    position: Option<u64>,
    passes: usize,
}

impl Level {
    fn new(fd: OwnedFd, name: CString, locked: Option<Mode>) -> Result<Self, Errno> {
        let stat = fstat(&fd)?;
        Ok(Self {
            fd: Some(fd),
            id: Id::from(&stat),
            name,
            locked,
            times: times(&stat),
            is_kept: false,
            holds_kept: false,
            pending: Vec::new(),
            position: None,
            passes: 1,
        })
    }

    fn fd(&self) -> Result<BorrowedFd<'_>, Errno> {
        self.fd.as_ref().map(AsFd::as_fd).ok_or(Errno::STALE)
    }

    fn next(&mut self) -> Result<Option<(CString, FileType)>, Errno> {
        if self.pending.is_empty() {
            let fd = self.fd.as_ref().ok_or(Errno::STALE)?;
            let mut buffer = [MaybeUninit::uninit(); BATCH];
            let mut entries = RawDir::new(fd, &mut buffer);
            while let Some(entry) = entries.next() {
                let entry = entry?;
                self.position = Some(entry.next_entry_cookie());
                if !matches!(entry.file_name().to_bytes(), b"." | b"..") {
                    self.pending.push((entry.file_name().to_owned(), entry.file_type()));
                }
                if entries.is_buffer_empty() && !self.pending.is_empty() {
                    break;
                }
            }
        }
        Ok(self.pending.pop())
    }

    /// Opens this directory again, from the one below it, if it was closed.
    fn reopen_above(&mut self, below: &Self) -> Result<(), Errno> {
        if self.fd.is_some() {
            return Ok(());
        }
        // `..` leads to the parent that the directory has now, which a rename may have moved out of the root: its inode is
        // compared with that of the directory that was closed.
        let fd = openat(below.fd()?, "..", DIRECTORY, Mode::empty())?;
        if Id::from(&fstat(&fd)?) != self.id {
            // Another process moved the directory below.
            return Err(Errno::STALE);
        }
        if let Some(position) = self.position {
            rustix::fs::seek(&fd, SeekFrom::Start(position))?;
        }
        self.fd = Some(fd);
        Ok(())
    }

    /// Gives a directory that stays its mode and times again.
    fn stay(&self, root: &Root) -> Result<(), Errno> {
        if let Some(mode) = self.locked {
            fchmod(self.fd()?, mode)?;
        }
        let (atime, mtime) = self.times;
        Target::Open(self.fd()?).set_times(root, atime, mtime)
    }

    /// Removes a directory in this one that was gone through, if it is empty now. One that someone
    /// filled again is returned, to be gone through again.
    fn close(&mut self, mut child: Self) -> Result<Option<Self>, Errno> {
        if child.is_kept || child.holds_kept {
            self.holds_kept = true;
            return Ok(None);
        }
        match unlinkat(self.fd()?, &child.name, AtFlags::REMOVEDIR) {
            Ok(()) | Err(Errno::NOENT | Errno::NOTDIR) => Ok(None),
            Err(Errno::NOTEMPTY | Errno::EXIST) if child.passes < PASSES => {
                rustix::fs::seek(child.fd()?, SeekFrom::Start(0))?;
                child.position = None;
                child.passes += 1;
                Ok(Some(child))
            }
            Err(error) => Err(error),
        }
    }
}
