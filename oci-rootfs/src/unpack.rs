//! From the layers of an image to a tree of files.

mod apply;
mod directories;
mod error;
mod fold;
mod form;
mod lower;
mod options;
mod overlay;
mod owner;
mod parents;
mod sparse;
mod stream;
mod upper;
mod view;

use std::io::{self, Read};
use std::path::Path;

use oci_image::blob::{BlobSource, BlobSourceExt};
use oci_image::layer::Decoder;
use oci_image::{Config, Descriptor, Digest, Document, Manifest};

pub use error::{UnpackError, UnpackErrorKind};
pub use oci_image::blob::Durability;
pub use options::{Devices, UnpackOptions, Xattrs};
pub use overlay::{HeldLayers, OverlayStack, OverlayStore, StoredLayer};
pub use owner::{IdRange, Owners};

pub use crate::owner_xattr::OwnerXattr;
pub use crate::progress::{Progress, Step};

use crate::Root;
use crate::progress::CountedRead;
use crate::trace;
use apply::Applier;
use error::Reason;

/// What was unpacked.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Unpacked {
    /// The number of changes that the layers make.
    pub changes: u64,
    /// The number of bytes written to files.
    pub bytes: u64,
    /// The number of devices that were not made, as [`Devices`] says.
    pub devices_left_out: u64,
    /// The number of extended attributes that could not be set ([`Xattrs::WherePossible`]).
    pub xattrs_left_out: u64,
}

impl std::ops::AddAssign for Unpacked {
    fn add_assign(&mut self, more: Self) {
        self.changes += more.changes;
        self.bytes += more.bytes;
        self.devices_left_out += more.devices_left_out;
        self.xattrs_left_out += more.xattrs_left_out;
    }
}

/// Unpacks an image: applies its layers in their order to an empty directory.
///
/// Each layer is checked as it streams, its blob against the manifest and its content against the
/// config's diff ID. Nothing is made, changed or read outside `root`, whatever the layers hold and
/// even while others change the tree.
///
/// `root` is made if it does not exist. While this works, and if it fails, the tree is marked
/// ([`Root::incomplete`]); a tree so marked is emptied first, so that unpacking can be repeated.
///
/// If no layer has an entry for the root, it keeps its mode and owner, and its time is the epoch. With
/// [`Owners::Mapped`] it belongs to the one that stands for root.
///
/// # Errors
/// If the directory is not empty, the image or a layer is refused, or the filesystem cannot hold
/// what is in it.
pub fn unpack(
    source: &(impl BlobSource + ?Sized),
    manifest: &Document<Manifest>,
    root: impl AsRef<Path>,
    options: &UnpackOptions,
) -> Result<Unpacked, UnpackError> {
    let config = config(source, manifest)?;
    unpack_layers(source, manifest, &config, root.as_ref(), options)
}

/// Applies one layer to a tree; the caller ensures that it is the tree of the layers below.
///
/// The blob is checked against its descriptor and the content against `diff_id` as it streams.
///
/// While this works, and if it fails, the tree is marked ([`Root::incomplete`]). Nothing but the same
/// layer can be applied to it then, which repeats it from the beginning.
///
/// # Errors
/// If the tree is marked by something else, the layer is refused, or the filesystem cannot hold what
/// is in it.
pub fn apply_layer(
    source: &(impl BlobSource + ?Sized),
    blob: &Descriptor,
    diff_id: &Digest,
    root: &Root,
    options: &UnpackOptions,
) -> Result<Unpacked, UnpackError> {
    let mut applier = begin_layer(root, &format!("applying `{}`", blob.digest), options)?;
    stream::apply_one(source, (blob, diff_id), &mut applier, options)?;
    applier.finish()
}

/// Applies one layer that has neither digest nor diff ID to a tree, and returns its diff ID.
///
/// The first bytes say how it is compressed. Otherwise as [`apply_layer`].
///
/// # Errors
/// As [`apply_layer`].
pub fn apply_stream(
    stream: impl Read + Send,
    root: &Root,
    options: &UnpackOptions,
) -> Result<(Digest, Unpacked), UnpackError> {
    let mut applier = begin_layer(root, "applying a layer", options)?;
    let stream = CountedRead { reader: stream, progress: options.progress.clone() };
    let decoder = Decoder::detect(stream, &options.limits)?;
    let diff_id = stream::drain(decoder, &mut applier, options)?;
    Ok((diff_id, applier.finish()?))
}

fn begin_layer<'a>(
    root: &'a Root,
    what: &str,
    options: &'a UnpackOptions,
) -> Result<Applier<'a>, UnpackError> {
    let failed = root_failed(root);
    let interrupted = root.incomplete().map_err(&failed)?;
    if let Some(interrupted) = interrupted.filter(|interrupted| interrupted != what) {
        let path = root.path().display().to_string();
        return Err(Reason::Incomplete { path, what: interrupted }.into());
    }
    let mut applier = Applier::new(root, options)?;
    if !root.is_empty().map_err(&failed)? {
        applier.begin_above();
    }
    root.begin(what).map_err(&failed)?;
    Ok(applier)
}

pub(crate) fn unpack_layers(
    source: &(impl BlobSource + ?Sized),
    manifest: &Document<Manifest>,
    config: &Config,
    root: &Path,
    options: &UnpackOptions,
) -> Result<Unpacked, UnpackError> {
    let layers = layers(manifest, config)?;
    let root = open(root)?;
    trace::root_opened(root.path(), root.resolver());
    let failed = root_failed(&root);
    if let Some(what) = root.incomplete().map_err(&failed)? {
        trace::tree_emptied(root.path(), &what);
        root.empty().map_err(&failed)?;
    } else if !root.is_empty().map_err(&failed)? {
        return Err(Reason::NotEmpty { path: root.path().display().to_string() }.into());
    }
    let mut applier = Applier::new(&root, options)?;
    applier.begin_new()?;
    root.begin(&format!("unpacking `{}`", manifest.descriptor().digest)).map_err(&failed)?;
    stream::apply_all(source, &layers, &mut applier, options)?;
    applier.finish()
}

/// The image's config.
pub(crate) fn config(
    source: &(impl BlobSource + ?Sized),
    manifest: &Document<Manifest>,
) -> Result<Document<Config>, UnpackError> {
    let digest = || manifest.config.digest.clone();
    source
        .document(&manifest.config)
        .map_err(|source| Reason::Config { digest: digest(), source }.into())
}

/// The layers and their diff IDs, the base first.
fn layers<'a>(
    manifest: &'a Manifest,
    config: &'a Config,
) -> Result<Vec<(&'a Descriptor, &'a Digest)>, UnpackError> {
    let rootfs = &config.rootfs;
    if rootfs.r#type != "layers" {
        return Err(Reason::RootFsType { found: rootfs.r#type.clone() }.into());
    }
    let (layers, diff_ids) = (manifest.layers.len(), rootfs.diff_ids.len());
    if layers != diff_ids {
        return Err(Reason::DiffIdCount { layers, diff_ids }.into());
    }
    Ok(manifest.layers.iter().zip(&rootfs.diff_ids).collect())
}

fn open(path: &Path) -> Result<Root, UnpackError> {
    Root::create(path)
        .map_err(|source| Reason::Root { path: path.display().to_string(), source }.into())
}

fn root_failed(root: &Root) -> impl Fn(io::Error) -> Reason {
    let path = root.path().display().to_string();
    move |source| Reason::Root { path: path.clone(), source }
}
