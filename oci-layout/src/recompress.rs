//! Layers in another compression.

use std::io::{self, Write};

use oci_image::blob::{BlobSink, BlobSource, BlobSourceExt};
use oci_image::build::{self, Layer};
use oci_image::images::Image;
use oci_image::layer::{Codec, CodecBy, Compression, Decoder, Encoder, Limits};
use oci_image::oci_digest::HashWriter;
use oci_image::{Algorithm, Descriptor};

use crate::edit::{Draft, copy};
use crate::{Error, ErrorKind};

/// The same image with its layers in another compression, all of them stored in `sink`.
///
/// Config, diff IDs and history stay as they are; an image in Docker's format becomes one in OCI's.
/// Each layer is verified against its digest and its diff ID on the way. What its descriptor states about the
/// content is kept, what it states about the compressed bytes is not: see
/// [`Descriptor::with_bytes_of`](oci_image::Descriptor::with_bytes_of).
///
/// Where a media type says another compression than the content has, the layer is refused, or by
/// [`Limits::codec`] compressed again under the right one.
///
/// Layers that have this compression already are stored as they are, and so are those that must not be
/// distributed: their `urls` have those bytes. What may be elsewhere may be missing, and then keeps its
/// descriptor. Config and manifest are not stored: [`Layout::put_image`](crate::Layout::put_image) does that.
///
/// # Errors
/// If a layer is missing or wrong, if its content is not what its diff ID says, or if it cannot be
/// stored.
pub fn recompress(
    image: &Image<'_>,
    compression: &Compression,
    limits: &Limits,
    sink: &dyn BlobSink,
) -> Result<build::Image, Error> {
    replace_layers(image, |layer| {
        let descriptor = &layer.descriptor;
        let is_so = descriptor.media_type == compression.media_type()
            && (limits.codec == CodecBy::MediaType
                || codec(image, descriptor, limits)? == Some(compression.codec()));
        if is_so || descriptor.media_type.is_nondistributable() || is_elsewhere(image, descriptor)?
        {
            copy(image.source(), descriptor, sink)?;
            return Ok(descriptor.clone());
        }
        let recompression = Recompression { source: image.source(), layer, compression, limits };
        let (blob, draft) = recompression.write(Draft::new(sink)?)?;
        draft.store(&blob)?;
        Ok(blob)
    })
}

/// The image with what `replace` makes of each layer.
pub(crate) fn replace_layers(
    image: &Image<'_>,
    mut replace: impl FnMut(&Layer) -> io::Result<Descriptor>,
) -> Result<build::Image, Error> {
    let documents = image.documents().map_err(|error| {
        let text = format!("cannot replace the layers of `{}`", image.descriptor().digest);
        Error::io(text, error.into())
    })?;
    let image = documents.to_oci().map_err(|error| {
        let name = &image.descriptor().digest;
        Error::invalid(format!("cannot convert image `{name}` to OCI's format"), error)
    })?;
    let mut replacements = Vec::new();
    for layer in image.layers() {
        let about = || format!("cannot recompress layer `{}`", layer.descriptor.digest);
        replacements.push(replace(&layer).map_err(|error| Error::io(about(), error))?);
    }
    let mut replacements = replacements.into_iter();
    image
        .with_blobs(|_| replacements.next())
        .map_err(|error| Error::invalid("cannot write the manifest with the new layers", error))
}

/// A layer that is to be written in another compression.
pub(crate) struct Recompression<'a> {
    pub(crate) source: &'a dyn BlobSource,
    pub(crate) layer: &'a Layer,
    pub(crate) compression: &'a Compression,
    pub(crate) limits: &'a Limits,
}

impl Recompression<'_> {
    /// Writes the content in the other compression. Says what names it.
    pub(crate) fn write<W: Write>(&self, out: W) -> io::Result<(Descriptor, W)> {
        let Layer { descriptor, diff_id, .. } = self.layer;
        let invalid = |error| io::Error::new(io::ErrorKind::InvalidData, error);
        let algorithm = diff_id.algorithm().ok_or(io::ErrorKind::Unsupported)?;
        let blob = self.source.open_existing(descriptor)?;
        let mut content =
            Decoder::new(blob, &descriptor.media_type, self.limits).map_err(invalid)?;
        let out = HashWriter::new(out, Algorithm::Sha256);
        let mut encoder = HashWriter::new(Encoder::new(out, self.compression)?, algorithm);
        io::copy(&mut content, &mut encoder)?;
        let (encoder, actual, _) = encoder.finish();
        if actual != *diff_id {
            let error = Error::new(
                ErrorKind::Invalid,
                format!("its content has digest `{actual}`, its diff ID is `{diff_id}`"),
            );
            return Err(error.into());
        }
        let (out, digest, size) = encoder.finish()?.finish();
        let blob = Descriptor::new(self.compression.media_type(), digest, size);
        Ok((descriptor.with_bytes_of(&blob), out))
    }
}

/// The compression of a layer by its content; `None` if it is missing.
fn codec(image: &Image<'_>, blob: &Descriptor, limits: &Limits) -> io::Result<Option<Codec>> {
    let Some(blob) = image.source().open(blob)? else { return Ok(None) };
    Ok(Some(Decoder::detect(blob, limits)?.codec()))
}

/// Whether the source need not have the blob, and has it not.
fn is_elsewhere(image: &Image<'_>, blob: &Descriptor) -> io::Result<bool> {
    Ok(blob.may_be_elsewhere() && image.source().open(blob)?.is_none())
}
