use std::fmt::Write;

use oci_cli::report::Bytes;
use oci_image::Descriptor;
use oci_image::blob::BlobSourceExt;
use oci_image::graph::Node;
use serde::Serialize;

use super::Request;
use super::names::images;
use crate::Result;

#[derive(Serialize)]
struct Line<'a> {
    name: Option<&'a str>,
    depth: usize,
    descriptor: &'a Descriptor,
    missing: bool,
}

/// Prints a line for each part of an image, or of every image.
pub(super) fn draw(request: &Request) -> Result<()> {
    let (store, name) = request.store()?;
    for (name, root) in images(&store, name)? {
        for node in store.walk(&root) {
            let node = node?;
            let name = name.as_deref().filter(|_| node.depth == 0);
            show(request, name, &node)?;
        }
    }
    Ok(())
}

fn show(request: &Request, name: Option<&str>, node: &Node) -> Result<()> {
    let Node { descriptor, depth, .. } = node;
    let missing = node.is_missing();
    let mut text = "  ".repeat(*depth);
    if let Some(name) = name {
        write!(text, "{name} ")?;
    }
    write!(text, "{} {} {}", descriptor.digest, Bytes(descriptor.size), descriptor.media_type)?;
    if let Some(platform) = &descriptor.platform {
        write!(text, " {platform}")?;
    }
    if missing {
        text.push_str(" (missing)");
    }
    request.print(&Line { name, depth: *depth, descriptor, missing }, &[&text])
}
