use std::fs::File;
use std::ops::Range;
use std::path::PathBuf;

use oci_cli::config_change::ConfigChange;
use oci_cli::image_name::ImageName;
use oci_cli::local;
use oci_image::blob::BlobSinkExt;
use oci_image::build::{self, Builder, rebase};
use oci_image::images::{Image, Images};
use oci_image::layer::{Change as LayerChange, Compression, EntryPath, Limits, Timestamp};
use oci_image::{Descriptor, Platform};
use oci_layout::{Layout, LayoutOptions, flatten, put_layer, recompress, rewrite, squash};

use crate::Result;

/// What is to become of each image.
pub(super) enum Change {
    Config(Vec<ConfigChange>),
    Append { layers: Vec<PathBuf>, created_by: Option<String>, limits: Limits },
    Flatten { compression: Compression, limits: Limits },
    Squash { range: Range<usize>, compression: Compression, limits: Limits },
    Rebase { old: ImageName, new: ImageName },
    Recompress { compression: Compression, limits: Limits },
    Strip { paths: Vec<EntryPath>, latest: Option<Timestamp>, limits: Limits },
}

impl Change {
    /// The image after the change, with its new layers stored.
    pub(super) fn apply(&self, image: &Image<'_>, target: &Layout) -> Result<build::Image> {
        Ok(match self {
            Self::Config(changes) => {
                let builder = Builder::of(&image.documents()?);
                changes.iter().fold(builder, |builder, change| change.apply(builder)).build()?
            }
            Self::Append { layers, created_by, limits } => {
                let by = created_by.as_deref().unwrap_or("oci-inspect append");
                let mut new = Vec::new();
                for path in layers {
                    let file = File::open(path)
                        .map_err(|error| format!("cannot open `{}`: {error}", path.display()))?;
                    new.push(put_layer(file, limits, target)?.created_by(by));
                }
                image.documents()?.edit_or_convert(|image| {
                    new.iter().cloned().fold(Builder::of(image), Builder::layer).build()
                })?
            }
            Self::Flatten { compression, limits } => flatten(image, compression, limits, target)?,
            Self::Squash { range, compression, limits } => {
                squash(image, range.clone(), compression, limits, target)?
            }
            Self::Rebase { old, new } => rebased(image, old, new, target)?,
            Self::Recompress { compression, limits } => {
                recompress(image, compression, limits, target)?
            }
            Self::Strip { paths, latest, limits } => {
                rewrite(image, limits, target, |change| stripped(change, paths, *latest))?
            }
        })
    }
}

/// The image on another base, whose layers are copied.
fn rebased(
    image: &Image<'_>,
    old: &ImageName,
    new: &ImageName,
    target: &Layout,
) -> Result<build::Image> {
    let platform = image.config()?.platform();
    let (old, _) = base(old, &platform)?;
    let (new, layout) = base(new, &platform)?;
    let rebased = image.documents()?.edit_or_convert(|image| rebase(image, &old, &new))?;
    let copy = |layer: &Descriptor| -> Result<()> {
        use oci_image::blob::BlobSource;
        match layout.open(layer)? {
            Some(content) => Ok(target.put_from(layer, content)?),
            None if layer.may_be_elsewhere() => Ok(()),
            None => Err(format!("layer `{}` of the new base is missing", layer.digest).into()),
        }
    };
    new.manifest().layers.iter().try_for_each(copy)?;
    Ok(rebased)
}

fn base(name: &ImageName, platform: &Platform) -> Result<(build::Image, Layout)> {
    let (path, tag) = local::place(name)?;
    let tag = tag.ok_or_else(|| format!("cannot use `{name}` as a base: its name has no tag"))?;
    let layout = LayoutOptions::new().open(path)?;
    let documents = layout.image_for(tag, platform)?.documents()?;
    Ok((documents, layout))
}

/// Without what is at one of the paths or below it, and not younger than a time.
fn stripped(
    mut change: LayerChange,
    paths: &[EntryPath],
    latest: Option<Timestamp>,
) -> Option<LayerChange> {
    let LayerChange::Upsert(entry) = &mut change else { return Some(change) };
    if paths.iter().any(|path| entry.path.starts_with(path)) {
        return None;
    }
    if let Some(latest) = latest {
        entry.metadata.mtime = entry.metadata.mtime.min(latest);
    }
    Some(change)
}
