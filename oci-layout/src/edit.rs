//! Images with other layers, stored as they are made.

mod draft;
mod images;
mod rewrite;

use std::fs::File;
use std::io::{self, Seek};
use std::ops::Range;

use oci_image::blob::{BlobSink, BlobSinkExt, BlobSource};
use oci_image::build::{self, BuildError, Layer};
use oci_image::images::Image;
use oci_image::layer::{Compression, Decoder, Files, Limits, Reader};
use oci_image::oci_digest::HashWriter;
use oci_image::{Algorithm, Descriptor};

use crate::Error;

pub(crate) use draft::Draft;
pub use rewrite::rewrite;

/// The same image with one layer that holds the files of all, stored in `sink`.
///
/// An image in Docker's format becomes one in OCI's where the layer is compressed by zstd.
/// Config and manifest are not stored: [`Layout::put_image`](crate::Layout::put_image) does that.
///
/// # Errors
/// If a layer is missing or refused, or if the new one cannot be stored.
pub fn flatten(
    image: &Image<'_>,
    compression: &Compression,
    limits: &Limits,
    sink: &dyn BlobSink,
) -> Result<build::Image, Error> {
    let failed =
        |error| Error::io(format!("cannot flatten image `{}`", image.descriptor().digest), error);
    let flattened = || -> io::Result<build::Image> {
        let files = image.files(limits)?;
        let layer = store_files(&files, 0, compression, sink)?.created_by("flatten");
        image.documents()?.edit_or_convert(|image| image.flatten(layer.clone())).map_err(invalid)
    };
    flattened().map_err(failed)
}

/// The same image with one layer in the place of some, counted from 0, that holds what they change together, stored in
/// `sink`.
///
/// Nothing is unpacked, so that owners and devices stay whoever does it. An image in Docker's format becomes one in OCI's
/// where the layer is compressed by zstd.
/// Config and manifest are not stored: [`Layout::put_image`](crate::Layout::put_image) does that.
///
/// # Errors
/// If the image has no such layers, if one of them or below them is missing or refused, or if the new one cannot be stored.
pub fn squash(
    image: &Image<'_>,
    range: Range<usize>,
    compression: &Compression,
    limits: &Limits,
    sink: &dyn BlobSink,
) -> Result<build::Image, Error> {
    let failed =
        |error| Error::io(format!("cannot squash image `{}`", image.descriptor().digest), error);
    let squashed = || -> io::Result<build::Image> {
        let documents = image.documents()?;
        let layers = &documents.manifest().layers;
        let count = layers.len();
        let below = layers.get(..range.end).filter(|_| !range.is_empty());
        let layers = below.ok_or_else(|| {
            invalid(BuildError::NoSuchLayers { range: range.clone(), layers: count })
        })?;
        let mut rootfs = documents.config().rootfs.clone();
        rootfs.diff_ids.truncate(range.end);
        let files = Files::new(image.source(), layers, &rootfs, limits).map_err(invalid)?;
        let layer = store_files(&files, range.start, compression, sink)?.created_by("squash");
        let squash = |image: &build::Image| image.squash(range.clone(), layer.clone());
        documents.edit_or_convert(squash).map_err(invalid)
    };
    squashed().map_err(failed)
}

/// Stores what the layers above the first `below` change as a layer.
fn store_files(
    files: &Files<'_, dyn BlobSource + Sync + '_>,
    below: usize,
    compression: &Compression,
    sink: &dyn BlobSink,
) -> io::Result<Layer> {
    let draft = Draft::new(sink)?;
    let (draft, layer) = files.export_above(below, draft, compression).map_err(invalid)?;
    draft.store(&layer.descriptor)?;
    Ok(layer)
}

/// Stores the blob of a layer that is in a file, compressed or not, as it is.
///
/// # Errors
/// If it is refused as a layer, or cannot be read or stored.
pub fn put_layer(mut file: File, limits: &Limits, sink: &dyn BlobSink) -> Result<Layer, Error> {
    let mut stored = || -> io::Result<Layer> {
        let mut blob = HashWriter::new(io::sink(), Algorithm::Sha256);
        io::copy(&mut file, &mut blob)?;
        let (_, digest, size) = blob.finish();
        file.rewind()?;
        let decoder = Decoder::detect(&file, limits)?;
        let media_type = decoder.codec().media_type().ok_or(io::ErrorKind::Unsupported)?;
        let diff_id = Reader::from_decoder(decoder, limits.clone()).finish()?;
        let descriptor = Descriptor::new(media_type, digest, size);
        file.rewind()?;
        sink.put_from(&descriptor, &file)?;
        Ok(Layer::new(descriptor, diff_id))
    };
    stored().map_err(|error| Error::io("cannot store a layer", error))
}

/// Copies a blob, unless the sink has it or it is elsewhere.
pub(crate) fn copy(
    source: &dyn BlobSource,
    blob: &Descriptor,
    sink: &dyn BlobSink,
) -> io::Result<()> {
    let Some(mut writer) = sink.create(blob)? else { return Ok(()) };
    let mut reader = match source.open(blob)? {
        Some(reader) => reader,
        None if blob.may_be_elsewhere() => return Ok(()),
        None => return Err(io::ErrorKind::NotFound.into()),
    };
    io::copy(&mut reader, &mut writer)?;
    writer.commit()
}

fn invalid(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, error)
}
