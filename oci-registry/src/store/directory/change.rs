use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::MutexGuard;

use super::durable::{make_directory, rename, sync_parent};
use super::found;
use super::root::Root;

/// Files that get their names together: all, or none.
///
/// Dropped before [`keep`](Self::keep), it undoes what was done, and no directory that it made stays.
pub(super) struct Change<'a> {
    root: &'a Root,
    /// In the order in which they got their names.
    placed: Vec<Placed>,
    /// In the order in which they were made, and so from the outside to the inside.
    made: Vec<PathBuf>,
    /// Held from the first directory that was made: as long as that may be undone, no other may use it.
    making: Option<MutexGuard<'a, ()>>,
}

struct Placed {
    path: PathBuf,
    /// A second name of the file that was there before.
    before: Option<PathBuf>,
}

impl<'a> Change<'a> {
    pub(super) fn new(root: &'a Root) -> Self {
        Self { root, placed: Vec::new(), made: Vec::new(), making: None }
    }

    /// Gives a file its name, in place of the file that may have it.
    pub(super) fn place(&mut self, staged: &Path, path: PathBuf) -> io::Result<()> {
        self.make_parent(&path)?;
        let second = self.root.temporary();
        let before = found(fs::hard_link(&path, &second))?.map(|()| second);
        self.placed.push(Placed { path: path.clone(), before });
        rename(staged, &path)
    }

    /// A second name for a file. False if the first went away meanwhile; a name that is taken is kept.
    pub(super) fn link(&mut self, from: &Path, to: PathBuf) -> io::Result<bool> {
        self.make_parent(&to)?;
        match fs::hard_link(from, &to) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            linked => {
                linked?;
                self.placed.push(Placed { path: to.clone(), before: None });
            }
        }
        sync_parent(&to)?;
        Ok(true)
    }

    /// Makes the directory that `path` is to be in.
    fn make_parent(&mut self, path: &Path) -> io::Result<()> {
        let Some(parent) = path.parent() else { return Ok(()) };
        // Without the lock, one that is there may be one that is not yet on disk, or is about to go.
        let making = self.making.take().unwrap_or_else(|| self.root.making());
        let result = make_directory(parent, &mut self.made);
        self.making = (!self.made.is_empty()).then_some(making);
        result
    }

    pub(super) fn keep(mut self) {
        self.made.clear();
        for placed in self.placed.drain(..) {
            // One that stays is removed by the next start.
            placed.before.map(fs::remove_file);
        }
    }
}

impl Drop for Change<'_> {
    /// What cannot be undone stays as it is: the error that led here is the one to tell.
    fn drop(&mut self) {
        for Placed { path, before } in self.placed.drain(..).rev() {
            let _ = match before {
                Some(before) => fs::rename(before, &path),
                None => fs::remove_file(&path),
            };
        }
        for path in self.made.drain(..).rev() {
            let _ = fs::remove_dir(path);
        }
    }
}
