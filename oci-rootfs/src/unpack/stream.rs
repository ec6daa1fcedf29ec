//! Layers as they stream into a tree. Reading, decompression and hashing go on in other threads
//! meanwhile, with a few megabytes between them.

use std::io::Read;
use std::thread::{Scope, scope};

use oci_image::blob::BlobSource;
use oci_image::layer::{Codec, Decoder, Reader};
use oci_image::{Descriptor, Digest};

use super::UnpackOptions;
use super::apply::Applier;
use super::error::{Reason, UnpackError};
use crate::progress::{CountedRead, Step};
use crate::trace;

/// A layer's blob and its diff ID.
pub(super) type Layer<'a> = (&'a Descriptor, &'a Digest);

/// The changes of a layer that is being read.
type Changes<'a> = Reader<CountedRead<Box<dyn Read + Send + 'a>>>;

/// Applies layers, the base first. While one is applied, the next is being decompressed already.
pub(super) fn apply_all(
    source: &(impl BlobSource + ?Sized),
    layers: &[Layer<'_>],
    applier: &mut Applier<'_>,
    options: &UnpackOptions,
) -> Result<(), UnpackError> {
    let count = layers.len();
    scope(|scope| {
        let mut coming = layers.iter().map(|layer| start(scope, source, *layer, options));
        // An error of a layer that cannot be opened is returned when it is that layer's turn.
        let mut next = coming.next();
        for (index, layer) in layers.iter().enumerate() {
            let Some(changes) = std::mem::replace(&mut next, coming.next()) else { break };
            let number = index + 1;
            if index > 0 {
                applier.begin_above();
            }
            if let Some(progress) = &options.progress {
                progress.tell(Step::Layer { number, count, blob: layer.0 });
            }
            trace::layer_begun(number, count, layer.0);
            let digest = || layer.0.digest.clone();
            changes
                .and_then(|changes| apply(changes, layer.1, applier))
                .map_err(|source| Reason::Layer { number, count, digest: digest(), source })?;
            trace::layer_ended(number, count, applier.done());
        }
        Ok(())
    })
}

/// Applies one layer.
pub(super) fn apply_one(
    source: &(impl BlobSource + ?Sized),
    layer: Layer<'_>,
    applier: &mut Applier<'_>,
    options: &UnpackOptions,
) -> Result<(), UnpackError> {
    scope(|scope| apply(start(scope, source, layer, options)?, layer.1, applier))
}

/// Applies a layer whose digests are unknown, and returns its diff ID.
pub(super) fn drain<R: Read + Send>(
    decoder: Decoder<R>,
    applier: &mut Applier<'_>,
    options: &UnpackOptions,
) -> Result<Digest, UnpackError> {
    scope(|scope| finish(Reader::spawn(scope, decoder, options.limits.clone()), applier))
}

/// Begins to read a layer.
fn start<'scope, 'a: 'scope>(
    scope: &'scope Scope<'scope, '_>,
    source: &'a (impl BlobSource + ?Sized),
    (blob, diff_id): Layer<'_>,
    options: &UnpackOptions,
) -> Result<Changes<'a>, UnpackError> {
    let digest = || blob.digest.clone();
    if Codec::of(&blob.media_type).is_none() {
        let media_type = blob.media_type.clone();
        return Err(Reason::NotALayer { digest: digest(), media_type }.into());
    }
    let algorithm = diff_id.algorithm();
    let algorithm = algorithm.ok_or_else(|| Reason::Unverifiable { diff_id: diff_id.clone() })?;
    let reader = source
        .open(blob)
        .map_err(|source| Reason::Open { digest: digest(), source })?
        .ok_or_else(|| Reason::NoBlob { digest: digest() })?;
    let reader = CountedRead { reader, progress: options.progress.clone() };
    let decoder = Decoder::new(reader, &blob.media_type, &options.limits)?;
    let decoder = decoder.diff_id_by(algorithm).verified_as(&blob.digest);
    Ok(Reader::spawn(scope, decoder, options.limits.clone()))
}

fn apply(
    changes: Changes<'_>,
    diff_id: &Digest,
    applier: &mut Applier<'_>,
) -> Result<(), UnpackError> {
    let actual = finish(changes, applier)?;
    match actual == *diff_id {
        true => Ok(()),
        false => Err(Reason::DiffId { expected: diff_id.clone(), actual }.into()),
    }
}

fn finish<R: Read>(
    mut changes: Reader<R>,
    applier: &mut Applier<'_>,
) -> Result<Digest, UnpackError> {
    while let Some(change) = changes.next_change()? {
        applier.apply(&change, &mut changes)?;
    }
    Ok(changes.finish()?)
}
