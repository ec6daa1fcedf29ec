//! Bundles: what a runtime makes a container from.

use std::fs::DirBuilder;
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use oci_image::blob::BlobSource;
use oci_image::{Config, Document, Manifest};

use crate::unpack::{self, UnpackError, UnpackOptions, Unpacked};

/// The directory that runtimes look for the root filesystem in, if their config says nothing else.
const ROOTFS: &str = "rootfs";

/// Unpacks an image to `rootfs` in the directory `path`, which is made with mode 0700 if it does not exist:
/// images hold set-user-ID programs, which other users could run otherwise.
///
/// # Errors
/// Those of [`unpack`](unpack::unpack), and if the directory cannot be made.
pub fn unpack_bundle(
    source: &(impl BlobSource + ?Sized),
    manifest: &Document<Manifest>,
    path: impl Into<PathBuf>,
    options: &UnpackOptions,
) -> Result<UnpackedBundle, UnpackError> {
    let path = path.into();
    let config = unpack::config(source, manifest)?;
    match DirBuilder::new().mode(0o700).create(&path) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
            return Err(UnpackError::bundle(&path, error));
        }
        _ => {}
    }
    let rootfs = path.join(ROOTFS);
    let unpacked = unpack::unpack_layers(source, manifest, &config, &rootfs, options)?;
    Ok(UnpackedBundle { path, config, unpacked })
}

/// A bundle whose root filesystem is there, and whose `config.json` is still to be written.
///
/// Here unpacking ends. What the `config.json` says follows from the image's ([`config`](Self::config))
/// and from what a runtime can do: `oci_runtime::Bundle::from_image` takes both the config and
/// [`path`](Self::path), and its `write` writes the file.
#[derive(Debug)]
pub struct UnpackedBundle {
    path: PathBuf,
    config: Document<Config>,
    unpacked: Unpacked,
}

impl UnpackedBundle {
    /// The directory.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The root filesystem.
    pub fn rootfs(&self) -> PathBuf {
        self.path.join(ROOTFS)
    }

    /// The image's config.
    pub fn config(&self) -> &Document<Config> {
        &self.config
    }

    /// What was unpacked.
    pub fn unpacked(&self) -> &Unpacked {
        &self.unpacked
    }
}

impl AsRef<Path> for UnpackedBundle {
    fn as_ref(&self) -> &Path {
        &self.path
    }
}
