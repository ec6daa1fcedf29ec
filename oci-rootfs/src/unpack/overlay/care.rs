//! What becomes of the layers of a store in the course of time.

use std::collections::HashSet;
use std::fs;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use oci_image::Digest;

use super::mounts::Mounts;
use super::{LOCK, OverlayStore, identity, lease};
use crate::Root;

/// A layer in a store.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct StoredLayer {
    /// Its directory.
    pub path: PathBuf,
    /// The chain ID of the layers up to it.
    pub chain_id: Digest,
    /// What it was unpacked with, in words; empty if that is not known any more.
    pub options: String,
    /// The directory of the layer that it lies above, if it lies above one.
    pub below: Option<PathBuf>,
}

impl OverlayStore {
    /// All layers, by name.
    ///
    /// # Errors
    /// If the store cannot be read.
    pub fn layers(&self) -> io::Result<Vec<StoredLayer>> {
        let mut layers = Vec::new();
        for entry in fs::read_dir(&self.path)? {
            let path = entry?.path();
            let Some(chain_id) = name_of(&path).and_then(identity::chain_id) else { continue };
            let record = self.record(&path)?;
            let below =
                record.as_ref().and_then(|record| Some(self.path.join(record.below.as_ref()?)));
            let options = record.map(|record| record.options).unwrap_or_default();
            layers.push(StoredLayer { path, chain_id, options, below });
        }
        layers.sort_by(|left, right| left.path.cmp(&right.path));
        Ok(layers)
    }

    /// The layers that do not have the files any more that they were unpacked with: names, types, sizes,
    /// owners, modes, times, links and attributes are compared. What is in the files is not read.
    ///
    /// # Errors
    /// If the store cannot be read.
    pub fn verify(&self) -> io::Result<Vec<StoredLayer>> {
        let mut damaged = Vec::new();
        for layer in self.layers()? {
            // One that is removed meanwhile is not damaged.
            let Some(_lease) = lease::share(&layer.path)? else { continue };
            if !self.is_whole(&layer.path)? {
                damaged.push(layer);
            }
        }
        Ok(damaged)
    }

    /// Removes layers that are damaged, with those above them, so that they are unpacked anew when they
    /// are asked for. Those in use stay. Gives the layers that were removed.
    ///
    /// # Errors
    /// If the store cannot be read or changed.
    pub fn repair(&self) -> io::Result<Vec<StoredLayer>> {
        let damaged: HashSet<_> = self.verify()?.into_iter().map(|layer| layer.path).collect();
        let all = self.layers()?;
        let is_above =
            |layer: &StoredLayer| chain(&all, layer).any(|it| damaged.contains(&it.path));
        self.remove_unless(&all, |layer| !is_above(layer))
    }

    /// Removes all layers but those that `keep` names, that are mounted, or that an
    /// [`OverlayStack`](super::OverlayStack) of any process has, with the layers below them; and what
    /// interrupted processes left. Gives the layers that were removed.
    ///
    /// Mounts are seen in the mount namespaces of all processes that this one may look at: of all for
    /// root. One whose layers are named by descriptors keeps all layers.
    ///
    /// # Errors
    /// If the store cannot be read or changed.
    pub fn prune(&self, keep: impl Fn(&StoredLayer) -> bool) -> io::Result<Vec<StoredLayer>> {
        let removed = self.remove_unless(&self.layers()?, keep)?;
        for entry in fs::read_dir(&self.path)? {
            let path = entry?.path();
            let Some(name) = name_of(&path).and_then(|name| name.strip_prefix('.')) else {
                continue;
            };
            if name.ends_with(".gone") {
                remove_tree(&path)?;
            } else if let Some(name) = name.strip_suffix(".new")
                && let Some(_lock) = lease::try_lock(&self.lock_of(&self.path.join(name)))?
            {
                remove_tree(&path)?;
            }
        }
        self.remove_records()?;
        Ok(removed)
    }

    /// Removes what is known of layers that are not there.
    fn remove_records(&self) -> io::Result<()> {
        for entry in fs::read_dir(&self.records)? {
            let path = entry?.path();
            let Some(name) = name_of(&path) else { continue };
            let layer = self.path.join(name.strip_suffix(LOCK).unwrap_or(name));
            let lock = self.lock_of(&layer);
            if let Some(_lock) = lease::try_lock(&lock)?
                && !layer.exists()
            {
                remove_file(&self.record_of(&layer))?;
                // Last: whoever finds none makes another.
                remove_file(&lock)?;
            }
        }
        Ok(())
    }

    fn remove_unless(
        &self,
        all: &[StoredLayer],
        keep: impl Fn(&StoredLayer) -> bool,
    ) -> io::Result<Vec<StoredLayer>> {
        let mounts = Mounts::read()?;
        let is_mounted =
            |layer: &StoredLayer| name_of(&layer.path).is_none_or(|name| mounts.may_have(name));
        let mut kept = HashSet::new();
        for layer in all.iter().filter(|layer| keep(layer) || is_mounted(layer)) {
            kept.extend(chain(all, layer).map(|it| it.path.clone()));
        }
        // Those above others first: what lies above one in use may go, what lies below one may not.
        let mut rest: Vec<_> = all.iter().filter(|layer| !kept.contains(&layer.path)).collect();
        rest.sort_by_key(|layer| std::cmp::Reverse(chain(all, layer).count()));
        let mut removed = Vec::new();
        for layer in rest {
            if kept.contains(&layer.path) {
                continue;
            }
            match self.try_remove(&layer.path)? {
                true => removed.push(layer.clone()),
                false => kept.extend(chain(all, layer).map(|it| it.path.clone())),
            }
        }
        Ok(removed)
    }

    /// Removes a layer that is not mounted; whether nobody else uses it.
    fn try_remove(&self, path: &Path) -> io::Result<bool> {
        let Some(_lock) = lease::try_alone(path)? else { return Ok(!path.exists()) };
        // First: once the layer is gone, it may be that of a new one.
        remove_file(&self.record_of(path))?;
        // All of it goes at once, by a name that no other process uses.
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos();
        let name = name_of(path).unwrap_or_default();
        let gone = self.path.join(format!(".{name}.{}.{now}.gone", std::process::id()));
        fs::rename(path, &gone)?;
        remove_tree(&gone)?;
        Ok(true)
    }

    /// Removes a damaged layer, for which others that look at it too are waited for.
    pub(super) fn discard(&self, path: &Path) -> io::Result<()> {
        let name = name_of(path).unwrap_or_default();
        for _ in 0..PATIENCE {
            if !Mounts::read()?.may_have(name) && self.try_remove(path)? {
                return Ok(());
            }
            std::thread::sleep(std::time::Duration::from_millis(10));
        }
        let text = "it is damaged, and in use, so it cannot be unpacked anew";
        Err(io::Error::new(ErrorKind::ResourceBusy, text))
    }
}

/// How many hundredths of a second are spent on waiting for those that use a damaged layer.
const PATIENCE: usize = 300;

/// A layer and those below it.
fn chain<'a>(
    all: &'a [StoredLayer],
    layer: &'a StoredLayer,
) -> impl Iterator<Item = &'a StoredLayer> {
    let below = move |layer: &&'a StoredLayer| {
        let below = layer.below.as_ref()?;
        all.iter().find(|it| it.path == *below)
    };
    // A record that was changed by hand may lead in a circle.
    std::iter::successors(Some(layer), below).take(all.len())
}

fn name_of(path: &Path) -> Option<&str> {
    path.file_name()?.to_str()
}

fn remove_tree(path: &Path) -> io::Result<()> {
    unless_missing(Root::open(path).and_then(|root| {
        root.empty()?;
        // What was being made when a process was interrupted has a mark.
        root.end()?;
        fs::remove_dir(path)
    }))
}

fn remove_file(path: &Path) -> io::Result<()> {
    unless_missing(fs::remove_file(path))
}

/// Another process may have removed it.
fn unless_missing(removed: io::Result<()>) -> io::Result<()> {
    match removed {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}
