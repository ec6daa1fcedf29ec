use std::collections::BTreeMap;

use serde_json::value::RawValue;

use crate::MediaType;

/// The type in the value of a `Content-Type` header, without parameters; it may be empty.
pub fn essence(content_type: &str) -> &str {
    content_type.split(';').next().unwrap_or_default().trim()
}

/// The `mediaType` that a manifest or index states in its content, for where nothing else tells it.
///
/// This is a look at a member and not the reading of a document: that is
/// [`AnyDocument::parse`](crate::AnyDocument::parse), which then verifies it.
pub fn stated_media_type(document: &[u8]) -> Option<MediaType> {
    let members: BTreeMap<String, &RawValue> = serde_json::from_slice(document).ok()?;
    let media_type: String = serde_json::from_str(members.get("mediaType")?.get()).ok()?;
    let is_visible = !media_type.is_empty() && media_type.bytes().all(|it| it.is_ascii_graphic());
    is_visible.then(|| media_type.into())
}
