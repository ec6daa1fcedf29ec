mod mark;
pub(crate) mod sessions;

use std::io;

use oci_image::Digest;

use crate::layout::{INDEX_FILE, Layout};
use crate::lock::{Lock, WORK};
use crate::{Durability, Error, ErrorKind};

/// What nothing in a layout needs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Garbage {
    /// Blobs that the index does not reach and no writer has under way.
    pub blobs: Vec<Digest>,
    /// Files that a writer left unfinished when it died, below the layout.
    pub leftovers: Vec<String>,
    /// The size of all of it, in bytes.
    pub bytes: u64,
}

impl Layout {
    /// Lists what [`collect_garbage`](Self::collect_garbage) would remove now.
    ///
    /// # Errors
    /// As there.
    pub fn garbage(&self) -> Result<Garbage, Error> {
        let _lock = self.lock_collector()?;
        self.find_garbage()
    }

    /// Removes the blobs that the index does not reach, and what dead writers left.
    ///
    /// Kept are: all that the index reaches through indexes, manifests and subjects; content of
    /// unknown type and whatever its JSON mentions; and what live handles have written or found, until
    /// they are dropped. Writers wait meanwhile, readers do not.
    ///
    /// # Errors
    /// If a reachable document is wrong (then nothing is removed: what it needs is unknown), if the
    /// blobs are shared with other layouts, or if a file cannot be removed.
    pub fn collect_garbage(&self) -> Result<Garbage, Error> {
        let failed = |error| Error::io(self.about("cannot collect the garbage of"), error);
        let _lock = self.lock_collector()?;
        let garbage = self.find_garbage()?;
        self.settle_index().map_err(failed)?;
        for path in self.garbage_paths(&garbage) {
            if_there(self.files().remove(&path)).map_err(failed)?;
        }
        Ok(garbage)
    }

    fn lock_collector(&self) -> Result<Lock, Error> {
        if self.shares_blobs() {
            let text = self.about("other layouts may need the blobs of");
            return Err(Error::new(ErrorKind::Unsupported, text));
        }
        Lock::exclusive(self.files()).map_err(|error| Error::io(self.about("cannot lock"), error))
    }

    /// An index that a power cut could undo must not have lost what its predecessor names.
    fn settle_index(&self) -> io::Result<()> {
        if self.durability() == Durability::Synced {
            self.files().sync(INDEX_FILE, &self.files().open(INDEX_FILE)?)?;
            self.files().sync_dir(".")?;
        }
        Ok(())
    }

    fn find_garbage(&self) -> Result<Garbage, Error> {
        let failed = |error| Error::io(self.about("cannot look for the garbage of"), error);
        let mut garbage = Garbage::default();
        let sessions = sessions::survey(self.files()).map_err(failed)?;
        garbage.leftovers = sessions.dead;
        garbage.blobs = self.unneeded(sessions.pinned)?;
        for path in self.garbage_paths(&garbage) {
            let file = self.files().open(&path).and_then(|file| file.metadata());
            match if_there(file).map_err(failed)? {
                Some(file) => garbage.bytes += file.len(),
                None => garbage.leftovers.retain(|leftover| *leftover != path),
            }
        }
        Ok(garbage)
    }

    fn garbage_paths(&self, garbage: &Garbage) -> Vec<String> {
        let blobs = garbage.blobs.iter().map(|digest| self.blobs().path(digest));
        blobs.chain(garbage.leftovers.iter().cloned()).collect()
    }

    /// The blobs that neither the index nor a pin needs.
    pub(crate) fn unneeded(&self, pinned: Vec<Digest>) -> Result<Vec<Digest>, Error> {
        let needed = mark::needed(self, pinned)?;
        let found = self.blobs().found();
        let found = found
            .map_err(|error| Error::io(self.about("cannot look for the garbage of"), error))?;
        Ok(found.blobs.into_iter().filter(|digest| !needed.contains(digest)).collect())
    }
}

/// What vanished meanwhile is no garbage: a session that ends removes its own files.
fn if_there<T>(outcome: io::Result<T>) -> io::Result<Option<T>> {
    match outcome {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        outcome => outcome.map(Some),
    }
}

/// Whether the name is of the lock, which stays.
fn is_lock(name: &str) -> bool {
    name == "lock"
}

/// The path of a file among those that are under way.
fn work_path(name: &str) -> String {
    format!("{WORK}/{name}")
}
