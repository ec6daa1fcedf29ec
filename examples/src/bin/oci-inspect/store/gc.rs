use oci_examples::report::Bytes;
use oci_image::Digest;
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
    let (layout, _) = request.layout()?;
    let garbage = if request.dry_run { layout.garbage()? } else { layout.collect_garbage()? };
    let removed =
        Removed { blobs: &garbage.blobs, leftovers: &garbage.leftovers, bytes: garbage.bytes };
    let mut text = String::new();
    for path in
        garbage.blobs.iter().map(Digest::as_str).chain(garbage.leftovers.iter().map(String::as_str))
    {
        text.push_str(path);
        text.push('\n');
    }
    let count = garbage.blobs.len() + garbage.leftovers.len();
    let did = if request.dry_run { "would be removed" } else { "removed" };
    request.print(&removed, format_args!("{text}{count} files, {} {did}", Bytes(garbage.bytes)))
}
