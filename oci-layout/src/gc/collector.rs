use std::collections::{BTreeMap, HashSet};
use std::io;

use oci_image::Digest;

use super::{Garbage, mark, sessions};
use crate::files::{Files, if_there};
use crate::layout::Layout;
use crate::lock::Lock;
use crate::partial;
use crate::{Error, ErrorKind, trace};

/// Collects the garbage of layouts whose blobs are in one directory, while no other handle writes to them.
pub(super) struct Collector<'a> {
    layouts: Vec<&'a Layout>,
    places: Vec<Place<'a>>,
}

/// A directory in which writers have something under way.
struct Place<'a> {
    files: &'a dyn Files,
    /// What a path in it is prefixed with in reports.
    prefix: String,
    _lock: Option<Lock>,
}

/// How a directory is locked: [`to_collect`], or [`Lock::read_only`].
type TakeLock = fn(&dyn Files) -> io::Result<Option<Lock>>;

pub(super) fn to_collect(files: &dyn Files) -> io::Result<Option<Lock>> {
    Lock::exclusive(files).map(Some)
}

/// What is to be removed: as it is reported, and where each file of a partial or of a dead writer is.
pub(super) struct Findings {
    pub(super) garbage: Garbage,
    files: Vec<(usize, String)>,
}

impl<'a> Collector<'a> {
    /// For a layout with blobs of its own.
    pub(super) fn alone(layout: &'a Layout, take_lock: TakeLock) -> Result<Self, Error> {
        if layout.shared_blobs().is_some() {
            let text = layout.about("cannot collect the garbage of");
            let advice = "other layouts may share its blobs: collect that of all of them by \
                          `Layout::collect_shared_garbage`";
            return Err(Error::because(ErrorKind::Shared, text, advice));
        }
        let place = Place::lock(layout.files(), String::new(), take_lock)
            .map_err(|error| locked(layout, error))?;
        Ok(Self { layouts: vec![layout], places: vec![place] })
    }

    /// For all layouts that share a directory of blobs.
    pub(super) fn together(layouts: &[&'a Layout], take_lock: TakeLock) -> Result<Self, Error> {
        let mut collector = Self { layouts: Vec::new(), places: Vec::new() };
        let Some(first) = layouts.first() else { return Ok(collector) };
        let directory = first.blobs().files().identity().map_err(|error| locked(first, error))?;
        // Each once, as a second flock of one process would wait for the first; in one order, by inode, as two collectors
        // that lock in different orders would wait for each other.
        let mut ordered = BTreeMap::new();
        for layout in layouts {
            let failed = |error| locked(layout, error);
            let refused = |reason: String| {
                let text = layout.about("cannot collect the garbage of");
                Err(Error::because(ErrorKind::Shared, text, reason))
            };
            if layout.shared_blobs().is_none() {
                return refused(
                    "its blobs are not shared: collect it by `Layout::collect_garbage`".into(),
                );
            }
            if layout.blobs().files().identity().map_err(failed)? != directory {
                let first = first.path().display();
                return refused(format!("it does not share the blobs of layout `{first}`"));
            }
            ordered.insert(layout.files().identity().map_err(failed)?, *layout);
        }
        for layout in ordered.into_values() {
            let prefix = format!("{}/", layout.path().display());
            let place = Place::lock(layout.files(), prefix, take_lock)
                .map_err(|error| locked(layout, error))?;
            collector.places.push(place);
            collector.layouts.push(layout);
        }
        if let Some(shared) = first.shared_blobs() {
            let prefix = format!("{}/", shared.display());
            let place = Place::lock(first.blobs().files(), prefix, take_lock);
            collector.places.push(place.map_err(|error| locked(first, error))?);
        }
        Ok(collector)
    }

    /// What nothing needs.
    pub(super) fn find(&self) -> Result<Findings, Error> {
        let mut findings = Findings { garbage: Garbage::default(), files: Vec::new() };
        let Some(first) = self.layouts.first() else { return Ok(findings) };
        let failed = |error| looked_for(first, error);
        let mut pinned = Vec::new();
        for (position, place) in self.places.iter().enumerate() {
            let sessions = sessions::survey(place.files).map_err(failed)?;
            pinned.extend(sessions.pinned);
            let unused = partial::survey(place.files).map_err(failed)?;
            for path in sessions.dead.iter().chain(&unused.leftovers) {
                if let Some(size) = size(place.files, path).map_err(failed)? {
                    findings.garbage.bytes += size;
                    findings.garbage.leftovers.push(format!("{}{path}", place.prefix));
                    findings.files.push((position, path.clone()));
                }
            }
            for (digest, paths) in unused.partials {
                findings.garbage.partials.push(digest);
                for path in paths {
                    findings.garbage.bytes +=
                        size(place.files, &path).map_err(failed)?.unwrap_or(0);
                    findings.files.push((position, path));
                }
            }
        }
        findings.garbage.blobs = unneeded(&self.layouts, &pinned)?;
        for digest in &findings.garbage.blobs {
            let size = size(first.blobs().files(), &first.blobs().path(digest));
            findings.garbage.bytes += size.map_err(failed)?.unwrap_or(0);
        }
        Ok(findings)
    }

    /// Removes what nothing needs.
    pub(super) fn collect(&self) -> Result<Garbage, Error> {
        let Findings { garbage, files } = self.find()?;
        let Some(first) = self.layouts.first() else { return Ok(garbage) };
        let failed = |error| Error::io(first.about("cannot collect the garbage of"), error);
        for layout in &self.layouts {
            layout.settle_index().map_err(failed)?;
        }
        // Removals are not synced: what a power cut brings back is garbage again.
        for digest in &garbage.blobs {
            if_there(first.blobs().remove(digest)).map_err(failed)?;
            trace::blob_removed(digest);
        }
        for (position, path) in files {
            if let Some(place) = self.places.get(position) {
                if_there(place.files.remove(&path)).map_err(failed)?;
            }
        }
        trace::garbage_collected(&garbage);
        Ok(garbage)
    }
}

impl<'a> Place<'a> {
    fn lock(files: &'a dyn Files, prefix: String, take_lock: TakeLock) -> io::Result<Self> {
        Ok(Self { files, prefix, _lock: take_lock(files)? })
    }
}

/// The blobs that neither an index nor a pin needs.
pub(crate) fn unneeded(layouts: &[&Layout], pinned: &[Digest]) -> Result<Vec<Digest>, Error> {
    let Some(first) = layouts.first() else { return Ok(Vec::new()) };
    let mut needed = HashSet::new();
    for layout in layouts {
        needed.extend(mark::needed(layout, pinned.to_vec())?);
    }
    let found = first.blobs().found().map_err(|error| looked_for(first, error))?;
    let count = found.blobs.len();
    let unneeded: Vec<_> =
        found.blobs.into_iter().filter(|digest| !needed.contains(digest)).collect();
    trace::garbage_found(unneeded.len(), count - unneeded.len());
    Ok(unneeded)
}

fn size(files: &dyn Files, path: &str) -> io::Result<Option<u64>> {
    let metadata = if_there(files.open(path).and_then(|file| file.metadata()))?;
    Ok(metadata.map(|metadata| metadata.len()))
}

fn locked(layout: &Layout, error: io::Error) -> Error {
    Error::io(layout.about("cannot lock"), error)
}

fn looked_for(layout: &Layout, error: io::Error) -> Error {
    Error::io(layout.about("cannot list the garbage of"), error)
}
