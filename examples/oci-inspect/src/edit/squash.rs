use std::path::Path;

use oci_image::build::{self, Builder};
use oci_image::images::Image;
use oci_image::layer::{Compression, Limits};
use oci_layout::Layout;
use oci_rootfs::pack::Pack;
use oci_rootfs::{PackOptions, Root, UnpackOptions, unpack};

use crate::Result;

/// The image with one layer in the place of some: what differs between the files below them and those
/// with them, which are unpacked for that to temporary directories.
pub(super) fn squash(
    image: &Image<'_>,
    (from, to): (usize, usize),
    compression: &Compression,
    limits: &Limits,
    target: &Layout,
) -> Result<build::Image> {
    let documents = image.documents()?;
    let count = documents.manifest().layers.len();
    if to > count {
        return Err(format!("cannot squash layers {from}..{to}: the image has {count}").into());
    }
    let directory = tempfile::tempdir()?;
    let [below, with] = ["below", "with"].map(|name| directory.path().join(name));
    let below = unpacked(image, from - 1, limits, &below)?;
    let with = unpacked(image, to, limits, &with)?;
    let mut options = PackOptions::new(compression.clone());
    options.progress = None;
    let layer = Pack::difference(&below, &with).store(target, &options);
    // Dropping the directory would fail on directories that their owner may not change.
    below.empty()?;
    with.empty()?;
    let by = format!("oci-inspect squash --layers {from}..{to}");
    let layer = layer?.created_by(by);
    Ok(documents.edit_or_convert(|image| image.squash(from - 1..to, layer.clone()))?)
}

/// The files of the first layers.
fn unpacked(image: &Image<'_>, layers: usize, limits: &Limits, to: &Path) -> Result<Root> {
    std::fs::create_dir(to)?;
    let documents = image.documents()?;
    let builder = Builder::new(&documents.platform());
    let part = documents.layers().into_iter().take(layers).fold(builder, Builder::layer).build()?;
    let mut options = UnpackOptions::default();
    options.limits = limits.clone();
    let source = WithConfig { source: image.source(), config: part.config() };
    unpack(&source, part.manifest(), to, &options)?;
    Ok(Root::open(to)?)
}

/// A source that has one more document.
struct WithConfig<'a> {
    source: &'a (dyn oci_image::blob::BlobSource + Sync),
    config: &'a oci_image::Document<oci_image::Config>,
}

impl oci_image::blob::BlobSource for WithConfig<'_> {
    fn open(
        &self,
        blob: &oci_image::Descriptor,
    ) -> std::io::Result<Option<Box<dyn std::io::Read + Send + '_>>> {
        match blob.digest == self.config.descriptor().digest {
            true => Ok(Some(Box::new(self.config.bytes()))),
            false => self.source.open(blob),
        }
    }
}
