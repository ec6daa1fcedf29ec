use oci_image::{Index, MediaType, Model, json};

use super::{Entry, INDEX_LIMIT, REF_NAME};

/// Why some bytes are no `index.json`.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ReadError {
    #[error("`index.json` cannot be read")]
    Json(#[source] json::Error),
    #[error("`index.json` says that it is of type `{0}`")]
    MediaType(MediaType),
    #[error("`index.json` has the member `{0}` of another kind of document")]
    BothKinds(&'static str),
}

/// Reads `index.json`. Nothing vouches for its bytes; that they have one reading is all that is said.
pub(crate) fn parse(bytes: &[u8]) -> Result<Index, ReadError> {
    let index: Index = json::from_slice_with_limit(bytes, INDEX_LIMIT).map_err(ReadError::Json)?;
    if let Some(media_type) = index.media_type.as_ref().filter(|it| !it.is_index()) {
        return Err(ReadError::MediaType(media_type.clone()));
    }
    match Index::FOREIGN.iter().find(|member| index.unknown.get(member).is_some()) {
        Some(member) => Err(ReadError::BothKinds(member)),
        None => Ok(index),
    }
}

/// What the index holds, in its order.
pub(crate) fn entries(index: Index) -> Vec<Entry> {
    let entry = |descriptor: oci_image::Descriptor| {
        let name = descriptor.annotations.get(REF_NAME).cloned();
        Entry { name, descriptor }
    };
    index.manifests.into_iter().map(entry).collect()
}
