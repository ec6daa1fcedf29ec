use std::collections::HashSet;
use std::io::{self, Read};

use oci_image::graph::{Limits, Walk};
use oci_image::{AnyDocument, Descriptor, Digest, json};

use crate::Error;
use crate::layout::Layout;

/// Every digest that the index or a pin needs.
pub(super) fn needed(layout: &Layout, pinned: Vec<Digest>) -> Result<HashSet<Digest>, Error> {
    let index = layout.read_index()?;
    let failed = |error| Error::io(layout.about("cannot look for the garbage of"), error);
    let mut needed = HashSet::new();
    let mut opaque = pinned;
    opaque.extend(
        index.manifests.iter().filter(|it| !it.media_type.is_manifest_or_index()).map(digest),
    );
    opaque.extend(index.subject.iter().map(digest));
    for node in Walk::new(index.manifests).limits(Limits::store()).over(layout) {
        let node = node.map_err(failed)?;
        opaque.extend(node.document().into_iter().flat_map(not_walked));
        needed.insert(node.descriptor.digest);
    }
    let mut scanned = HashSet::new();
    while let Some(digest) = opaque.pop() {
        if scanned.insert(digest.clone()) {
            opaque.extend(mentioned(layout, &digest).map_err(failed)?);
            needed.insert(digest);
        }
    }
    Ok(needed)
}

/// What a document names that a walk takes for a blob although more may be below it: entries of an
/// index whose type is not known here, and manifests that are configs or layers by their place.
fn not_walked(document: &AnyDocument) -> Vec<Digest> {
    let is_index = matches!(document, AnyDocument::Index(_));
    let children = document.children().into_iter();
    children.filter(|it| it.media_type.is_manifest_or_index() != is_index).map(digest).collect()
}

fn digest(descriptor: &Descriptor) -> Digest {
    descriptor.digest.clone()
}

/// The digests that stand as strings in a blob, if it looks like a JSON object.
fn mentioned(layout: &Layout, digest: &Digest) -> io::Result<Vec<Digest>> {
    let blobs = layout.blobs();
    let file = match blobs.files().open(&blobs.path(digest)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        opened => opened?,
    };
    if file.metadata()?.len() > json::DOCUMENT_LIMIT as u64 {
        return Ok(Vec::new());
    }
    let mut bytes = Vec::new();
    file.take(json::DOCUMENT_LIMIT as u64).read_to_end(&mut bytes)?;
    if bytes.trim_ascii_start().first() != Some(&b'{') {
        return Ok(Vec::new());
    }
    let strings = bytes.split(|byte| *byte == b'"').filter_map(|it| std::str::from_utf8(it).ok());
    Ok(strings.filter_map(|string| string.parse().ok()).collect())
}
