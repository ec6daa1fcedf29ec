use std::collections::HashSet;
use std::io::{self, Read};

use oci_image::{AnyDocument, Descriptor, Digest, json};

use crate::layout::Layout;
use crate::{Error, Walk};

/// Every digest that the index or a pin needs.
pub(super) fn needed(layout: &Layout, pinned: Vec<Digest>) -> Result<HashSet<Digest>, Error> {
    let index = layout.index()?;
    let mut needed = HashSet::new();
    let mut opaque = pinned;
    opaque.extend(foreign(&index.manifests));
    opaque.extend(index.subject.iter().map(|subject| subject.digest.clone()));
    for node in Walk::new(layout, index.manifests) {
        let node = node?;
        if let Some(AnyDocument::Index(index)) = &node.document {
            opaque.extend(foreign(&index.manifests));
        }
        needed.insert(node.descriptor.digest);
    }
    let failed = |error| Error::io(layout.about("cannot look for the garbage of"), error);
    let mut scanned = HashSet::new();
    while let Some(digest) = opaque.pop() {
        if scanned.insert(digest.clone()) {
            opaque.extend(mentioned(layout, &digest).map_err(failed)?);
            needed.insert(digest);
        }
    }
    Ok(needed)
}

/// What stands where manifests do and is of a type that is not known here.
fn foreign(manifests: &[Descriptor]) -> impl Iterator<Item = Digest> {
    manifests.iter().filter(|it| !it.media_type.is_manifest_or_index()).map(|it| it.digest.clone())
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
