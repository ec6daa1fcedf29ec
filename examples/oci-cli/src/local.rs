//! Images in layouts and archives, by their names on command lines.

use std::io::{self, Read};
use std::path::Path;

use oci_image::blob::BlobSource;
use oci_image::{Descriptor, Platform};
use oci_layout::{Archive, DockerArchive, Entry, Image, Layout, LayoutOptions};

use crate::image_name::ImageName;

type Result<T> = std::result::Result<T, Box<dyn std::error::Error + Send + Sync>>;

/// The directory and the tag of the name of an image in a layout.
///
/// # Errors
/// If the image is elsewhere.
pub fn place(name: &ImageName) -> Result<(&Path, Option<&str>)> {
    match name {
        ImageName::Layout { path, tag } => Ok((path, tag.as_deref())),
        _ => {
            Err(format!("cannot use `{name}`: it is not in a layout, copy it to one first").into())
        }
    }
}

/// The image of a tag, or the only image.
///
/// # Errors
/// If there is none, or more than one and no tag.
pub fn image<'a>(layout: &'a Layout, tag: Option<&str>) -> Result<Image<'a>> {
    if let Some(tag) = tag {
        return Ok(layout.image(tag)?);
    }
    match layout.list()?.as_slice() {
        [only] => Ok(Image::select(layout, &only.descriptor, &Platform::host())?),
        all => Err(format!(
            "cannot choose an image: the layout has {}, name one by its tag",
            all.len()
        )
        .into()),
    }
}

/// A layout, or an archive, which is read in place.
#[derive(Debug)]
pub enum Store {
    /// A layout.
    Layout(Layout),
    /// An archive of a layout.
    Archive(Archive),
    /// An archive of `docker save`.
    DockerArchive(DockerArchive),
}

impl Store {
    /// Opens the store that an image is in, with these options if it is a layout. Also returns the name of the
    /// image in the store.
    ///
    /// # Errors
    /// If the image is in a registry, or the store cannot be opened.
    pub fn open<'a>(
        name: &'a ImageName,
        options: &LayoutOptions,
    ) -> Result<(Self, Option<&'a str>)> {
        let (store, name) = match name {
            ImageName::Layout { path, tag } => (Self::Layout(options.open(path)?), tag),
            ImageName::Archive { path, tag } => (Self::Archive(Archive::open(path)?), tag),
            ImageName::DockerArchive { path, name } => {
                (Self::DockerArchive(DockerArchive::open(path)?), name)
            }
            ImageName::Registry(_) => {
                return Err(format!(
                    "cannot open `{name}`: it is in a registry, copy it to a layout first"
                )
                .into());
            }
        };
        Ok((store, name.as_deref()))
    }

    /// What it holds.
    ///
    /// # Errors
    /// If its index is wrong.
    pub fn list(&self) -> Result<Vec<Entry>> {
        Ok(match self {
            Self::Layout(layout) => layout.list()?,
            Self::Archive(archive) => archive.list(),
            Self::DockerArchive(archive) => archive.list(),
        })
    }

    /// What has a name or a digest.
    ///
    /// # Errors
    /// If nothing, or more than one image, has the name.
    pub fn resolve(&self, name: &str) -> Result<Descriptor> {
        Ok(match self {
            Self::Layout(layout) => layout.resolve(name)?,
            Self::Archive(archive) => archive.resolve(name)?,
            Self::DockerArchive(archive) => archive.resolve(name)?,
        })
    }
}

impl BlobSource for Store {
    fn open(&self, blob: &Descriptor) -> io::Result<Option<Box<dyn Read + Send + '_>>> {
        match self {
            Self::Layout(layout) => layout.open(blob),
            Self::Archive(archive) => archive.open(blob),
            Self::DockerArchive(archive) => archive.open(blob),
        }
    }
}
