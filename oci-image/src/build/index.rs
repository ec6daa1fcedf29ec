use crate::{Descriptor, Document, DocumentError, Index, MediaType, Platform};

/// An index of images, such as one for each platform.
///
/// # Errors
/// If the index is over a limit.
pub fn assemble(
    images: impl IntoIterator<Item = Descriptor>,
) -> Result<Document<Index>, DocumentError> {
    let mut index = Index::new();
    index.media_type = Some(MediaType::IMAGE_INDEX);
    index.manifests = images.into_iter().collect();
    Document::new(index)
}

/// The part of an index for some platforms; everything else that it says is kept.
///
/// Entries that say no platform, such as attestations, are not for any.
///
/// # Errors
/// If the index cannot be written.
pub fn split(
    index: &Document<Index>,
    platforms: &[Platform],
) -> Result<Document<Index>, DocumentError> {
    index.edit(|index| {
        index.manifests.retain(|entry| {
            let entry = entry.platform.as_ref();
            entry.is_some_and(|entry| platforms.iter().any(|wanted| wanted.matches(entry)))
        });
    })
}
