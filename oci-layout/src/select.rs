//! The choice of an image by its platform.

use oci_image::blob::{BlobSource, BlobSourceExt};
use oci_image::graph::Limits;
use oci_image::{AnyDocument, Config, Descriptor, Document, Index, Manifest, Platform};

use crate::image::read;
use crate::{Error, ErrorKind};

/// The image that suits the platform best, the first of several that do equally, nested indexes in
/// their place.
///
/// Where a descriptor says no platform, the image's config does.
pub(crate) fn select(
    source: &(dyn BlobSource + Sync),
    index: &Index,
    platform: &Platform,
) -> Result<Option<(Descriptor, Document<Manifest>)>, Error> {
    let mut best = None;
    offer(source, index, platform, 0, &mut best)?;
    let Some((_, descriptor)) = best else { return Ok(None) };
    match read(source, &descriptor)? {
        AnyDocument::Manifest(manifest) => Ok(Some((descriptor, manifest))),
        AnyDocument::Index(_) => Ok(None),
    }
}

/// Puts a manifest of the index in the place of `best` if it suits better.
fn offer(
    source: &(dyn BlobSource + Sync),
    index: &Index,
    platform: &Platform,
    depth: usize,
    best: &mut Option<(usize, Descriptor)>,
) -> Result<(), Error> {
    if depth > Limits::default().depth {
        return Err(Error::new(ErrorKind::Invalid, "indexes are nested too deep"));
    }
    for descriptor in &index.manifests {
        let stated = descriptor.platform.as_ref().map(|stated| platform.rank(stated));
        if stated == Some(None) {
            continue;
        }
        if descriptor.media_type.is_index() {
            if let AnyDocument::Index(nested) = read(source, descriptor)? {
                offer(source, &nested, platform, depth + 1, best)?;
            }
        } else if descriptor.media_type.is_manifest() {
            let rank = match stated {
                Some(rank) => rank,
                None => config_rank(source, descriptor, platform)?,
            };
            let better = |rank: &usize| best.as_ref().is_none_or(|(least, _)| rank < least);
            if let Some(rank) = rank.filter(better) {
                *best = Some((rank, descriptor.clone()));
            }
        }
    }
    Ok(())
}

fn config_rank(
    source: &(dyn BlobSource + Sync),
    descriptor: &Descriptor,
    platform: &Platform,
) -> Result<Option<usize>, Error> {
    let AnyDocument::Manifest(manifest) = read(source, descriptor)? else { return Ok(None) };
    if !manifest.config.media_type.is_config() {
        return Ok(None);
    }
    let config = source.document::<Config>(&manifest.config).map_err(|error| {
        Error::io(format!("cannot read config `{}`", manifest.config.digest), error)
    })?;
    let mut offered = Platform::new(config.architecture.clone(), config.os.clone());
    offered.variant.clone_from(&config.variant);
    offered.os_version.clone_from(&config.os_version);
    offered.os_features.clone_from(&config.os_features);
    Ok(platform.rank(&offered))
}
