//! Images as stacks of directories that the kernel's overlay filesystem merges.

mod care;
mod identity;
mod lease;
mod mounts;
mod record;
mod stack;

use std::fs::{self, DirBuilder, File, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use oci_image::blob::{BlobSource, Durability};
use oci_image::layer::Overlay;
use oci_image::{Descriptor, Digest, Document, Manifest};

use super::apply::Applier;
use super::error::{Reason, UnpackError};
use super::lower::{Lower, is_marked};
use super::{Step, UnpackOptions, Unpacked};
use lease::Lease;
use record::Record;

use crate::trace;

pub use care::StoredLayer;
pub use stack::{HeldLayers, OverlayStack};

/// A directory of unpacked layers, each there once, which many images and processes share.
///
/// A layer is named by its chain ID, as what it holds depends on what is below it: directories that it
/// changes something in, without an entry of their own, are as they are there. Owners, devices, extended
/// attributes and whatever else in [`UnpackOptions`] changes its files are a part of its name, too. It
/// appears whole or not at all: what an interrupted process leaves is replaced by the next one. One that
/// is used again is compared with what was unpacked, and if it is damaged unpacked anew.
///
/// Its layers are one filesystem: a hard link to a file that another layer has is one more name of it.
///
/// Nothing may be changed in it by other means. [`prune`](Self::prune) removes what nobody uses.
#[derive(Clone, Debug)]
pub struct OverlayStore {
    path: PathBuf,
    /// Where there is a file for each layer with what it must be like.
    records: PathBuf,
    overlay: Overlay,
    durability: Durability,
}

/// The name of the directory for images without layers.
const NO_LAYERS: &str = "no-layers";

/// What the name of a file ends with that is locked while a layer is made.
const LOCK: &str = ".lock";

impl OverlayStore {
    /// Opens a store of layers in this form, and makes the directory if there is none, of mode
    /// 0700: layers hold set-user-ID programs, which other users could run otherwise.
    ///
    /// # Errors
    /// If it cannot be made.
    pub fn create(path: impl AsRef<Path>, overlay: Overlay) -> io::Result<Self> {
        let name = match overlay {
            Overlay::Trusted => "trusted",
            Overlay::User => "user",
        };
        let records = path.as_ref().join(format!("{name}.records"));
        DirBuilder::new().recursive(true).mode(0o700).create(&records)?;
        let path = path.as_ref().join(name);
        DirBuilder::new().recursive(true).mode(0o700).create(&path)?;
        // Mounts need it, and a process may change its directory.
        let path = path.canonicalize()?;
        let records = records.canonicalize()?;
        Ok(Self { path, records, overlay, durability: Durability::Synced })
    }

    /// What is guaranteed of a layer in the store.
    #[must_use]
    pub fn durability(self, durability: Durability) -> Self {
        Self { durability, ..self }
    }

    /// Unpacks those layers of an image that are not there yet.
    ///
    /// Each is checked as it streams, its blob against the manifest and its content against the
    /// config's diff ID.
    ///
    /// # Errors
    /// If the image or a layer is refused, or if the filesystem cannot hold what is in it.
    pub fn unpack(
        &self,
        source: &(impl BlobSource + ?Sized),
        manifest: &Document<Manifest>,
        options: &UnpackOptions,
    ) -> Result<OverlayStack, UnpackError> {
        let config = super::config(source, manifest)?;
        let layers = super::layers(manifest, &config)?;
        let count = layers.len();
        let mut stack = Vec::with_capacity(count);
        let mut leases = Vec::with_capacity(count);
        let mut unpacked = Unpacked::default();
        for (layer, chain_id) in layers.into_iter().zip(config.rootfs.chain_ids()) {
            let (blob, number) = (layer.0, stack.len() + 1);
            if let Some(progress) = &options.progress {
                progress.tell(Step::Layer { number, count, blob });
            }
            let digest = || blob.digest.clone();
            trace::layer_begun(number, count, blob);
            let (path, lease, more) = self
                .layer(source, layer, &chain_id, &stack, options)
                .map_err(|source| Reason::Layer { number, count, digest: digest(), source })?;
            unpacked += more;
            trace::layer_ended(number, count, &unpacked);
            stack.push(path);
            leases.push(lease);
        }
        if stack.is_empty() {
            let failed = |source| {
                let path = self.path.display().to_string();
                Reason::Store { action: "make an empty layer in", path, source }
            };
            let (path, lease) = self.no_layers().map_err(failed)?;
            stack.push(path);
            leases.push(lease);
        }
        let hidden = self.hidden(&stack)?;
        let (layers, leases) = (stack.into_iter().skip(hidden), leases.into_iter().skip(hidden));
        Ok(OverlayStack {
            layers: layers.rev().collect(),
            leases: leases.rev().collect(),
            overlay: self.overlay,
            unpacked,
        })
    }

    /// What an image without layers is mounted from: the kernel makes no overlay of no lower directory.
    fn no_layers(&self) -> io::Result<(PathBuf, Lease)> {
        let path = self.path.join(NO_LAYERS);
        fs::create_dir_all(&path)?;
        fs::set_permissions(&path, Permissions::from_mode(0o755))?;
        File::open(&path)?.set_modified(SystemTime::UNIX_EPOCH)?;
        let lease = lease::share(&path)?.ok_or(io::ErrorKind::NotFound)?;
        Ok((path, lease))
    }

    /// A layer's directory, which is made if there is none, and what keeps it from being removed.
    fn layer(
        &self,
        source: &(impl BlobSource + ?Sized),
        layer: (&Descriptor, &Digest),
        chain_id: &Digest,
        below: &[PathBuf],
        options: &UnpackOptions,
    ) -> Result<(PathBuf, Lease, Unpacked), UnpackError> {
        let text = identity::text(options);
        let name = identity::name(chain_id, &text);
        let (path, new) = (self.path.join(&name), self.path.join(format!(".{name}.new")));
        let failed = |action, path: &Path| {
            let path = path.display().to_string();
            move |source| Reason::Store { action, path, source }
        };
        loop {
            if let Some(lease) = lease::share(&path).map_err(failed("lock", &path))? {
                if self.is_whole(&path).map_err(failed("verify", &path))? {
                    trace::layer_reused(&path);
                    return Ok((path, lease, Unpacked::default()));
                }
                drop(lease);
                self.discard(&path).map_err(failed("replace", &path))?;
            }
            let lock = self.lock_of(&path);
            let lock = lease::lock(&lock).map_err(failed("lock", &lock))?;
            if path.exists() {
                // Another process has made it just before.
                continue;
            }
            let unpacked = self.fill(source, layer, &new, below, options)?;
            let below = below.last().map(PathBuf::as_path);
            let record = Record::of(&new, below, &text).map_err(failed("list", &new))?;
            // Before the layer appears, so that none is there without.
            record.write(&self.record_of(&path)).map_err(failed("record", &path))?;
            self.sync(&new).map_err(failed("sync", &new))?;
            fs::rename(&new, &path).map_err(failed("rename", &new))?;
            self.sync_names().map_err(failed("sync", &self.path))?;
            drop(lock);
            if let Some(lease) = lease::share(&path).map_err(failed("lock", &path))? {
                return Ok((path, lease, unpacked));
            }
        }
    }

    fn fill(
        &self,
        source: &(impl BlobSource + ?Sized),
        layer: (&Descriptor, &Digest),
        path: &Path,
        below: &[PathBuf],
        options: &UnpackOptions,
    ) -> Result<Unpacked, UnpackError> {
        let root = super::open(path)?;
        let failed = super::root_failed(&root);
        // What another process has left.
        root.empty().map_err(&failed)?;
        let layers: Result<_, _> = below.iter().rev().map(|path| super::open(path)).collect();
        let mut applier = Applier::new(&root, options)?;
        applier.begin_overlay(Lower { layers: layers?, overlay: self.overlay })?;
        root.begin(&format!("unpacking `{}`", layer.0.digest)).map_err(&failed)?;
        super::stream::apply_one(source, layer, &mut applier, options)?;
        applier.finish()
    }

    /// Makes a layer and its record durable, which are on one filesystem.
    fn sync(&self, layer: &Path) -> io::Result<()> {
        match self.durability {
            Durability::Relaxed => Ok(()),
            _ => Ok(rustix::fs::syncfs(File::open(layer)?)?),
        }
    }

    fn sync_names(&self) -> io::Result<()> {
        match self.durability {
            Durability::Relaxed => Ok(()),
            _ => sync_names(File::open(&self.path)?),
        }
    }

    fn record_of(&self, layer: &Path) -> PathBuf {
        self.records.join(layer.file_name().unwrap_or_default())
    }

    /// The file that is locked while a layer is made.
    fn lock_of(&self, layer: &Path) -> PathBuf {
        let mut name = layer.file_name().unwrap_or_default().to_owned();
        name.push(LOCK);
        self.records.join(name)
    }

    fn record(&self, layer: &Path) -> io::Result<Option<Record>> {
        Record::read(&self.record_of(layer))
    }

    /// Whether a layer has the files that it was unpacked with.
    fn is_whole(&self, layer: &Path) -> io::Result<bool> {
        match self.record(layer)? {
            Some(record) => record.is_true_of(layer),
            None => Ok(false),
        }
    }

    /// How many layers, the base first, lie below one that hides all below it, which a mount would not
    /// see at a root.
    fn hidden(&self, stack: &[PathBuf]) -> Result<usize, UnpackError> {
        for (index, path) in stack.iter().enumerate().rev() {
            let root = super::open(path)?;
            let hides = root
                .physical_directory(b"")
                .and_then(|directory| is_marked(&directory, self.overlay))
                .map_err(|error| super::root_failed(&root)(error.into()))?;
            if hides {
                return Ok(index);
            }
        }
        Ok(0)
    }
}

/// Makes the names in a directory durable.
fn sync_names(directory: File) -> io::Result<()> {
    rustix::fs::fsync(&directory)?;
    // An XFS that shuts down meanwhile may let fsync succeed; fstat fails then.
    rustix::fs::fstat(&directory)?;
    Ok(())
}
