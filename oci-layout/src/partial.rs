//! Blobs that were not written whole, kept under the name of their digest until they are resumed.
//!
//! The writer of one holds the lock of its file, which the kernel releases when the process dies. Its
//! names change only under this lock. The lock is of the file and not of its name: after taking
//! it, a writer checks that the name still leads to this file.
//!
//! A file that was appended to needs no record: its length says what is held. Before anything is
//! written behind a gap there is a map beside it, and from then on only the map counts. What it lists is
//! durable before the map is, and wrong content is found by the commit in any case.

mod map;
mod survey;

use std::fs::File;
use std::io;
use std::iter;
use std::os::unix::fs::MetadataExt;
use std::sync::Arc;

use oci_image::blob::Ranges;
use oci_image::{Descriptor, Digest};

use crate::files::{Files, if_there};
use crate::lock::{WORK, try_lock};
use crate::session::Temporary;
use crate::trace;

pub(crate) use map::save;
pub(crate) use survey::{is_partial, prune, survey};

/// What the names begin with. No session is named so.
const PREFIX: &str = "partial.";

/// What the name of a map ends with.
const MAP: &str = ".map";

/// How often a file that lost its name while it was being locked is looked for again.
const ATTEMPTS: usize = 16;

/// A partial that this process alone writes.
pub(crate) struct Partial {
    /// Its file, removed with the map when it is dropped.
    pub(crate) temporary: Temporary,
    /// What is held of the blob.
    pub(crate) held: Ranges,
    /// Whether there is a map.
    pub(crate) has_map: bool,
}

/// The partial of a blob, with nothing held if there was none, or `None` if another writer has it.
pub(crate) fn open(files: &Arc<dyn Files>, blob: &Descriptor) -> io::Result<Option<Partial>> {
    let path = path(&blob.digest);
    for _ in 0..ATTEMPTS {
        let file = match files.reopen(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => match files.create(&path) {
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => continue,
                created => created?,
            },
            opened => opened?,
        };
        if !try_lock(&file)? {
            return Ok(None);
        }
        if !is_named(&**files, &path, &file)? {
            continue;
        }
        let length = file.metadata()?.len();
        let map = map::path(&path);
        let temporary = Temporary::locked(files, path.clone(), map, file);
        let map = map::read(&**files, &path)?;
        let has_map = map.is_some();
        let held = match map {
            None => Some(iter::once(0..length).collect()),
            Some(text) => map::parse(&text),
        };
        let end = length.min(blob.size);
        if let Some(held) = held.filter(|held| held.iter().all(|range| range.end <= end)) {
            return Ok(Some(Partial { temporary, held, has_map }));
        }
        // It is larger than the blob, or its map cannot be read or is of an earlier file: dropping it
        // removes both.
        trace::partial_dropped(&blob.digest);
    }
    Ok(None)
}

fn path(digest: &Digest) -> String {
    format!("{WORK}/{PREFIX}{}-{}", digest.algorithm_name(), digest.encoded())
}

/// Whether the name leads to this file.
fn is_named(files: &dyn Files, path: &str, file: &File) -> io::Result<bool> {
    let Some(named) = if_there(files.open(path))? else { return Ok(false) };
    let (named, file) = (named.metadata()?, file.metadata()?);
    Ok((named.dev(), named.ino()) == (file.dev(), file.ino()))
}
