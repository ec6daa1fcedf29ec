use oci_cli::local::Store;
use oci_cli::report::Bytes;
use oci_image::images::{Entry, Images};
use oci_image::{Descriptor, annotations};
use serde::Serialize;

use super::Request;
use crate::Result;

#[derive(Serialize)]
struct Line<'a> {
    name: Option<&'a str>,
    descriptor: &'a Descriptor,
}

pub(super) fn list(request: &Request) -> Result<()> {
    let (store, name) = request.store()?;
    for (name, image) in images(&store, name)? {
        show(request, name.as_deref(), &image)?;
    }
    Ok(())
}

/// The images that a name or a digest names, or every one with its name.
pub(super) fn images(
    store: &Store,
    name: Option<&str>,
) -> Result<Vec<(Option<String>, Descriptor)>> {
    let Some(name) = name else {
        let named = |Entry { name, descriptor, .. }| (name, descriptor);
        return Ok(store.list()?.into_iter().map(named).collect());
    };
    let named = store.named(name)?;
    let named = if named.is_empty() { vec![store.resolve(name)?] } else { named };
    let with_name =
        |image: Descriptor| (image.annotations.get(annotations::REF_NAME).cloned(), image);
    Ok(named.into_iter().map(with_name).collect())
}

pub(super) fn tag(request: &Request) -> Result<()> {
    let (layout, name) = request.named()?;
    let new_name = request.new_name.as_deref().ok_or("NEWTAG is missing")?;
    let image = layout.resolve(name)?;
    layout.tag(new_name, &image)?;
    show(request, Some(new_name), &image)
}

pub(super) fn untag(request: &Request) -> Result<()> {
    let (layout, name) = request.named()?;
    layout.untag(name)?.iter().try_for_each(|image| show(request, Some(name), image))
}

fn show(request: &Request, name: Option<&str>, descriptor: &Descriptor) -> Result<()> {
    let (digest, size) = (&descriptor.digest, Bytes(descriptor.size));
    let shown = name.unwrap_or("-");
    request.print(&Line { name, descriptor }, &[&shown, digest, &size])
}
