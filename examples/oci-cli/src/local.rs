//! Images in layouts and archives, by their names on command lines.

use std::path::Path;

use oci_image::Platform;
use oci_image::images::{Image, Images};
use oci_layout::{Archive, DockerArchive, LayoutOptions};

use crate::directory::Directory;
use crate::image_name::ImageName;
use crate::report::{one_line, tell};

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

/// The image of a tag, or the only image: the one for the platform, if it is an index or the tag has several.
///
/// # Errors
/// If there is none, or more than one and no tag.
pub fn image<'a>(
    store: &'a (impl Images + Sync),
    tag: Option<&str>,
    platform: &Platform,
) -> Result<Image<'a>> {
    if let Some(tag) = tag {
        return Ok(store.image_for(tag, platform)?);
    }
    match store.list()?.as_slice() {
        [only] => Ok(Image::select(store, &only.descriptor, platform)?),
        all => {
            let (place, count) = (store.place(), all.len());
            Err(format!("cannot choose an image: {place} has {count}, name one by its tag").into())
        }
    }
}

/// A layout, or an archive, which is read in place.
pub type Store = Box<dyn Images + Send + Sync>;

/// Opens the store that an image is in, with these options if it is a layout. Also returns the name of the
/// image in the store. Where there is none, standard error says which images cannot be read.
///
/// # Errors
/// If the image is in a registry, or the store cannot be opened.
pub fn open<'a>(name: &'a ImageName, options: &LayoutOptions) -> Result<(Store, Option<&'a str>)> {
    let (store, name): (Store, _) = match name {
        ImageName::Layout { path, tag } => (Box::new(options.open(path)?), tag),
        ImageName::Archive { path, tag } => (Box::new(Archive::open(path)?), tag),
        ImageName::DockerArchive { path, name } => {
            let archive = DockerArchive::open(path)?;
            // Who asks for all images is told of those that are not among them.
            let unreadable = archive.unreadable().filter(|_| name.is_none());
            unreadable.for_each(|error| tell(one_line(&error)));
            (Box::new(archive), name)
        }
        ImageName::Directory { path } => (Box::new(Directory::open(path)?), &None),
        ImageName::Registry(_) => {
            let reason = "it is in a registry, copy it to a layout first";
            return Err(format!("cannot open `{name}`: {reason}").into());
        }
    };
    Ok((store, name.as_deref()))
}
