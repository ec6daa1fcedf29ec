//! Conditions of a request on what is there now.

use http::{HeaderMap, HeaderName, header};
use oci_digest::Digest;
use oci_image::distribution::EntityTags;

/// What must be so for a request to be carried out ([RFC 9110]).
///
/// [RFC 9110]: https://www.rfc-editor.org/rfc/rfc9110#name-conditional-requests
#[derive(Debug)]
pub(crate) struct Conditions {
    if_match: Option<EntityTags>,
    if_none_match: Option<EntityTags>,
}

impl Conditions {
    pub(crate) fn of(headers: &HeaderMap) -> Self {
        Self {
            if_match: entity_tags(headers, header::IF_MATCH),
            if_none_match: entity_tags(headers, header::IF_NONE_MATCH),
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.if_match.is_none() && self.if_none_match.is_none()
    }

    /// Whether they hold where the content is `current`.
    pub(crate) fn hold(&self, current: Option<&Digest>) -> bool {
        let current = current.map(entity_tag);
        let current = current.as_deref();
        self.if_match.as_ref().is_none_or(|tags| tags.match_strongly(current))
            && !self.if_none_match.as_ref().is_some_and(|tags| tags.match_weakly(current))
    }

    /// Whether a client that asks for the content `current` has it already.
    pub(crate) fn is_cached(&self, current: &Digest) -> bool {
        let current = entity_tag(current);
        self.if_none_match.as_ref().is_some_and(|tags| tags.match_weakly(Some(&current)))
    }
}

/// The entity tag of content.
pub(crate) fn entity_tag(digest: &Digest) -> String {
    format!("\"{digest}\"")
}

/// A value that is not text is one that matches nothing.
fn entity_tags(headers: &HeaderMap, name: HeaderName) -> Option<EntityTags> {
    let values = headers.get_all(name);
    let values: Vec<_> = values.iter().map(|value| value.to_str().unwrap_or_default()).collect();
    (!values.is_empty()).then(|| EntityTags::parse(&values.join(",")))
}
