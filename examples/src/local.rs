//! Images in layouts, as the programs' command lines name them.

use std::path::Path;

use oci_image::Platform;
use oci_layout::{Image, Layout};

use crate::image_name::ImageName;

type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

/// The directory and the tag of a name that is one of a layout.
///
/// # Errors
/// If the image is elsewhere.
pub fn place(name: &ImageName) -> Result<(&Path, Option<&str>)> {
    match name {
        ImageName::Layout { path, tag } => Ok((path, tag.as_deref())),
        _ => Err(format!("`{name}` is not in a layout, copy it to one first").into()),
    }
}

/// The image of a tag, or the only one there is.
///
/// # Errors
/// If there is none, or more than one and no tag.
pub fn image<'a>(layout: &'a Layout, tag: Option<&str>) -> Result<Image<'a>> {
    if let Some(tag) = tag {
        return Ok(layout.image(tag)?);
    }
    match layout.list()?.as_slice() {
        [only] => Ok(Image::select(layout, &only.descriptor, &Platform::host())?),
        all => Err(format!("the layout has {} images, name one", all.len()).into()),
    }
}
