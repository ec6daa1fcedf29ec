use oci_cli::report::Bytes;
use oci_image::Digest;
use oci_layout::{Garbage, Layout};
use serde::Serialize;

use super::Request;
use crate::Result;

#[derive(Serialize)]
struct Removed<'a> {
    blobs: &'a [Digest],
    leftovers: &'a [String],
    bytes: u64,
}

pub(super) fn collect(request: &Request) -> Result<()> {
    let garbage = if request.shares_blobs { together(request)? } else { alone(request)? };
    let removed =
        Removed { blobs: &garbage.blobs, leftovers: &garbage.leftovers, bytes: garbage.bytes };
    let blobs = garbage.blobs.iter().map(Digest::as_str);
    let paths: Vec<_> = blobs.chain(garbage.leftovers.iter().map(String::as_str)).collect();
    if !request.json {
        paths.iter().try_for_each(|path| request.print(&removed, &[path]))?;
    }
    let did = if request.dry_run { "would be removed" } else { "removed" };
    let (count, bytes) = (paths.len(), Bytes(garbage.bytes));
    request.print(&removed, &[&format_args!("{count} files, {bytes} {did}")])
}

fn alone(request: &Request) -> Result<Garbage> {
    let (layout, name) = request.layout()?;
    if let Some(name) = name {
        return Err(format!("cannot collect garbage of `{name}` alone: name the layout").into());
    }
    Ok(if request.dry_run { layout.garbage()? } else { layout.collect_garbage()? })
}

fn together(request: &Request) -> Result<Garbage> {
    request.directory()?;
    let layouts = request.layouts()?;
    let layouts: Vec<_> = layouts.iter().collect();
    Ok(match request.dry_run {
        true => Layout::shared_garbage(&layouts)?,
        false => Layout::collect_shared_garbage(&layouts)?,
    })
}
