//! The files that all layers of an image make together, without a filesystem.

mod error;
mod export;
mod list;
mod pattern;
mod tree;

use std::fmt;
use std::io::Read;

use oci_digest::Digest;

pub use self::error::{FilesError, Obstacle};
pub use self::list::ListedFile;
pub use self::pattern::PathPattern;

use self::tree::{Other, Tree, What};
use super::{Change, Codec, Decoder, EntryPath, Kind, Limits, Reader};
use crate::blob::BlobSource;
use crate::{Descriptor, RootFs};

/// The files of an image: what is at which path, once all layers are applied one on the other.
///
/// Nothing is unpacked. In memory, up to a [limit](Limits::files_bytes), are the paths, the targets of
/// symbolic links and the attributes of directories; for contents, the layers are read again. Each
/// layer is checked whenever it is read, its blob against the descriptor and its content against the
/// diff ID, to its end.
///
/// ```
/// use oci_image::blob::{BlobSinkExt, Memory};
/// use oci_image::layer::{Compression, Entry, Files, Kind, Limits, Metadata, Writer};
/// use oci_image::RootFs;
///
/// let mut layer = Writer::new(Vec::new(), &Compression::gzip())?;
/// let entry = Entry::new("etc/hostname".parse()?, Kind::File { size: 3 }, Metadata::new(0o644));
/// layer.append_file(&entry, &b"box"[..])?;
/// let (blob, descriptor, diff_id) = layer.finish()?;
/// let blobs = Memory::new();
/// blobs.put(&descriptor, &blob)?;
///
/// let mut rootfs = RootFs::new();
/// rootfs.diff_ids = vec![diff_id];
/// let layers = [descriptor];
/// let files = Files::new(&blobs, &layers, &rootfs, &Limits::default())?;
/// assert_eq!(files.read(&"/etc/hostname".parse()?, 1000)?, b"box");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Files<'a, S: ?Sized> {
    source: &'a S,
    layers: Vec<(Descriptor, Digest)>,
    limits: Limits,
    tree: Tree,
}

impl<'a, S: BlobSource + ?Sized> Files<'a, S> {
    /// Reads the layers of a manifest, the base first, to see what is in them.
    ///
    /// # Errors
    /// If a layer is missing, refused, or not what its digests say, or if it cannot be applied.
    pub fn new(
        source: &'a S,
        layers: &[Descriptor],
        rootfs: &RootFs,
        limits: &Limits,
    ) -> Result<Self, FilesError> {
        let (count, diff_ids) = (layers.len(), rootfs.diff_ids.len());
        if count != diff_ids {
            return Err(FilesError::DiffIdCount { layers: count, diff_ids });
        }
        let layers = layers.iter().cloned().zip(rootfs.diff_ids.iter().cloned()).collect();
        let mut files = Self { source, layers, limits: limits.clone(), tree: Tree::default() };
        files.tree = files.tree_of(count)?;
        Ok(files)
    }

    /// What the first layers make.
    fn tree_of(&self, layers: usize) -> Result<Tree, FilesError> {
        let mut tree = Tree::new(self.limits.files_bytes);
        for number in 0..layers {
            tree.begin_layer();
            self.read_layer(number, |change, _| tree.apply(change))?;
        }
        Ok(tree)
    }

    /// The content of a regular file of at most `limit` bytes; symbolic links are followed within
    /// the image.
    ///
    /// # Errors
    /// If there is none, it is something else, or it is too large; those of [`new`](Self::new).
    pub fn read(&self, path: &EntryPath, limit: u64) -> Result<Vec<u8>, FilesError> {
        let failed = |obstacle| FilesError::Path { path: path.clone(), obstacle };
        let (origin, size) = match self.tree.resolve(path).map_err(failed)? {
            What::Other(Other { origin, kind: Kind::File { size }, .. }) => (*origin, *size),
            _ => return Err(failed(Obstacle::NotAFile)),
        };
        if size > limit {
            return Err(failed(Obstacle::TooLarge { size, limit }));
        }
        let mut index = 0;
        let mut content = Vec::new();
        self.read_layer(origin.layer, |_, reader| {
            if index == origin.entry {
                while let Some(bytes) = reader.chunk()? {
                    content.extend_from_slice(bytes);
                }
            }
            index += 1;
            Ok(())
        })?;
        Ok(content)
    }

    /// Reads a layer to its end, and checks it.
    fn read_layer(
        &self,
        number: usize,
        mut see: impl FnMut(&Change, &mut Reader<Box<dyn Read + Send + '_>>) -> Result<(), FilesError>,
    ) -> Result<(), FilesError> {
        let (blob, diff_id) = &self.layers[number];
        let failed = |source| FilesError::Layer {
            number: number + 1,
            count: self.layers.len(),
            digest: blob.digest.clone(),
            source: Box::new(source),
        };
        if Codec::of(&blob.media_type).is_none() {
            let media_type = blob.media_type.clone();
            return Err(failed(FilesError::NotALayer { media_type }));
        }
        let algorithm = diff_id.algorithm();
        let algorithm = algorithm
            .ok_or_else(|| failed(FilesError::Unverifiable { diff_id: diff_id.clone() }))?;
        let reader =
            self.source.open(blob).map_err(|source| failed(FilesError::Open { source }))?;
        let reader = reader.ok_or_else(|| failed(FilesError::NoBlob))?;
        let decoder = Decoder::new(reader, &blob.media_type, &self.limits)
            .map_err(|error| failed(error.into()))?
            .diff_id_by(algorithm)
            .verified_as(&blob.digest);
        let actual = std::thread::scope(|scope| {
            let mut reader = Reader::spawn(scope, decoder, self.limits.clone());
            while let Some(change) = reader.next_change()? {
                see(&change, &mut reader)?;
            }
            Ok(reader.finish()?)
        });
        match actual.map_err(failed)? {
            actual if actual == *diff_id => Ok(()),
            actual => Err(failed(FilesError::DiffId { expected: diff_id.clone(), actual })),
        }
    }
}

impl<S: ?Sized> fmt::Debug for Files<'_, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Files").field("layers", &self.layers).finish_non_exhaustive()
    }
}
