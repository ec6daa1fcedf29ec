use std::collections::HashSet;
use std::io::{self, BufRead, BufReader, Read};

use oci_image::graph::{Limits, Walk};
use oci_image::oci_digest::VerifyReader;
use oci_image::{AnyDocument, Descriptor, Digest, json};

use crate::Error;
use crate::layout::Layout;

/// Every digest that the index or a pin needs.
pub(super) fn needed(layout: &Layout, pinned: Vec<Digest>) -> Result<HashSet<Digest>, Error> {
    let index = layout.read_index()?;
    let failed = |error| Error::io(layout.about("cannot list the garbage of"), error);
    let listed: HashSet<_> = index.manifests.iter().map(digest).collect();
    let mut needed = HashSet::new();
    let listed_blobs = index.manifests.iter().filter(|it| !it.media_type.is_manifest_or_index());
    let mut opaque: Vec<_> = listed_blobs.chain(&index.subject).map(digest).collect();
    for node in Walk::new(index.manifests).limits(Limits::store()).over(layout) {
        let node = node.map_err(failed)?;
        let digest = node.descriptor.digest.clone();
        // What is both listed and a child of an index is visited once, wherever that is.
        if node.is_missing() && listed.contains(&digest) {
            return Err(missing(layout, &digest));
        }
        opaque.extend(node.document().into_iter().flat_map(not_walked));
        needed.insert(digest);
    }
    let mut scanned = HashSet::new();
    while let Some(digest) = opaque.pop() {
        if scanned.insert(digest.clone()) {
            match mentioned(layout, &digest).map_err(failed)? {
                Some(mentioned) => opaque.extend(mentioned),
                None if listed.contains(&digest) => return Err(missing(layout, &digest)),
                None => {}
            }
            needed.insert(digest);
        }
    }
    let mut pinned = pinned;
    while let Some(digest) = pinned.pop() {
        if scanned.insert(digest.clone()) {
            match mentioned(layout, &digest) {
                Ok(mentioned) => pinned.extend(mentioned.unwrap_or_default()),
                // The writer that pinned it is at work, and has pinned what it needs.
                Err(error) if error.kind() == io::ErrorKind::InvalidData => {}
                Err(error) => return Err(failed(error)),
            }
            needed.insert(digest);
        }
    }
    Ok(needed)
}

fn missing(layout: &Layout, digest: &Digest) -> Error {
    let reason = format!(
        "the index lists `{digest}`, which is missing, so what it needs is unknown: \
         store it again, or remove it from the index"
    );
    Error::invalid(layout.about("cannot list the garbage of"), reason)
}

/// What a document names that a walk treats as a blob although it may name more: entries of an
/// index whose type is unknown, and manifests that are used as configs or layers.
fn not_walked(document: &AnyDocument) -> Vec<Digest> {
    let is_index = matches!(document, AnyDocument::Index(_));
    let children = document.children().into_iter();
    children.filter(|it| it.media_type.is_manifest_or_index() != is_index).map(digest).collect()
}

fn digest(descriptor: &Descriptor) -> Digest {
    descriptor.digest.clone()
}

/// The longest digest that names a file: an algorithm and a name of 255 bytes each.
const DIGEST_LIMIT: usize = 2 * 255 + 1;

/// The digests that are strings in a blob, if it looks like a JSON object; `None` if it is missing.
///
/// A blob that is larger than any document and does not begin like one is not read to its end. All else
/// must be what its digest says: what a damaged document would have mentioned is unknown.
fn mentioned(layout: &Layout, digest: &Digest) -> io::Result<Option<Vec<Digest>>> {
    let blobs = layout.blobs();
    let file = match blobs.files().open(&blobs.path(digest)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        opened => opened?,
    };
    let size = file.metadata()?.len();
    let reader: Box<dyn Read> = match digest.algorithm() {
        Some(_) => Box::new(VerifyReader::new(file, digest, size)?),
        None => Box::new(file),
    };
    let mut reader = BufReader::new(reader);
    let first = reader.fill_buf().map_err(|error| unreadable(digest, error))?;
    let may_be_object = first.trim_ascii_start().first().is_none_or(|byte| *byte == b'{');
    if !may_be_object && size > json::DOCUMENT_LIMIT as u64 {
        return Ok(Some(Vec::new()));
    }
    let digests = digests_in(reader).map_err(|error| unreadable(digest, error))?;
    Ok(Some(if may_be_object { digests } else { Vec::new() }))
}

/// The digests between quotes.
fn digests_in(mut json: impl BufRead) -> io::Result<Vec<Digest>> {
    let mut digests = Vec::new();
    let mut string = Vec::new();
    loop {
        let bytes = json.fill_buf()?;
        if bytes.is_empty() {
            return Ok(digests);
        }
        for byte in bytes {
            match byte {
                b'"' => {
                    let text = std::str::from_utf8(&string).ok();
                    digests.extend(text.and_then(|text| text.parse::<Digest>().ok()));
                    string.clear();
                }
                // One more than fits makes it too long to be one.
                byte if string.len() <= DIGEST_LIMIT => string.push(*byte),
                _ => {}
            }
        }
        let length = bytes.len();
        json.consume(length);
    }
}

fn unreadable(digest: &Digest, error: io::Error) -> io::Error {
    let text = format!("cannot read `{digest}`, which may need others");
    Error::io(text, error).into()
}
