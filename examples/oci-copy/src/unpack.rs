//! The files of an image in a directory, without a copy of the image in between.

use std::path::PathBuf;

use oci_cli::image_name::ImageName;
use oci_cli::report::{Steps, print_outcome};
use oci_cli::unpacking::{Done, progress};
use oci_image::layer::CodecBy;
use oci_rootfs::unpack::Devices;
use oci_rootfs::{UnpackOptions, unpack};

use crate::options::Options;
use crate::source::Source;
use crate::{Result, events};

/// What is unpacked to where.
pub(crate) struct Unpack {
    pub(crate) from: ImageName,
    pub(crate) to: PathBuf,
    pub(crate) manner: Manner,
}

/// How it is unpacked.
#[derive(Default, PartialEq)]
pub(crate) struct Manner {
    /// All files belong to the caller.
    pub(crate) is_rootless: bool,
    pub(crate) devices: Option<Devices>,
    /// Layers are read by the compression that they have.
    pub(crate) is_codec_by_content: bool,
    pub(crate) ratio: Option<u64>,
}

impl Manner {
    fn options(&self) -> UnpackOptions {
        let mut options = match self.is_rootless {
            true => UnpackOptions::rootless(),
            false => UnpackOptions::default(),
        };
        options.devices = self.devices.unwrap_or(options.devices);
        options.limits.ratio = self.ratio.unwrap_or(options.limits.ratio);
        if self.is_codec_by_content {
            options.limits.codec = CodecBy::Content;
        }
        options
    }
}

impl Unpack {
    /// Unpacks it, and prints its digest.
    pub(crate) async fn run(&self, options: &Options) -> Result<()> {
        let found = async {
            let source = Source::find(&self.from, options).await?;
            let manifest = source.manifest().await?;
            Ok((source, manifest))
        };
        let (source, manifest) = options.interrupt.unless(found).await?;
        let image = source.descriptor().clone();
        let source = source.in_order(&manifest, options);
        let mut step = Steps::new().begin("unpack the image");
        let size = manifest.layers.iter().map(|layer| layer.size).sum();
        let (mut how, to) = (self.manner.options(), self.to.clone());
        how.progress = Some(progress(&mut step, size));
        let unpacking = move || unpack(&*source, &manifest, to, &how);
        let unpacked = tokio::task::spawn_blocking(unpacking).await??;
        if options.is_json {
            return events::end("unpacked", &image, &self.to.to_string_lossy());
        }
        step.end(Done(&unpacked));
        Ok(print_outcome(&image.digest)?)
    }
}
