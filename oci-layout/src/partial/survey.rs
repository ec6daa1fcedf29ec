use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::time::{Duration, SystemTime};

use oci_image::Digest;

use super::{MAP, PREFIX, is_named};
use crate::PartialLimits;
use crate::files::{Files, Kind, if_there};
use crate::lock::{WORK, has_writers, try_lock};
use crate::trace;

/// Partials that no writer holds now.
#[derive(Debug, Default)]
pub(crate) struct Unused {
    /// The digest of each, and the paths of its file and its map.
    pub(crate) partials: BTreeMap<Digest, Vec<String>>,
    /// Paths of what is named as a part of a partial and does not belong to one.
    pub(crate) leftovers: Vec<String>,
}

/// Whether a name in the directory for work is of a partial.
pub(crate) fn is_partial(name: &str) -> bool {
    name.starts_with(PREFIX)
}

/// Looks for partials that no writer holds. The caller holds the exclusive lock, so no writer begins to
/// meanwhile, or is read-only.
pub(crate) fn survey(files: &dyn Files) -> io::Result<Unused> {
    let mut unused = Unused::default();
    let (mut maps, mut used) = (Vec::new(), Vec::new());
    for name in names(files)? {
        let path = format!("{WORK}/{name}");
        match (digest(&name), digest(name.strip_suffix(MAP).unwrap_or_default())) {
            (Some(digest), _) => match free(files, &path)? {
                Some(_) => drop(unused.partials.insert(digest, vec![path])),
                None => used.push(digest),
            },
            (None, Some(digest)) => maps.push((digest, path)),
            (None, None) => unused.leftovers.push(path),
        }
    }
    for (digest, path) in maps {
        match unused.partials.get_mut(&digest) {
            Some(paths) => paths.push(path),
            None if used.contains(&digest) => {}
            None => unused.leftovers.push(path),
        }
    }
    Ok(unused)
}

/// Removes what is over the limits: what is too old, and the oldest of too many or too large ones.
/// Those that a writer holds stay.
pub(crate) fn prune(files: &dyn Files, limits: &PartialLimits) -> io::Result<()> {
    let mut found = Vec::new();
    for name in names(files)?.iter().filter(|name| digest(name).is_some()) {
        let path = format!("{WORK}/{name}");
        let Some(file) = free(files, &path)? else { continue };
        let metadata = file.metadata()?;
        let modified = metadata.modified()?;
        // Unlocked at once: a writer that finds it locked would begin from the first byte.
        drop(file);
        found.push((modified, metadata.len(), path));
    }
    found.sort();
    let (mut number, mut bytes, now) = (0, 0_u64, SystemTime::now());
    for (modified, length, path) in found.into_iter().rev() {
        let age = now.duration_since(modified).unwrap_or(Duration::ZERO);
        let fits = number < limits.number
            && bytes.saturating_add(length) <= limits.bytes
            && age <= limits.age;
        if fits {
            number += 1;
            bytes += length;
        } else if let Some(_locked) = free(files, &path)? {
            // The map before the file: once the file has lost its name, another writer may make one and a map for it, which
            // must not be removed. While it is locked and named, no other writer opens it.
            if_there(files.remove(&super::map::path(&path)))?;
            if_there(files.remove(&path))?;
            trace::partial_pruned(&path);
        }
    }
    Ok(())
}

/// The file at `path`, locked, or `None` if a writer holds it or it was removed.
fn free(files: &dyn Files, path: &str) -> io::Result<Option<File>> {
    let Some(file) = if_there(files.open(path))? else { return Ok(None) };
    let is_free = try_lock(&file)? && is_named(files, path, &file)?;
    Ok(is_free.then_some(file))
}

fn names(files: &dyn Files) -> io::Result<Vec<String>> {
    if !has_writers(files)? {
        return Ok(Vec::new());
    }
    let entries = files.list(WORK)?.into_iter().filter(|entry| entry.kind == Kind::File);
    let names = entries.filter_map(|entry| entry.name.into_string().ok());
    Ok(names.filter(|name| is_partial(name)).collect())
}

/// The digest of the blob that a partial of this name is of.
fn digest(name: &str) -> Option<Digest> {
    let (algorithm, encoded) = name.strip_prefix(PREFIX)?.split_once('-')?;
    format!("{algorithm}:{encoded}").parse().ok().filter(Digest::is_registered)
}
