use std::collections::HashSet;
use std::io::{self, BufWriter, Read, Write};

use oci_digest::{Algorithm, Verified};

use super::{BlobSink, BlobSource};
use crate::build::Image;
use crate::graph::{Nodes, Walk};
use crate::{AnyDocument, Descriptor, Document, DocumentError, Manifest, Model, json};

/// What follows from reading blobs.
pub trait BlobSourceExt: BlobSource {
    /// Opens a blob that must be there.
    ///
    /// # Errors
    /// As [`open`](BlobSource::open), and of kind `NotFound` if there is none.
    fn open_existing(&self, blob: &Descriptor) -> io::Result<Box<dyn Read + Send + '_>> {
        self.open(blob)?.ok_or_else(|| not_found(blob))
    }

    /// All bytes of a blob of at most `limit` bytes.
    ///
    /// # Errors
    /// Of kind `NotFound` if there is none, `InvalidData` if it is too large or not what its
    /// descriptor says.
    fn read(&self, blob: &Descriptor, limit: usize) -> io::Result<Vec<u8>> {
        if blob.size > limit as u64 {
            let error = json::Error::TooLarge { size: blob.size, limit: limit as u64 };
            return Err(io::Error::new(io::ErrorKind::InvalidData, error));
        }
        let mut reader = self.open_existing(blob)?;
        let mut bytes = Vec::with_capacity(usize::try_from(blob.size).unwrap_or_default());
        reader.read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    /// The document that `descriptor` names.
    ///
    /// # Errors
    /// Those of [`read`](Self::read) and of [`Document::parse`].
    fn document<T: Model>(&self, descriptor: &Descriptor) -> io::Result<Document<T>> {
        let bytes = self.read(descriptor, json::DOCUMENT_LIMIT)?;
        Document::parse(bytes, descriptor).map_err(invalid)
    }

    /// The manifest or index that `descriptor` names.
    ///
    /// # Errors
    /// Those of [`read`](Self::read) and of [`AnyDocument::parse`].
    fn any_document(&self, descriptor: &Descriptor) -> io::Result<AnyDocument> {
        let bytes = self.read(descriptor, json::DOCUMENT_LIMIT)?;
        AnyDocument::parse(bytes, descriptor).map_err(invalid)
    }

    /// Walks the graph below `root`: parents first, subjects too, within the default limits.
    fn walk(&self, root: &Descriptor) -> Nodes<'_, Self> {
        Walk::new([root.clone()]).over(self)
    }
}

impl<S: BlobSource + ?Sized> BlobSourceExt for S {}

/// How much is written at once, in bytes.
const PIECE: usize = 256 << 10;

/// What follows from writing blobs.
pub trait BlobSinkExt: BlobSink {
    /// Writes a blob whole.
    ///
    /// # Errors
    /// If `bytes` are not what `blob` names, or cannot be stored.
    fn put(&self, blob: &Descriptor, bytes: &[u8]) -> io::Result<()> {
        let Some(mut writer) = self.create(blob)? else { return Ok(()) };
        writer.write_all(bytes)?;
        writer.commit()
    }

    /// Writes a blob of what `content` yields, in large pieces. If the blob is there already, nothing
    /// is read.
    ///
    /// # Errors
    /// If `content` fails, is not what `blob` names, or cannot be stored.
    fn put_from(&self, blob: &Descriptor, mut content: impl Read) -> io::Result<()> {
        let Some(mut writer) = self.create(blob)? else { return Ok(()) };
        let mut pieces = BufWriter::with_capacity(PIECE, &mut writer);
        io::copy(&mut content, &mut pieces)?;
        pieces.flush()?;
        drop(pieces);
        writer.commit()
    }

    /// Writes an image whole, children first: its layers, which `layers` has, its config and its manifest.
    /// Returns what names it. A layer that may be fetched elsewhere may be missing.
    ///
    /// ```
    /// use oci_image::blob::{BlobSinkExt, Memory};
    /// use oci_image::build::{Builder, Layer};
    /// use oci_image::{Descriptor, Digest, MediaType};
    ///
    /// let (tar, layers, store) = ([0; 1024], Memory::new(), Memory::new());
    /// let layer = Descriptor::of(MediaType::LAYER_TAR, tar);
    /// layers.put(&layer, &tar)?;
    /// let builder = Builder::new(&"linux/amd64".parse()?);
    /// let image = builder.layer(Layer::new(layer, Digest::sha256(tar))).build()?;
    /// let descriptor = store.put_image_from(&image, &layers)?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// Of kind `NotFound` if a layer is missing, and as [`put_from`](Self::put_from).
    fn put_image_from(&self, image: &Image, layers: &dyn BlobSource) -> io::Result<Descriptor> {
        copy_all(self, layers, &image.manifest().layers)?;
        let config = image.config();
        self.put_verified(&image.manifest().config, config.verified())?;
        self.put_verified(image.manifest().descriptor(), image.manifest().verified())?;
        Ok(image.descriptor())
    }

    /// Writes an artifact whole, children first: its config and its blobs, which `blobs` has, and its
    /// manifest. Returns what names it. `blobs` need not have the config `{}`.
    ///
    /// # Errors
    /// Of kind `NotFound` if a blob is missing, and as [`put_from`](Self::put_from).
    fn put_artifact_from(
        &self,
        manifest: &Document<Manifest>,
        blobs: &dyn BlobSource,
    ) -> io::Result<Descriptor> {
        copy_all(self, blobs, &manifest.layers)?;
        match manifest.config.digest == crate::Digest::EMPTY_JSON {
            true => {
                let empty = Verified::hash(&b"{}"[..], Algorithm::Sha256);
                self.put_verified(&manifest.config, empty)?;
            }
            false => copy_all(self, blobs, [&manifest.config])?,
        }
        self.put_verified(manifest.descriptor(), manifest.verified())?;
        let mut descriptor = manifest.descriptor().clone();
        descriptor.artifact_type = Some(
            manifest.artifact_type.clone().unwrap_or_else(|| manifest.config.media_type.clone()),
        );
        Ok(descriptor)
    }

    /// Writes what `root` names, and all that it reaches in `source`. What
    /// [may be elsewhere](Descriptor::may_be_elsewhere), or is the subject of a document, may be missing.
    ///
    /// # Errors
    /// Of kind `NotFound` if another blob is missing, and as [`put_from`](Self::put_from).
    fn put_graph_from(&self, root: &Descriptor, source: &dyn BlobSource) -> io::Result<()> {
        let mut subjects = HashSet::new();
        for node in source.walk(root) {
            let node = node?;
            let blob = &node.descriptor;
            subjects
                .extend(node.document().and_then(AnyDocument::subject).map(|it| it.digest.clone()));
            match source.open(blob)? {
                Some(content) => self.put_from(blob, content)?,
                None if blob.may_be_elsewhere() || subjects.contains(&blob.digest) => {}
                None => return Err(not_found(blob)),
            }
        }
        Ok(())
    }
}

impl<S: BlobSink + ?Sized> BlobSinkExt for S {}

fn copy_all<'a>(
    sink: &(impl BlobSink + ?Sized),
    source: &dyn BlobSource,
    blobs: impl IntoIterator<Item = &'a Descriptor>,
) -> io::Result<()> {
    for blob in blobs {
        match source.open(blob)? {
            Some(content) => sink.put_from(blob, content)?,
            None if blob.may_be_elsewhere() => {}
            None => return Err(not_found(blob)),
        }
    }
    Ok(())
}

fn not_found(blob: &Descriptor) -> io::Error {
    io::Error::new(io::ErrorKind::NotFound, format!("cannot find blob `{}`", blob.digest))
}

fn invalid(error: DocumentError) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, error)
}
