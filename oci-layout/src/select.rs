//! The choice of an image by its platform.

use oci_image::blob::{BlobSource, BlobSourceExt};
use oci_image::{AnyDocument, Descriptor, Document, Index, Manifest, Platform};

use crate::image::read;
use crate::walk::{DEPTH_LIMIT, is_document};
use crate::{Error, ErrorKind};

/// The first image for the platform, in the order of the index, nested indexes in their place.
///
/// Where a descriptor says no platform, the image's config does.
pub(crate) fn select(
    source: &(dyn BlobSource + Sync),
    index: &Index,
    platform: &Platform,
    depth: usize,
) -> Result<Option<(Descriptor, Document<Manifest>)>, Error> {
    if depth > DEPTH_LIMIT {
        return Err(Error::new(ErrorKind::Invalid, "indexes are nested too deep"));
    }
    for descriptor in index.manifests.iter().filter(|descriptor| is_document(descriptor)) {
        let stated = descriptor.platform.as_ref();
        if stated.is_some_and(|stated| !serves(stated, platform)) {
            continue;
        }
        match read(source, descriptor)? {
            AnyDocument::Manifest(manifest) => {
                if stated.is_some() || config_serves(source, &manifest, platform)? {
                    return Ok(Some((descriptor.clone(), manifest)));
                }
            }
            AnyDocument::Index(nested) => {
                if let Some(found) = select(source, &nested, platform, depth + 1)? {
                    return Ok(Some(found));
                }
            }
        }
    }
    Ok(None)
}

/// Whether what is made for `offered` runs on `wanted`: what the wish leaves open is open.
fn serves(offered: &Platform, wanted: &Platform) -> bool {
    let open = |offered: &Option<String>, wanted: &Option<String>| {
        offered.is_none() || wanted.is_none() || offered == wanted
    };
    offered.os == wanted.os
        && offered.architecture == wanted.architecture
        && open(&offered.variant, &wanted.variant)
        && open(&offered.os_version, &wanted.os_version)
}

fn config_serves(
    source: &(dyn BlobSource + Sync),
    manifest: &Manifest,
    platform: &Platform,
) -> Result<bool, Error> {
    if !manifest.config.media_type.is_config() {
        return Ok(false);
    }
    let config = source.document::<oci_image::Config>(&manifest.config).map_err(|error| {
        Error::io(format!("cannot read config `{}`", manifest.config.digest), error)
    })?;
    let mut offered = Platform::new(config.architecture.clone(), config.os.clone());
    offered.variant.clone_from(&config.variant);
    offered.os_version.clone_from(&config.os_version);
    Ok(serves(&offered, platform))
}
