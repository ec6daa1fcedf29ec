//! Removing the directory of a container, and what is left of one whose removal was interrupted.

use std::ffi::OsStr;
use std::fs::{self, File, Metadata};
use std::io::{self, ErrorKind};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, flock};

use super::{LOCK, is_at};

/// How often a directory is emptied that is filled again: a process that opens the lock meanwhile makes a new one, once.
const TRIES: usize = 8;

/// Removes a directory whose lock the caller holds. It is no error if it is missing.
///
/// First it is renamed to what is not an ID: from then on there is no such container.
pub(super) fn remove(dir: &Path) -> io::Result<()> {
    let removed = || {
        let gone = dir.with_file_name(name(&fs::symlink_metadata(dir)?));
        fs::rename(dir, &gone)?;
        clear(&gone)
    };
    unless_gone(removed())
}

/// Removes what processes left that ended during a removal. Whatever is in doubt stays.
pub(crate) fn sweep(runtime: &Path) {
    for entry in fs::read_dir(runtime).into_iter().flatten().flatten() {
        if entry.file_name().as_encoded_bytes().starts_with(b".") {
            let _ = sweep_one(&entry.path());
        }
    }
}

fn sweep_one(dir: &Path) -> io::Result<()> {
    let found = fs::symlink_metadata(dir)?;
    if !found.is_dir() || dir.file_name() != Some(OsStr::new(&name(&found))) {
        return Ok(());
    }
    let path = dir.join(LOCK);
    let lock = match File::open(&path) {
        // The lock is removed last: the directory is empty, or not one of a container.
        Err(error) if error.kind() == ErrorKind::NotFound => return fs::remove_dir(dir),
        lock => lock?,
    };
    if flock(&lock, FlockOperation::NonBlockingLockExclusive).is_ok() && is_at(&lock, &path)? {
        return clear(dir);
    }
    Ok(())
}

/// The name of a directory that is being removed: no ID begins with a dot, and no other directory has the inode number.
fn name(found: &Metadata) -> String {
    format!(".{}", found.ino())
}

/// Removes a directory with all that is in it, and the lock last: as long as it is held, no other process removes the directory.
fn clear(dir: &Path) -> io::Result<()> {
    for _ in 1..TRIES {
        match empty(dir).and_then(|()| fs::remove_dir(dir)) {
            Err(error) if error.kind() == ErrorKind::DirectoryNotEmpty => {}
            result => return result,
        }
    }
    empty(dir).and_then(|()| fs::remove_dir(dir))
}

fn empty(dir: &Path) -> io::Result<()> {
    let paths: Vec<PathBuf> =
        fs::read_dir(dir)?.map(|entry| Ok(entry?.path())).collect::<io::Result<_>>()?;
    let (locks, others): (Vec<_>, Vec<_>) =
        paths.into_iter().partition(|path| path.file_name() == Some(OsStr::new(LOCK)));
    others.iter().chain(&locks).try_for_each(|path| unless_gone(fs::remove_file(path)))
}

fn unless_gone(result: io::Result<()>) -> io::Result<()> {
    match result {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        result => result,
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Entry, Record};
    use super::*;

    /// A container, and its directory while it is removed.
    fn leaving(runtime: &Path) -> (Entry, PathBuf) {
        let record = Record::new("one".parse().unwrap());
        let entry = Entry::create(runtime, record).unwrap();
        let gone = runtime.join(name(&fs::metadata(&entry.dir).unwrap()));
        fs::rename(&entry.dir, &gone).unwrap();
        (entry, gone)
    }

    #[test]
    fn leftovers_of_dead_processes_are_removed_and_those_of_live_ones_stay() {
        let runtime = tempfile::tempdir().unwrap();
        let (entry, gone) = leaving(runtime.path());
        sweep(runtime.path());
        assert!(gone.join(LOCK).exists() && gone.join("state.json").exists());
        drop(entry);
        sweep(runtime.path());
        assert!(!gone.exists());
    }

    #[test]
    fn a_removal_that_was_interrupted_at_any_point_is_completed() {
        for left in [&["state.json", "config.json", LOCK][..], &[LOCK], &[]] {
            let runtime = tempfile::tempdir().unwrap();
            let (entry, gone) = leaving(runtime.path());
            drop(entry);
            fs::write(gone.join("config.json"), "").unwrap();
            for name in ["state.json", "config.json", LOCK] {
                if !left.contains(&name) {
                    fs::remove_file(gone.join(name)).unwrap();
                }
            }
            sweep(runtime.path());
            assert!(!gone.exists(), "{left:?}");
        }
    }

    #[test]
    fn directories_that_are_not_containers_stay() {
        let runtime = tempfile::tempdir().unwrap();
        let (entry, gone) = leaving(runtime.path());
        drop(entry);
        // A removal leaves nothing without a lock.
        fs::remove_file(gone.join(LOCK)).unwrap();
        // No file has the number 0.
        let strange = runtime.path().join(".0");
        fs::create_dir(&strange).unwrap();
        fs::write(strange.join(LOCK), "").unwrap();
        fs::write(runtime.path().join(".1"), "").unwrap();
        let hidden = runtime.path().join(".hidden");
        fs::create_dir(&hidden).unwrap();
        sweep(runtime.path());
        let kept = [gone.join("state.json"), strange.join(LOCK), runtime.path().join(".1"), hidden];
        for path in kept {
            assert!(path.exists(), "{}", path.display());
        }
    }
}
