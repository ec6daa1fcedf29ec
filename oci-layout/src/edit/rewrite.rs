use std::collections::HashSet;
use std::io;

use oci_image::Descriptor;
use oci_image::blob::{BlobSink, BlobSourceExt};
use oci_image::build::{self, Layer};
use oci_image::images::Image;
use oci_image::layer::{
    Change, Codec, Compression, Decoder, Entry, EntryPath, Kind, Limits, Order, Reader, Writer,
};

use super::{Draft, copy, invalid};
use crate::Error;

/// The same image with what `change` makes of each change of its layers, stored in `sink`: `None` leaves it
/// out of its layer.
///
/// What a file is (its type, size and content) stays. Layers in which nothing differs are stored as they
/// are; the others keep their compression, so that an image in Docker's format becomes one in OCI's where
/// it is zstd. Config and manifest are not stored:
/// [`Layout::put_image`](crate::Layout::put_image) does that.
///
/// # Errors
/// If a layer is missing or wrong, if a hard link would have lost the file that it is to, or if a layer
/// cannot be stored.
pub fn rewrite(
    image: &Image<'_>,
    limits: &Limits,
    sink: &dyn BlobSink,
    change: impl FnMut(Change) -> Option<Change>,
) -> Result<build::Image, Error> {
    let failed =
        |error| Error::io(format!("cannot rewrite image `{}`", image.descriptor().digest), error);
    let mut rewriter = Rewriter { image, limits, change, gone: HashSet::new() };
    let mut rewritten = || -> io::Result<build::Image> {
        let documents = image.documents()?;
        let mut layers = Vec::new();
        for layer in documents.layers() {
            layers.push(rewriter.layer(&layer, sink)?);
        }
        let edited = documents.edit_or_convert(|image| {
            let mut layers = layers.iter().cloned();
            image.with_layers(|_| layers.next().flatten())
        });
        edited.map_err(invalid)
    };
    rewritten().map_err(failed)
}

struct Rewriter<'a, F> {
    image: &'a Image<'a>,
    limits: &'a Limits,
    change: F,
    /// What was left out and is not there again.
    gone: HashSet<EntryPath>,
}

impl<F: FnMut(Change) -> Option<Change>> Rewriter<'_, F> {
    /// Stores a layer; the new one if it differs.
    fn layer(&mut self, layer: &Layer, sink: &dyn BlobSink) -> io::Result<Option<Layer>> {
        let Layer { descriptor, diff_id, history, .. } = layer;
        let algorithm = diff_id.algorithm().ok_or(io::ErrorKind::Unsupported)?;
        let blob = self.image.source().open_existing(descriptor)?;
        let decoder = Decoder::new(blob, &descriptor.media_type, self.limits)?;
        let decoder = decoder.diff_id_by(algorithm).verified_as(&descriptor.digest);
        let writer = Writer::new(Draft::new(sink)?, &compression(decoder.codec())?);
        let mut writer = writer.map_err(invalid)?.order(Order::Any);
        let mut reader = Reader::from_decoder(decoder, self.limits.clone());
        let mut differs = false;
        while let Some(before) = reader.next_change()? {
            let after = self.changed(&before)?;
            differs |= after.as_ref() != Some(&before);
            match &after {
                Some(Change::Upsert(entry)) if entry.size() > 0 => {
                    writer.append_file(entry, &mut reader).map_err(invalid)?;
                }
                Some(after) => writer.append(after).map_err(invalid)?,
                None => {}
            }
        }
        let actual = reader.finish()?;
        if actual != *diff_id {
            return Err(invalid(format!(
                "the content is `{actual}`, the diff ID says `{diff_id}`"
            )));
        }
        if !differs {
            copy(self.image.source(), descriptor, sink)?;
            return Ok(None);
        }
        let (draft, blob, diff_id) = writer.finish().map_err(invalid)?;
        draft.store(&blob)?;
        let descriptor: Descriptor = descriptor.with_bytes_of(&blob);
        Ok(Some(Layer::new(descriptor, diff_id).history(history.clone())))
    }

    fn changed(&mut self, before: &Change) -> io::Result<Option<Change>> {
        let after = (self.change)(before.clone());
        match (&after, before) {
            (None, Change::Upsert(entry)) => _ = self.gone.insert(entry.path.clone()),
            (Some(Change::Upsert(entry)), _) => {
                _ = self.gone.remove(&entry.path);
                self.check_link(entry)?;
            }
            _ => {}
        }
        Ok(after)
    }

    fn check_link(&self, entry: &Entry) -> io::Result<()> {
        match &entry.kind {
            Kind::Hardlink { target } if self.gone.contains(target) => {
                let path = &entry.path;
                let advice = "leave out the link too";
                Err(invalid(format!(
                    "hard link `{path}` is to `{target}`, which is left out: {advice}"
                )))
            }
            _ => Ok(()),
        }
    }
}

fn compression(codec: Codec) -> io::Result<Compression> {
    match codec {
        Codec::None => Ok(Compression::none()),
        Codec::Gzip => Ok(Compression::gzip()),
        Codec::Zstd => Ok(Compression::zstd()),
        other => Err(io::Error::new(io::ErrorKind::Unsupported, format!("no layer is {other}"))),
    }
}
