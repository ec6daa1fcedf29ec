//! Images as stacks of directories that the kernel's overlay filesystem merges.

mod stack;

use std::fs::{self, DirBuilder, File};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};

use oci_image::blob::BlobSource;
use oci_image::layer::Overlay;
use oci_image::{Descriptor, Digest, Document, Manifest};
use rustix::fs::{FlockOperation, flock};
use rustix::io::retry_on_intr;

use super::apply::Applier;
use super::error::{Reason, UnpackError};
use super::lower::{Lower, is_marked};
use super::{Step, UnpackOptions, Unpacked};

use crate::trace;

pub use stack::{HeldLayers, OverlayStack};

/// What is guaranteed of a layer in the store.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Durability {
    /// It survives a power cut.
    #[default]
    Synced,
    /// It survives the process alone. A power cut may leave files without content.
    Relaxed,
}

/// A directory of unpacked layers, each there once, which many images and processes share.
///
/// A layer is named by its chain ID, as what it holds depends on what is below it: directories that it
/// changes something in, without an entry of their own, are as they are there. It appears whole or not
/// at all: what an interrupted process leaves is replaced by the next one.
///
/// Its layers are one filesystem: a hard link to a file that another layer has is one more name of it.
///
/// All that is unpacked to it must be unpacked with the same owners, devices and extended attributes.
/// Nothing may be changed in it, and nothing removed while it is mounted.
#[derive(Clone, Debug)]
pub struct OverlayStore {
    path: PathBuf,
    overlay: Overlay,
    durability: Durability,
}

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
        let path = path.as_ref().join(name);
        DirBuilder::new().recursive(true).mode(0o700).create(&path)?;
        // Mounts need it, and a process may change its directory.
        let path = path.canonicalize()?;
        Ok(Self { path, overlay, durability: Durability::Synced })
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
        let mut unpacked = Unpacked::default();
        for (layer, chain_id) in layers.into_iter().zip(config.rootfs.chain_ids()) {
            let (blob, number) = (layer.0, stack.len() + 1);
            if let Some(progress) = &options.progress {
                progress.tell(Step::Layer { number, count, blob });
            }
            let digest = || blob.digest.clone();
            trace::layer_begun(number, count, blob);
            let (path, more) = self
                .layer(source, layer, &chain_id, &stack, options)
                .map_err(|source| Reason::Layer { number, count, digest: digest(), source })?;
            unpacked += more;
            trace::layer_ended(number, count, &unpacked);
            stack.push(path);
        }
        stack.reverse();
        Ok(OverlayStack { layers: self.visible(stack)?, overlay: self.overlay, unpacked })
    }

    /// A layer's directory, which is made if it does not exist.
    fn layer(
        &self,
        source: &(impl BlobSource + ?Sized),
        layer: (&Descriptor, &Digest),
        chain_id: &Digest,
        below: &[PathBuf],
        options: &UnpackOptions,
    ) -> Result<(PathBuf, Unpacked), UnpackError> {
        let name = format!("{}-{}", chain_id.algorithm_name(), chain_id.encoded());
        let (path, new) = (self.path.join(&name), self.path.join(format!(".{name}.new")));
        let failed = |action, path: &Path| {
            let path = path.display().to_string();
            move |source| Reason::Store { action, path, source }
        };
        loop {
            if path.exists() {
                trace::layer_reused(&path);
                return Ok((path, Unpacked::default()));
            }
            match lock(&new).map_err(failed("lock", &new))? {
                None => {}
                // Another process may have made it just before.
                Some(_) if path.exists() => fs::remove_dir(&new).map_err(failed("remove", &new))?,
                Some(_lock) => {
                    let unpacked = self.fill(source, layer, &new, below, options)?;
                    fs::rename(&new, &path).map_err(failed("rename", &new))?;
                    if self.durability == Durability::Synced {
                        let directory = File::open(&self.path);
                        directory.and_then(sync_names).map_err(failed("sync", &self.path))?;
                    }
                    return Ok((path, unpacked));
                }
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
        let unpacked = applier.finish()?;
        if self.durability == Durability::Synced {
            rustix::fs::syncfs(&root).map_err(|error| failed(error.into()))?;
        }
        Ok(unpacked)
    }

    /// The layers down to one that hides all below it, which a mount would not see at a root.
    fn visible(&self, mut stack: Vec<PathBuf>) -> Result<Vec<PathBuf>, UnpackError> {
        for (index, path) in stack.iter().enumerate() {
            let root = super::open(path)?;
            let hides = root
                .physical_directory(b"")
                .and_then(|directory| is_marked(&directory, self.overlay))
                .map_err(|error| super::root_failed(&root)(error.into()))?;
            if hides {
                stack.truncate(index + 1);
                break;
            }
        }
        Ok(stack)
    }
}

/// Makes the names in a directory durable.
fn sync_names(directory: File) -> io::Result<()> {
    rustix::fs::fsync(&directory)?;
    // An XFS that shuts down meanwhile may let fsync succeed; fstat fails then.
    rustix::fs::fstat(&directory)?;
    Ok(())
}

/// Makes a directory, and holds it until what is returned is dropped; `None` if it was removed meanwhile.
fn lock(path: &Path) -> io::Result<Option<File>> {
    match fs::create_dir(path) {
        Err(error) if error.kind() != ErrorKind::AlreadyExists => return Err(error),
        _ => {}
    }
    let directory = match File::open(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        result => result?,
    };
    retry_on_intr(|| flock(&directory, FlockOperation::LockExclusive))?;
    let held = directory.metadata()?;
    let is_there =
        fs::metadata(path).is_ok_and(|it| (it.dev(), it.ino()) == (held.dev(), held.ino()));
    Ok(is_there.then_some(directory))
}
