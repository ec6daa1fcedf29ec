//! From trees of files to layers.

mod below;
mod changes;
mod content;
mod directory;
mod entry;
mod error;
mod listing;
mod node;
mod options;
mod overlay;
mod snapshot;
mod walk;
mod xattr;

use std::io::{self, BufWriter, Read, Seek, SeekFrom, Write};
use std::path::Path;

use oci_image::Descriptor;
use oci_image::blob::BlobSink;
use oci_image::build::Layer;
use oci_image::layer::Writer;
use tempfile::SpooledTempFile;

pub(crate) use listing::listing;

pub use error::{PackError, PackErrorKind};
pub use options::{Compare, PackOptions};
pub use snapshot::Snapshot;

use crate::Root;
use below::{Below, groups};
use changes::Changes;
use error::Reason;
use overlay::Layers;

/// How much of a layer is kept in memory, in bytes, before it goes to a temporary file.
const MEMORY: usize = 4 << 20;

/// How much is written at once, in bytes.
const BUFFER: usize = 256 << 10;

/// Packs all that is in a directory into a layer, and stores its blob.
///
/// # Errors
/// Those of [`Pack::store`], and if the directory cannot be opened.
pub fn pack(
    directory: impl AsRef<Path>,
    sink: &(impl BlobSink + ?Sized),
    options: &PackOptions,
) -> Result<Layer, PackError> {
    let path = directory.as_ref();
    let root = Root::open(path)
        .map_err(|source| Reason::Root { path: path.display().to_string(), source })?;
    Pack::all(&root).store(sink, options)
}

/// A tree that is to become a layer.
///
/// What the layer holds depends on what it is to lie above. Its bytes depend on nothing but the trees
/// and the options.
///
/// ```
/// use oci_image::blob::Memory;
/// use oci_rootfs::pack::Pack;
/// use oci_rootfs::{PackOptions, Root};
///
/// let directory = tempfile::tempdir()?;
/// std::fs::write(directory.path().join("hello"), "world")?;
/// let blobs = Memory::new();
/// let layer = Pack::all(&Root::open(directory.path())?).store(&blobs, &PackOptions::default())?;
/// assert_eq!(blobs.digests(), [layer.descriptor.digest]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Pack<'a> {
    root: &'a Root,
    below: From<'a>,
}

/// What the layer is made from besides the tree.
enum From<'a> {
    Nothing,
    Tree(&'a Root),
    Snapshot(&'a Snapshot),
    Overlay(&'a [Root]),
}

impl<'a> Pack<'a> {
    /// All that is in a tree, and what its root itself is like.
    pub fn all(root: &'a Root) -> Self {
        Self { root, below: From::Nothing }
    }

    /// What must change in `lower` to make it `upper`.
    pub fn difference(lower: &'a Root, upper: &'a Root) -> Self {
        Self { root: upper, below: From::Tree(lower) }
    }

    /// What was changed in a tree since the snapshot was taken.
    pub fn since(snapshot: &'a Snapshot, root: &'a Root) -> Self {
        Self { root, below: From::Snapshot(snapshot) }
    }

    /// The upper directory of an overlay: what was changed in what it lies above. The overlay must
    /// not be mounted.
    ///
    /// `lower` are the lower directories of the mount, the top one first as the option `lowerdir` has
    /// them. With the options `redirect_dir`, `metacopy` and `index` an upper directory holds only a
    /// part of what was changed: where a directory was moved from, the attributes of a file, one of its
    /// names. The rest is read from the lower directories. Without them (`&[]`), an upper directory that
    /// needs them is refused.
    ///
    /// Attributes `trusted.overlay.*` or, in an overlay that was mounted with `userxattr`,
    /// `user.overlay.*` are those of the overlay: the first if anything in `upper` has such a one.
    pub fn overlay(upper: &'a Root, lower: &'a [Root]) -> Self {
        Self { root: upper, below: From::Overlay(lower) }
    }

    /// Writes the layer's blob as it is made.
    ///
    /// # Errors
    /// If the tree is incomplete or changes meanwhile, holds what no layer can, or writing fails.
    pub fn write<W: Write>(&self, out: W, options: &PackOptions) -> Result<(W, Layer), PackError> {
        for root in [Some(self.root), self.lower()].into_iter().flatten() {
            check_complete(root)?;
        }
        let below = match self.below {
            From::Nothing => Below::Nothing,
            From::Overlay(lower) => Below::Overlay(Layers::new(self.root, lower)?),
            From::Snapshot(snapshot) => Below::Snapshot(snapshot),
            From::Tree(lower) => {
                Below::Tree { lower, groups: [groups(lower)?, groups(self.root)?] }
            }
        };
        let writer = Writer::new(out, &options.compression)?;
        let writer = Changes::new(self.root, &below, options, writer).write()?;
        let (out, descriptor, diff_id) = writer.finish()?;
        Ok((out, Layer::new(descriptor, diff_id)))
    }

    /// Makes the layer and stores its blob, which is written to the sink as it is made or, if the sink
    /// [cannot](BlobSink::create_unnamed) take it without a digest, kept in memory or in a temporary file before.
    ///
    /// # Errors
    /// Those of [`write`](Self::write), and if the blob cannot be stored.
    pub fn store(
        &self,
        sink: &(impl BlobSink + ?Sized),
        options: &PackOptions,
    ) -> Result<Layer, PackError> {
        let begun = sink.create_unnamed().map_err(|source| Reason::Begin { source })?;
        if let Some(blob) = begun {
            let (blob, layer) = self.write(BufWriter::with_capacity(BUFFER, blob), options)?;
            let blob = blob.into_inner().map_err(|error| error.into_error());
            let stored = blob.and_then(|blob| blob.commit(&layer.descriptor));
            stored.map_err(|source| Reason::store(&layer, source))?;
            return Ok(layer);
        }
        let directory = options.temporary.clone().unwrap_or_else(std::env::temp_dir);
        let file = BufWriter::new(tempfile::spooled_tempfile_in(MEMORY, directory));
        let (file, layer) = self.write(file, options)?;
        let file =
            file.into_inner().map_err(|error| Reason::Temporary { source: error.into_error() })?;
        store(file, &layer.descriptor, sink).map_err(|source| Reason::store(&layer, source))?;
        Ok(layer)
    }

    fn lower(&self) -> Option<&'a Root> {
        match self.below {
            From::Tree(lower) => Some(lower),
            _ => None,
        }
    }
}

impl std::fmt::Debug for Pack<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Pack").field("root", &self.root).finish_non_exhaustive()
    }
}

fn check_complete(root: &Root) -> Result<(), PackError> {
    let path = || root.path().display().to_string();
    root.check_proc().map_err(|source| Reason::Root { path: path(), source })?;
    match root.incomplete().map_err(|source| Reason::Root { path: path(), source })? {
        Some(what) => Err(Reason::Incomplete { path: path(), what }.into()),
        None => Ok(()),
    }
}

fn store(
    mut file: SpooledTempFile,
    blob: &Descriptor,
    sink: &(impl BlobSink + ?Sized),
) -> io::Result<()> {
    let Some(mut writer) = sink.create(blob)? else { return Ok(()) };
    file.seek(SeekFrom::Start(0))?;
    let mut buffer = vec![0; BUFFER];
    loop {
        match file.read(&mut buffer)? {
            0 => return writer.commit(),
            length => writer.write_all(&buffer[..length])?,
        }
    }
}
