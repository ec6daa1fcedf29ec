//! From names and digests to descriptors, for every kind of store.

use oci_image::blob::BlobSource;
use oci_image::graph::{Limits, Node, Walk};
use oci_image::{Descriptor, Digest, Index};

use crate::index::{REF_NAME, as_digest};
use crate::{Error, ErrorKind};

/// What `name` names in `index`: a digest names that content, anything else is a name in the index.
pub(crate) fn resolve(
    source: &(dyn BlobSource + Sync),
    index: &Index,
    name: &str,
    place: &str,
) -> Result<Descriptor, Error> {
    let not_found =
        || Error::new(ErrorKind::NotFound, format!("there is no image `{name}` in {place}"));
    if let Some(digest) = as_digest(name) {
        return by_digest(source, index, &digest)?.ok_or_else(not_found);
    }
    let mut named = index
        .manifests
        .iter()
        .filter(|entry| entry.annotations.get(REF_NAME).is_some_and(|it| it == name));
    let first = named.next().ok_or_else(not_found)?;
    if named.any(|other| other.digest != first.digest) {
        let text = format!("more than one image has the name `{name}` in {place}");
        return Err(Error::new(ErrorKind::Ambiguous, text));
    }
    Ok(first.clone())
}

/// The entry of the index with this digest, or what nested indexes and manifests say of it.
fn by_digest(
    source: &(dyn BlobSource + Sync),
    index: &Index,
    digest: &Digest,
) -> Result<Option<Descriptor>, Error> {
    if let Some(entry) = index.manifests.iter().find(|entry| entry.digest == *digest) {
        return Ok(Some(entry.clone()));
    }
    for node in walk(source, index) {
        let node = node?;
        if node.descriptor.digest == *digest {
            return Ok(Some(node.descriptor));
        }
    }
    Ok(None)
}

/// The manifests and indexes, of all that `index` reaches, that refer to `subject`.
///
/// Their descriptors carry the artifact type and the annotations of the documents, as a registry
/// would list them.
pub(crate) fn referrers(
    source: &(dyn BlobSource + Sync),
    index: &Index,
    subject: &Digest,
) -> Result<Vec<Descriptor>, Error> {
    let mut referrers = Vec::new();
    for node in walk(source, index) {
        let node = node?;
        let Some(document) = node.document() else { continue };
        if document.subject().is_some_and(|it| it.digest == *subject) {
            referrers.push(document.as_referrer());
        }
    }
    Ok(referrers)
}

/// All that the index reaches.
fn walk(
    source: &(dyn BlobSource + Sync),
    index: &Index,
) -> impl Iterator<Item = Result<Node, Error>> {
    let walk = Walk::new(index.manifests.iter().cloned()).limits(Limits::store());
    let failed = |error| Error::io("cannot walk through the images of the index", error);
    walk.over(source).map(move |node| node.map_err(failed))
}
