//! The documents of images in the form that is an image layout too.

use std::io::Write;

use oci_image::annotations::REF_NAME;
use oci_image::{Descriptor, build};

use super::Saved;
use crate::{ArchiveWriter, Error};

/// What containerd and Docker read an image's full name from.
const CONTAINERD_NAME: &str = "io.containerd.image.name";

pub(super) fn image<W: Write>(
    archive: &ArchiveWriter<W>,
    image: &build::Image,
    names: &[&str],
) -> Result<(Descriptor, Saved), Error> {
    for (blob, bytes) in [
        (image.config().descriptor(), image.config().bytes()),
        (image.manifest().descriptor(), image.manifest().bytes()),
    ] {
        archive.store(blob, bytes).map_err(|error| {
            Error::io(format!("cannot write `{}` to the archive", blob.digest), error)
        })?;
    }
    let descriptor = image.descriptor();
    let named = names.iter().map(|name| {
        let mut named = descriptor.clone();
        for key in [REF_NAME, CONTAINERD_NAME] {
            named.annotations.insert(key.into(), (*name).to_owned());
        }
        named
    });
    let unnamed = names.is_empty().then(|| descriptor.clone());
    archive.list(named.chain(unnamed));
    let mut saved = Saved::new(image.config().descriptor().digest.blob_path());
    saved.layers = image.manifest().layers.iter().map(|layer| layer.digest.blob_path()).collect();
    Ok((descriptor, saved))
}
