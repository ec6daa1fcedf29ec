use std::sync::Arc;

use oci_cli::image_name::ImageName;
use oci_image::blob::{BlobSinkExt, BlobSource, BlobSourceExt};
use oci_image::build;
use oci_image::docker::Format;
use oci_image::images::{Image, Images};
use oci_image::layer::Limits;
use oci_image::{AnyDocument, Descriptor, Platform};
use oci_layout::{Layout, recompress};
use tempfile::TempDir;

use crate::Result;
use crate::options::Options;
use crate::source::Source;

/// An image that was made of another one before it is copied, in a temporary layout.
pub(crate) struct Staged {
    directory: TempDir,
    image: Descriptor,
}

impl Staged {
    /// What the options make of an image, where that is not done on the way: registries are sent a part of an
    /// index, and manifests in another format, without that.
    pub(crate) async fn if_needed(
        source: &Source,
        to: &ImageName,
        options: &Options,
    ) -> Result<Option<Self>> {
        let is_registry = matches!(to, ImageName::Registry(_));
        let converts = options.format.is_some() && !is_registry;
        let is_part = options.selection.several().is_some() && !is_registry;
        if options.compression.is_none() && !converts && !is_part {
            return Ok(None);
        }
        if options.takes_along() {
            let reason = "what is made anew has another digest, to which nothing refers";
            return Err(format!("cannot take along what refers to the image: {reason}").into());
        }
        let image = source.descriptor().clone();
        let (source, options) = (source.clone().blocking(&options.interrupt), options.clone());
        let staged = tokio::task::spawn_blocking(move || Self::make(&*source, &image, &options));
        Ok(Some(staged.await??))
    }

    fn make(
        source: &(dyn Images + Send + Sync),
        image: &Descriptor,
        options: &Options,
    ) -> Result<Self> {
        let directory = tempfile::tempdir()?;
        let layout = Layout::create(directory.path())?;
        let (from, image): (&(dyn BlobSource + Sync), _) = match options.selection.several() {
            Some(platforms) => (&layout, part(source, image, platforms, &layout)?),
            None => (source, image.clone()),
        };
        let edit = &mut |image: &Image<'_>| edited(image, options, &layout);
        let image = match options.compression.is_some() || options.format.is_some() {
            true => layout.edit_images(from, &image, None, edit)?,
            false => image,
        };
        Ok(Self { directory, image })
    }

    /// The layout, as a source.
    pub(crate) fn source(&self) -> Result<Source> {
        let layout = Layout::open(self.directory.path())?;
        Ok(Source::Local(Arc::new(Box::new(layout)), self.image.clone()))
    }
}

/// Puts an index of the images for some platforms to a layout, with the images.
fn part(
    source: &(dyn Images + Send + Sync),
    image: &Descriptor,
    platforms: &[Platform],
    layout: &Layout,
) -> Result<Descriptor> {
    let AnyDocument::Index(index) = source.any_document(image)? else {
        layout.put_graph_from(image, &source)?;
        return Ok(image.clone());
    };
    let part = build::split(&index, platforms)?;
    if part.manifests.is_empty() {
        return Err(format!("cannot take a part of `{}`: no platform matches", image.digest).into());
    }
    for entry in &part.manifests {
        layout.put_graph_from(entry, &source)?;
    }
    Ok(layout.put_document(&AnyDocument::Index(part))?.descriptor().clone())
}

/// An image with the compression and in the format that the options say, its new layers stored.
fn edited(image: &Image<'_>, options: &Options, layout: &Layout) -> Result<build::Image> {
    let image = match &options.compression {
        Some(compression) => recompress(image, compression, &Limits::default(), layout)?,
        None => {
            for layer in &image.manifest().layers {
                if let Some(content) = image.source().open(layer)? {
                    layout.put_from(layer, content)?;
                }
            }
            image.documents()?
        }
    };
    Ok(match options.format {
        Some(Format::Docker) => image.to_docker()?,
        Some(_) => image.to_oci()?,
        None => image,
    })
}
