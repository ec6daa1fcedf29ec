mod collector;
mod mark;
pub(crate) mod sessions;

use std::io;

use oci_image::Digest;

use crate::layout::{INDEX_FILE, Layout};
use crate::lock::{Lock, WORK};
use crate::{Durability, Error};

pub(crate) use collector::unneeded;
use collector::{Collector, to_collect};

/// What nothing in a layout needs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Garbage {
    /// Blobs that the index does not reach and no writer has under way.
    pub blobs: Vec<Digest>,
    /// Blobs that were not written whole and that no writer holds, kept to be resumed.
    pub partials: Vec<Digest>,
    /// Files that a writer left unfinished when it died, below the layout; of layouts that share their
    /// blobs with the path of the layout, or of the directory of blobs.
    pub leftovers: Vec<String>,
    /// The size of all of it, in bytes.
    pub bytes: u64,
}

impl Layout {
    /// Lists what [`collect_garbage`](Self::collect_garbage) would remove now. Changes nothing, and works without write
    /// permission.
    ///
    /// # Errors
    /// As there.
    pub fn garbage(&self) -> Result<Garbage, Error> {
        Ok(Collector::alone(self, Lock::read_only)?.find()?.garbage)
    }

    /// Removes the blobs that the index does not reach, the files of writers that died, and what is kept of blobs
    /// that were not written whole.
    ///
    /// Kept are: all that the index reaches through indexes, manifests and subjects; content of
    /// unknown type and whatever its JSON mentions; and what live handles have written or found, until
    /// they are dropped. Writers wait meanwhile, readers do not.
    ///
    /// If something cannot be read, it is unknown what it needs, and nothing is removed. That is so if
    /// `index.json` lists something that is missing, whatever its type, and if anything reachable
    /// exists and does not match its descriptor: it has another size or digest, is not a document of its type, or is
    /// [too large](oci_image::json::DOCUMENT_LIMIT) for one. What an image index lists may be missing, as
    /// where an image was copied for some platforms only, and so may subjects.
    ///
    /// # Errors
    /// Of kind [`Invalid`](crate::ErrorKind::Invalid) where something that may need others is missing or
    /// wrong; the error names it. Otherwise if the blobs are shared with other layouts, or if a file cannot
    /// be read or removed.
    pub fn collect_garbage(&self) -> Result<Garbage, Error> {
        Collector::alone(self, to_collect)?.collect()
    }

    /// Lists what [`collect_shared_garbage`](Self::collect_shared_garbage) would remove now.
    ///
    /// # Errors
    /// As there.
    pub fn shared_garbage(layouts: &[&Self]) -> Result<Garbage, Error> {
        Ok(Collector::together(layouts, Lock::read_only)?.find()?.garbage)
    }

    /// Removes the blobs of a [shared directory](crate::LayoutOptions::shared_blobs) that the index of none
    /// of these layouts reaches, and the files of writers that died there and in the layouts.
    ///
    /// All layouts that share the directory must be among them: what another one needs is garbage here.
    /// Kept is what [`collect_garbage`](Self::collect_garbage) keeps, of each of them.
    ///
    /// # Errors
    /// As there, and if they do not share one directory.
    pub fn collect_shared_garbage(layouts: &[&Self]) -> Result<Garbage, Error> {
        Collector::together(layouts, to_collect)?.collect()
    }

    /// Makes the index durable that was read. Before blobs are removed: a writer without syncs may have replaced it, and
    /// a power cut would bring back the index before, which names blobs that are gone then.
    fn settle_index(&self) -> io::Result<()> {
        if self.durability() != Durability::Relaxed {
            self.files().sync(INDEX_FILE, &self.files().open(INDEX_FILE)?)?;
            self.files().sync_dir(".")?;
        }
        Ok(())
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
