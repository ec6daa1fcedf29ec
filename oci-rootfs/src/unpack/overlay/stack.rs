//! Layers, ready to be mounted.

use std::ffi::OsString;
use std::fs;
use std::io;
use std::os::fd::AsFd;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use oci_image::layer::{EntryPath, Overlay};
use rustix::fs::fstat;

use super::super::Unpacked;
use super::super::lower::{Found, Lower};
use super::lease::Lease;
use crate::Root;
use crate::root::{Target, number};

/// The layers of an image as directories, ready to be mounted.
///
/// While a copy of it is there, [`OverlayStore::prune`](super::OverlayStore::prune) leaves them alone;
/// so it is to be kept until they are mounted.
#[derive(Clone, Debug)]
pub struct OverlayStack {
    pub(super) layers: Vec<PathBuf>,
    /// The directories, open and locked.
    pub(super) leases: Arc<[Lease]>,
    pub(super) overlay: Overlay,
    pub(super) unpacked: Unpacked,
}

impl OverlayStack {
    /// The layers, the top one first, as the option `lowerdir` lists them.
    pub fn layers(&self) -> &[PathBuf] {
        &self.layers
    }

    /// What was unpacked; layers that were there already do not count.
    pub fn unpacked(&self) -> &Unpacked {
        &self.unpacked
    }

    /// The options to mount the image with: `mount -t overlay -o OPTIONS overlay DIRECTORY`.
    ///
    /// What is changed goes to `upper` ([`create_upper`](Self::create_upper)), and `work` is an empty
    /// directory on the same filesystem.
    ///
    /// The kernel takes 4,095 bytes of options by this way, which is enough for some thirty layers;
    /// [`hold`](Self::hold) is for more.
    pub fn options(&self, upper: &Path, work: &Path) -> OsString {
        let layers = self.layers.iter().map(|layer| escape(layer));
        writable(self.overlay, layers, upper, work)
    }

    /// Makes the directory that what is changed goes to, if there is none, with the attributes of the
    /// image's root: those of an overlay's root are its.
    ///
    /// # Errors
    /// If it cannot be made, or given these attributes.
    pub fn create_upper(&self, upper: &Path) -> io::Result<()> {
        match fs::create_dir(upper) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => return Ok(()),
            result => result?,
        }
        let layers = self.layers.iter().take(1).map(Root::open).collect::<io::Result<_>>()?;
        let lower = Lower { layers, overlay: self.overlay };
        if let Some(Found::Directory(attributes)) = lower.look(&EntryPath::ROOT)? {
            let upper = Root::open(upper)?;
            let (target, stat) = (Target::open(&upper), fstat(&upper)?);
            attributes.apply(&upper, target, &stat, true).map_err(|(_, error)| error)?;
        }
        Ok(())
    }

    /// The layers, of which there may be more than [`options`](Self::options) can name, as descriptors.
    pub fn hold(&self) -> HeldLayers {
        HeldLayers { layers: Arc::clone(&self.leases), overlay: self.overlay }
    }

    /// The options to mount the image with, so that nothing can be changed in it.
    ///
    /// One layer alone cannot be mounted so; an empty directory is put below it.
    ///
    /// # Errors
    /// If that directory cannot be made.
    pub fn read_only_options(&self) -> io::Result<OsString> {
        let mut layers: Vec<_> = self.layers.iter().map(|layer| escape(layer)).collect();
        if let [only] = self.layers.as_slice() {
            let empty = only.with_file_name("empty");
            fs::create_dir_all(&empty)?;
            layers.push(escape(&empty));
        }
        Ok(lower(self.overlay, layers))
    }
}

/// The layers of an image, held open to be mounted.
#[derive(Clone, Debug)]
pub struct HeldLayers {
    layers: Arc<[Lease]>,
    overlay: Overlay,
}

impl HeldLayers {
    /// The options to mount the image with, as [`OverlayStack::options`], by the numbers of the
    /// descriptors: this process alone can use them, while this is held.
    ///
    /// The kernel takes enough for some two hundred layers.
    pub fn options(&self, upper: &Path, work: &Path) -> OsString {
        let path = |layer: &Lease| format!("/proc/self/fd/{}", number(layer.as_fd())).into();
        writable(self.overlay, self.layers.iter().map(path), upper, work)
    }
}

fn writable(
    overlay: Overlay,
    layers: impl IntoIterator<Item = OsString>,
    upper: &Path,
    work: &Path,
) -> OsString {
    let mut options = lower(overlay, layers);
    for (key, path) in [(",upperdir=", upper), (",workdir=", work)] {
        options.push(key);
        options.push(escape(path));
    }
    options
}

fn lower(overlay: Overlay, layers: impl IntoIterator<Item = OsString>) -> OsString {
    let mut options = OsString::from("lowerdir=");
    for (index, layer) in layers.into_iter().enumerate() {
        if index > 0 {
            options.push(":");
        }
        options.push(layer);
    }
    // Directories of layers were never those of an overlay, and lead nowhere else.
    options.push(match overlay {
        Overlay::Trusted => ",redirect_dir=nofollow,metacopy=off",
        Overlay::User => ",userxattr",
    });
    options
}

/// Escapes what separates options and paths.
fn escape(path: &Path) -> OsString {
    let mut escaped = Vec::new();
    for byte in path.as_os_str().as_bytes() {
        if matches!(byte, b'\\' | b':' | b',') {
            escaped.push(b'\\');
        }
        escaped.push(*byte);
    }
    OsString::from_vec(escaped)
}
