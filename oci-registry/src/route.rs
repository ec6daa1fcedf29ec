//! From a path to what it names.

use oci_digest::Digest;
use uuid::Uuid;

use crate::{RepositoryName, Tag, percent};

/// What the path of a request names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Route {
    /// `/v2/`
    Base,
    /// `/token`, where tokens are to be had
    Token,
    /// `/v2/_catalog`
    Catalog,
    /// `/v2/<name>/blobs/<digest>`
    Blob(RepositoryName, Digest),
    /// `/v2/<name>/blobs/uploads/`
    Uploads(RepositoryName),
    /// `/v2/<name>/blobs/uploads/<session>`
    Upload(RepositoryName, Uuid),
    /// `/v2/<name>/manifests/<reference>`
    Manifest(RepositoryName, Reference),
    /// `/v2/<name>/tags/list`
    Tags(RepositoryName),
    /// `/v2/<name>/referrers/<digest>`
    Referrers(RepositoryName, Digest),
}

/// How a manifest is named: a digest or a tag, nothing else.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Reference {
    Tag(Tag),
    Digest(Digest),
}

/// Why a path names nothing. The text is what was wrong, decoded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum RouteError {
    Unknown,
    Repository(String),
    Reference(String),
    Digest(String),
    Session(String),
}

impl Route {
    /// Reads a path from its end, as names have slashes and may have the words of the API.
    ///
    /// Each segment is decoded on its own and then read by its type: an encoded slash is part of a
    /// segment, and no name, tag or digest has one.
    pub(crate) fn parse(path: &str) -> Result<Self, RouteError> {
        if path == "/token" {
            return Ok(Self::Token);
        }
        let path = path.strip_prefix("/v2").ok_or(RouteError::Unknown)?;
        if matches!(path, "" | "/") {
            return Ok(Self::Base);
        }
        let path = path.strip_prefix('/').ok_or(RouteError::Unknown)?;
        let segments: Option<Vec<String>> = path.split('/').map(percent::decode).collect();
        let segments = segments.ok_or_else(|| RouteError::Repository(path.into()))?;
        let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
        match segments.as_slice() {
            ["_catalog"] => Ok(Self::Catalog),
            [name @ .., "blobs", "uploads"] | [name @ .., "blobs", "uploads", ""] => {
                repository(name).map(Self::Uploads)
            }
            [name @ .., "blobs", "uploads", session] => {
                Ok(Self::Upload(repository(name)?, parse_session(session)?))
            }
            [name @ .., "blobs", digest] => {
                Ok(Self::Blob(repository(name)?, parse_digest(digest)?))
            }
            [name @ .., "manifests", reference] => {
                Ok(Self::Manifest(repository(name)?, parse_reference(reference)?))
            }
            [name @ .., "tags", "list"] => repository(name).map(Self::Tags),
            [name @ .., "referrers", digest] => {
                Ok(Self::Referrers(repository(name)?, parse_digest(digest)?))
            }
            _ => Err(RouteError::Unknown),
        }
    }
}

fn repository(segments: &[&str]) -> Result<RepositoryName, RouteError> {
    let name = segments.join("/");
    // A slash that was encoded is no separator, though it looks like one once joined.
    let encoded_slash = segments.iter().any(|segment| segment.contains('/'));
    match name.parse() {
        Ok(name) if !encoded_slash => Ok(name),
        _ => Err(RouteError::Repository(name)),
    }
}

fn parse_digest(text: &str) -> Result<Digest, RouteError> {
    text.parse().map_err(|_| RouteError::Digest(text.into()))
}

fn parse_session(text: &str) -> Result<Uuid, RouteError> {
    Uuid::try_parse(text).map_err(|_| RouteError::Session(text.into()))
}

fn parse_reference(text: &str) -> Result<Reference, RouteError> {
    if text.contains(':') {
        return parse_digest(text).map(Reference::Digest);
    }
    text.parse().map(Reference::Tag).map_err(|_| RouteError::Reference(text.into()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn name(text: &str) -> RepositoryName {
        text.parse().unwrap()
    }

    #[test]
    fn names_may_have_the_words_of_the_api() {
        for (path, expected) in [
            ("/v2", Route::Base),
            ("/v2/", Route::Base),
            ("/v2/_catalog", Route::Catalog),
            ("/v2/a/tags/list", Route::Tags(name("a"))),
            ("/v2/tags/list/tags/list", Route::Tags(name("tags/list"))),
            ("/v2/a/blobs/uploads/", Route::Uploads(name("a"))),
            ("/v2/a/blobs/uploads", Route::Uploads(name("a"))),
            ("/v2/blobs/uploads/blobs/uploads/", Route::Uploads(name("blobs/uploads"))),
            ("/v2/a/manifests/manifests/v1", manifest("a/manifests", "v1")),
            ("/v2/a/b/c/manifests/list", manifest("a/b/c", "list")),
        ] {
            assert_eq!(Route::parse(path), Ok(expected), "{path}");
        }
    }

    fn manifest(repository: &str, tag: &str) -> Route {
        Route::Manifest(name(repository), Reference::Tag(tag.parse().unwrap()))
    }

    // covers: DIST-GEN-06
    #[test]
    fn a_reference_is_a_digest_or_a_tag() {
        let digest = Digest::EMPTY_JSON;
        let expected = Route::Manifest(name("a"), Reference::Digest(digest.clone()));
        assert_eq!(Route::parse(&format!("/v2/a/manifests/{digest}")), Ok(expected.clone()));
        let escaped = digest.as_str().replace(':', "%3A");
        assert_eq!(Route::parse(&format!("/v2/a/manifests/{escaped}")), Ok(expected));
        for (reference, wrong) in [
            ("sha256:abc", RouteError::Digest("sha256:abc".into())),
            ("-a", RouteError::Reference("-a".into())),
            ("", RouteError::Reference(String::new())),
            ("a%2fb", RouteError::Reference("a/b".into())),
            ("a%00", RouteError::Reference("a\0".into())),
            ("..", RouteError::Reference("..".into())),
        ] {
            assert_eq!(Route::parse(&format!("/v2/a/manifests/{reference}")), Err(wrong));
        }
    }

    #[test]
    fn hostile_names_are_refused() {
        for bad in
            ["..", "a/../b", "a%2fb", "%2e%2e", "a%00", "A", "a//b", "", ".", "a/", "%ff", "é"]
        {
            assert!(
                matches!(
                    Route::parse(&format!("/v2/{bad}/tags/list")),
                    Err(RouteError::Repository(_))
                ),
                "{bad}"
            );
        }
    }

    proptest! {
        #[test]
        fn parses_what_is_printed(repository in "[a-z0-9]{1,4}([._/-][a-z0-9]{1,4}){0,3}", tag in "[a-zA-Z0-9_][a-zA-Z0-9._-]{0,9}") {
            prop_assert_eq!(
                Route::parse(&format!("/v2/{repository}/manifests/{tag}")),
                Ok(manifest(&repository, &tag))
            );
        }

        #[test]
        fn never_panics_nor_lets_a_dot_dot_through(path in "(/v2)?(/(\\.\\.|%2f|%00|a|blobs|uploads|manifests|tags|list|referrers|sha256:[a-f0-9]{64}|[^/]*)){0,6}") {
            if let Ok(route) = Route::parse(&path) {
                let text = format!("{route:?}");
                prop_assert!(!text.contains("..") || path.contains("manifests/"), "{}", text);
                prop_assert!(!text.contains('\0'));
            }
        }
    }
}
