use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::MediaType;
use crate::json::{self, Members, Value};

/// A kind of document that descriptors name.
pub trait Model: Serialize + DeserializeOwned {
    /// The media types of such documents, the usual one first.
    const MEDIA_TYPES: &'static [MediaType];

    /// Members that another kind of document has: one that has both has two readings. Their names
    /// are compared without letter case, as Go's decoder does.
    const FOREIGN: &'static [&'static str] = &[];

    /// The type that the document says of itself.
    fn media_type(&self) -> Option<&MediaType> {
        None
    }

    /// The members that the model does not know.
    fn unknown(&self) -> &Members;

    /// Reads a document that no descriptor names, such as `index.json`, if it has at most `limit` bytes.
    ///
    /// It is read by the rules of a [`Document`](crate::Document); its bytes are not verified.
    ///
    /// # Errors
    /// If the document has no reading or more than one, or says that it is of another kind.
    fn read(bytes: &[u8], limit: usize) -> Result<Self, ModelError> {
        let value: Self = json::from_slice_with_limit(bytes, limit)
            .map_err(|error| other_kind::<Self>(bytes, limit).unwrap_or(ModelError::Json(error)))?;
        if let Some(media_type) = value.media_type().filter(|it| !Self::MEDIA_TYPES.contains(it)) {
            return Err(ModelError::MediaType(media_type.clone()));
        }
        let mut unknown = value.unknown().iter();
        match unknown.find_map(|(name, _)| json::fold(name, Self::FOREIGN)) {
            Some(member) => Err(ModelError::BothKinds(member)),
            None => Ok(value),
        }
    }
}

/// Which other kind of document one is by its own words, if it says so: the reason why a member is missing.
fn other_kind<T: Model>(bytes: &[u8], limit: usize) -> Option<ModelError> {
    let Ok(Value::Object(members)) = json::from_slice_with_limit(bytes, limit) else { return None };
    if let Some(text) = members.get("mediaType").and_then(Value::as_str) {
        let media_type = MediaType::from(text);
        return (!T::MEDIA_TYPES.contains(&media_type))
            .then_some(ModelError::MediaType(media_type));
    }
    members.keys().find_map(|name| json::fold(name, T::FOREIGN)).map(ModelError::BothKinds)
}

/// Why bytes are not a document of the requested kind.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ModelError {
    /// It is not JSON of this kind, or has more than one reading.
    #[error(transparent)]
    Json(#[from] json::Error),
    /// It says that it is of a type of another kind.
    #[error("it says that it is of type `{0}`")]
    MediaType(MediaType),
    /// It has a member of another kind of document, and so two readings.
    #[error("it has the member `{0}` of another kind of document")]
    BothKinds(&'static str),
}
