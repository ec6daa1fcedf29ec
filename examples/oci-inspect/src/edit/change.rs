use std::fs::File;
use std::path::PathBuf;

use lexopt::prelude::*;
use oci_cli::image_name::ImageName;
use oci_cli::local;
use oci_image::blob::BlobSinkExt;
use oci_image::build::{self, Builder, rebase};
use oci_image::images::{Image, Images};
use oci_image::layer::{Change as LayerChange, Compression, EntryPath, Limits, Timestamp};
use oci_image::{Descriptor, Platform};
use oci_layout::{Layout, LayoutOptions, flatten, put_layer, recompress, rewrite};

use super::squash;
use crate::Result;

/// What is to become of each image.
pub(super) enum Change {
    Config(Vec<ConfigChange>),
    Append { layers: Vec<PathBuf>, created_by: Option<String>, limits: Limits },
    Flatten { compression: Compression, limits: Limits },
    Squash { range: (usize, usize), compression: Compression, limits: Limits },
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
                let mut builder = Builder::of(&image.documents()?);
                for path in layers {
                    let file = File::open(path)
                        .map_err(|error| format!("cannot open `{}`: {error}", path.display()))?;
                    let layer = put_layer(file, limits, target)?;
                    let by = created_by.as_deref().unwrap_or("oci-inspect append");
                    builder = builder.layer(layer.created_by(by));
                }
                builder.build()?
            }
            Self::Flatten { compression, limits } => flatten(image, compression, limits, target)?,
            Self::Squash { range, compression, limits } => {
                squash::squash(image, *range, compression, limits, target)?
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
    let copy = |layer: &Descriptor| -> Result<()> {
        use oci_image::blob::BlobSource;
        match layout.open(layer)? {
            Some(content) => Ok(target.put_from(layer, content)?),
            None if layer.may_be_elsewhere() => Ok(()),
            None => Err(format!("layer `{}` of the new base is missing", layer.digest).into()),
        }
    };
    new.manifest().layers.iter().try_for_each(copy)?;
    let image = image.documents()?;
    // Docker's format has no name for some layers of OCI's.
    Ok(rebase(&image, &old, &new).or_else(|_| rebase(&image.to_oci()?, &old, &new))?)
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

/// One change of a config or of the annotations.
pub(super) enum ConfigChange {
    /// With a name and a value.
    Pair(fn(Builder, &str, &str) -> Builder, String, String),
    /// With one text.
    Text(fn(Builder, &str) -> Builder, String),
    /// With words, separated by spaces.
    Words(fn(Builder, Vec<String>) -> Builder, Vec<String>),
}

impl ConfigChange {
    pub(super) fn parse(option: &str, arguments: &mut lexopt::Parser) -> Result<Self> {
        let pair: fn(Builder, &str, &str) -> Builder = match option {
            "env" => Builder::env,
            "label" => |builder, key, value| builder.label(key, value),
            "annotation" => |builder, key, value| builder.annotation(key, value),
            _ => return Self::parse_text(option, arguments),
        };
        let text = arguments.value()?.string()?;
        let (key, value) = text.split_once('=').ok_or("the value is not NAME=VALUE")?;
        Ok(Self::Pair(pair, key.into(), value.into()))
    }

    fn parse_text(option: &str, arguments: &mut lexopt::Parser) -> Result<Self> {
        let text: fn(Builder, &str) -> Builder = match option {
            "unset-env" => Builder::without_env,
            "unset-label" => Builder::without_label,
            "unset-annotation" => Builder::without_annotation,
            "user" => |builder, text| builder.user(text),
            "workdir" => |builder, text| builder.working_dir(text),
            "expose" => |builder, text| builder.expose(text),
            "volume" => |builder, text| builder.volume(text),
            "stop-signal" => |builder, text| builder.stop_signal(text),
            "author" => |builder, text| builder.author(text),
            "created" => |builder, text| builder.created(text),
            _ => return Self::parse_words(option, arguments),
        };
        Ok(Self::Text(text, arguments.value()?.string()?))
    }

    fn parse_words(option: &str, arguments: &mut lexopt::Parser) -> Result<Self> {
        let words: fn(Builder, Vec<String>) -> Builder = match option {
            "entrypoint" => |builder, words| builder.entrypoint(words),
            "cmd" => |builder, words| builder.cmd(words),
            _ => return Err(Long(option).unexpected().into()),
        };
        let text = arguments.value()?.string()?;
        Ok(Self::Words(words, text.split_whitespace().map(Into::into).collect()))
    }

    fn apply(&self, builder: Builder) -> Builder {
        match self {
            Self::Pair(change, name, value) => change(builder, name, value),
            Self::Text(change, text) => change(builder, text),
            Self::Words(change, words) => change(builder, words.clone()),
        }
    }
}
