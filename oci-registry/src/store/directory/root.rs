use std::fs::{self, File};
use std::hash::{BuildHasher as _, RandomState};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use oci_digest::Digest;
use oci_image::{RepositoryName, Tag};
use uuid::Uuid;

use super::super::{Condition, Record, Value, Write, parse_digest};
use super::change::Change;
use super::durable::{make_directory, remove_file};
use super::staged::Staged;
use super::{found, path};

/// Where all files are.
#[derive(Debug)]
pub(super) struct Root {
    pub(super) path: PathBuf,
    /// Held while directories are made: one that is there but not yet on disk must not be used.
    making: Mutex<()>,
    /// One of them is held while names of a repository change: between the look at what is there and the change,
    /// nothing else changes.
    changing: [Mutex<()>; 16],
    hash: RandomState,
    /// Unlocked when it is closed.
    _lock: File,
}

/// What a panic leaves behind these is a file or directory that has its name or has not.
fn held(lock: &Mutex<()>) -> MutexGuard<'_, ()> {
    lock.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Root {
    pub(super) fn new(path: &Path, lock: File) -> Self {
        Self {
            path: path.into(),
            making: Mutex::new(()),
            changing: Default::default(),
            hash: RandomState::new(),
            _lock: lock,
        }
    }

    pub(super) fn making(&self) -> MutexGuard<'_, ()> {
        held(&self.making)
    }

    pub(super) fn changing(&self, name: &RepositoryName) -> MutexGuard<'_, ()> {
        held(&self.changing[self.hash.hash_one(name) as usize % self.changing.len()])
    }

    /// A name for a file that is not yet, or no longer, of the store.
    pub(super) fn temporary(&self) -> PathBuf {
        path::uploads(&self.path).join(Uuid::new_v4().to_string())
    }

    pub(super) fn open(
        &self,
        name: &RepositoryName,
        digest: &Digest,
    ) -> io::Result<Option<(File, fs::Metadata)>> {
        let Some(file) = found(File::open(path::blob(&self.path, name, digest)))? else {
            return Ok(None);
        };
        let metadata = file.metadata()?;
        Ok(Some((file, metadata)))
    }

    pub(super) fn link(
        &self,
        from: &RepositoryName,
        to: &RepositoryName,
        digest: &Digest,
    ) -> io::Result<bool> {
        let [source, target] = [from, to].map(|name| path::blob(&self.path, name, digest));
        let Some(file) = found(File::open(&source))? else { return Ok(false) };
        let _changing = self.changing(to);
        let mut change = Change::new(self);
        // From when it is there, it is as if it was just written.
        touch(&file)?;
        let linked = change.link(&source, target)?;
        if linked {
            change.keep();
        }
        Ok(linked)
    }

    pub(super) fn unlink(
        &self,
        name: &RepositoryName,
        digest: &Digest,
        condition: &Condition,
    ) -> io::Result<bool> {
        self.remove_if(name, &path::blob(&self.path, name, digest), |path| {
            let modified = found(fs::metadata(path))?.map(|it| it.modified()).transpose()?;
            Ok(condition.holds(modified.map(|modified| (&b""[..], modified))))
        })
    }

    /// Keeps a second name of the file below `damaged`.
    pub(super) fn quarantine(
        &self,
        name: &RepositoryName,
        digest: &Digest,
        condition: &Condition,
    ) -> io::Result<bool> {
        let damaged = self.path.join("damaged");
        make_directory(&damaged, &mut Vec::new())?;
        let second = damaged.join(format!("{}.{}", digest.encoded(), Uuid::new_v4()));
        if found(fs::hard_link(path::blob(&self.path, name, digest), &second))?.is_none() {
            return Ok(false);
        }
        let is_unlinked = self.unlink(name, digest, condition)?;
        if !is_unlinked {
            fs::remove_file(second)?;
        }
        Ok(is_unlinked)
    }

    pub(super) fn read(&self, name: &RepositoryName, record: &Record) -> io::Result<Option<Value>> {
        read(&path::record(&self.path, name, record))
    }

    pub(super) fn read_tagged(
        &self,
        name: &RepositoryName,
        tag: &Tag,
    ) -> io::Result<Option<(Digest, Value)>> {
        let Some(tag) = self.read(name, &Record::Tag(tag.clone()))? else { return Ok(None) };
        let digest = parse_digest(&tag.bytes)?;
        let value = self.read(name, &Record::Manifest(digest.clone()))?;
        Ok(value.map(|value| (digest, value)))
    }

    pub(super) fn write(
        &self,
        staged: &[Staged],
        name: &RepositoryName,
        records: &[Write],
    ) -> io::Result<bool> {
        let _changing = self.changing(name);
        let mut change = Change::new(self);
        for it in records.iter().filter(|it| it.condition != Condition::Always) {
            if !self.holds(name, &it.record, &it.condition)? {
                return Ok(false);
            }
        }
        for (staged, it) in staged.iter().zip(records) {
            change.place(&staged.path, path::record(&self.path, name, &it.record))?;
        }
        change.keep();
        Ok(true)
    }

    pub(super) fn remove(
        &self,
        name: &RepositoryName,
        record: &Record,
        condition: &Condition,
    ) -> io::Result<bool> {
        self.remove_if(name, &path::record(&self.path, name, record), |_| {
            Ok(*condition == Condition::Always || self.holds(name, record, condition)?)
        })
    }

    pub(super) fn renew(&self, name: &RepositoryName, digest: &Digest) -> io::Result<bool> {
        let _changing = self.changing(name);
        let manifest = Record::Manifest(digest.clone());
        let manifest = path::record(&self.path, name, &manifest);
        let mut is_there = false;
        for path in [path::blob(&self.path, name, digest), manifest] {
            if let Some(file) = found(File::open(path))? {
                touch(&file)?;
                is_there = true;
            }
        }
        Ok(is_there)
    }

    fn holds(
        &self,
        name: &RepositoryName,
        record: &Record,
        condition: &Condition,
    ) -> io::Result<bool> {
        let current = self.read(name, record)?;
        Ok(condition.holds(current.as_ref().map(|value| (&*value.bytes, value.modified))))
    }

    fn remove_if(
        &self,
        name: &RepositoryName,
        path: &Path,
        may: impl FnOnce(&Path) -> io::Result<bool>,
    ) -> io::Result<bool> {
        let _changing = self.changing(name);
        Ok(may(path)? && remove_file(path)?)
    }
}

/// A power cut may undo it: what waits for it is then gone as well.
pub(super) fn touch(file: &File) -> io::Result<()> {
    file.set_modified(SystemTime::now())
}

fn read(path: &Path) -> io::Result<Option<Value>> {
    let Some(mut file) = found(File::open(path))? else { return Ok(None) };
    let metadata = file.metadata()?;
    let mut bytes = Vec::with_capacity(usize::try_from(metadata.len()).unwrap_or_default());
    file.read_to_end(&mut bytes)?;
    Ok(Some(Value::new(bytes.into(), metadata.modified()?)))
}
