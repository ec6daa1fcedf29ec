use std::collections::HashSet;

use oci_image::Descriptor;
use oci_image::blob::BlobSourceExt;
use oci_image::distribution::digest_tags;
use oci_image::images::Images;

use crate::Result;
use crate::options::Options;

/// What goes along with an image, and its tag if that leads to it.
pub(crate) type Along = (Option<String>, Descriptor);

/// What refers to each manifest below an image in a store, and what digest tags name, as the options say: and
/// what refers to that.
pub(crate) fn along(
    store: &(dyn Images + Send + Sync),
    image: &Descriptor,
    options: &Options,
) -> Result<Vec<Along>> {
    let mut found = Vec::new();
    if !options.takes_along() {
        return Ok(found);
    }
    let (mut roots, mut seen) = (vec![image.clone()], HashSet::new());
    while let Some(root) = roots.pop() {
        for node in store.walk(&root) {
            let node = node?;
            let digest = &node.descriptor.digest;
            if node.document().is_none() || !seen.insert(digest.clone()) {
                continue;
            }
            let first = found.len();
            if options.referrers {
                let referrers = store.referrers(digest)?.into_iter();
                found.extend(referrers.map(|descriptor| (None, descriptor)));
            }
            if options.digest_tags {
                for tag in digest_tags(digest) {
                    let named = store.named(tag.as_str())?.into_iter();
                    found.extend(named.map(|it| (Some(tag.as_str().to_owned()), it)));
                }
            }
            roots.extend(found.iter().skip(first).map(|(_, descriptor)| descriptor.clone()));
        }
    }
    Ok(found)
}
