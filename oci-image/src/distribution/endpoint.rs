use std::fmt;

use oci_digest::ParseError;

use super::{SessionId, percent};
use crate::reference::NameError;
use crate::{Digest, RepositoryName, TagOrDigest};

/// What a path of the API names ([endpoints]). It prints as the path.
///
/// [endpoints]: https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#endpoints
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Endpoint {
    /// `/v2/`: whether this is a registry.
    Base,
    /// `/v2/_catalog`: its repositories, by Docker.
    Catalog,
    /// `/v2/<name>/blobs/<digest>`
    Blob(RepositoryName, Digest),
    /// `/v2/<name>/blobs/uploads/`
    Uploads(RepositoryName),
    /// `/v2/<name>/blobs/uploads/<session>`
    Upload(RepositoryName, SessionId),
    /// `/v2/<name>/manifests/<reference>`
    Manifest(RepositoryName, TagOrDigest),
    /// `/v2/<name>/tags/list`
    Tags(RepositoryName),
    /// `/v2/<name>/referrers/<digest>`
    Referrers(RepositoryName, Digest),
    /// `/v2/_oci/ext/discover`, or `/v2/<name>/_oci/ext/discover`: the [extensions] of a registry or a repository.
    ///
    /// [extensions]: https://github.com/opencontainers/distribution-spec/blob/v1.1.1/extensions/_oci.md
    Extensions(Option<RepositoryName>),
}

/// Why a path names nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EndpointError {
    /// The API has no such path.
    #[error("the API has no such path")]
    Unknown,
    /// An escape (`%41`) is broken, or stands for what is not UTF-8 or not part of a name.
    #[error("the path has an escape that is broken, or not part of a name")]
    Encoding,
    /// What should be the name of a repository is not one.
    #[error(transparent)]
    Repository(NameError),
    /// What should be a tag is not one.
    #[error(transparent)]
    Tag(NameError),
    /// What should be a digest is not one.
    #[error(transparent)]
    Digest(ParseError),
    /// What should be an upload session is not one.
    #[error(transparent)]
    Session(NameError),
}

impl Endpoint {
    /// Reads a path from its end, as names have slashes and may have the words of the API.
    ///
    /// Each segment is decoded on its own and then read by its type: an encoded slash is part of a
    /// segment, and no name, tag or digest has one.
    ///
    /// # Errors
    /// If it names nothing.
    pub fn parse(path: &str) -> Result<Self, EndpointError> {
        let path = path.strip_prefix("/v2").ok_or(EndpointError::Unknown)?;
        if matches!(path, "" | "/") {
            return Ok(Self::Base);
        }
        let path = path.strip_prefix('/').ok_or(EndpointError::Unknown)?;
        let segments: Option<Vec<String>> = path.split('/').map(percent::decode).collect();
        let segments = segments.ok_or(EndpointError::Encoding)?;
        let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
        match segments.as_slice() {
            ["_catalog"] => Ok(Self::Catalog),
            ["_oci", "ext", "discover"] => Ok(Self::Extensions(None)),
            [name @ .., "_oci", "ext", "discover"] => Ok(Self::Extensions(Some(repository(name)?))),
            [name @ .., "blobs", "uploads"] | [name @ .., "blobs", "uploads", ""] => {
                repository(name).map(Self::Uploads)
            }
            [name @ .., "blobs", "uploads", session] => {
                let session = session.parse().map_err(EndpointError::Session)?;
                Ok(Self::Upload(repository(name)?, session))
            }
            [name @ .., "blobs", text] => Ok(Self::Blob(repository(name)?, digest(text)?)),
            [name @ .., "manifests", text] => {
                Ok(Self::Manifest(repository(name)?, tag_or_digest(text)?))
            }
            [name @ .., "tags", "list"] => repository(name).map(Self::Tags),
            [name @ .., "referrers", text] => Ok(Self::Referrers(repository(name)?, digest(text)?)),
            _ => Err(EndpointError::Unknown),
        }
    }
}

fn repository(segments: &[&str]) -> Result<RepositoryName, EndpointError> {
    let name = segments.join("/");
    // A slash that was encoded is not a separator, though it looks like one once joined.
    match segments.iter().any(|segment| segment.contains('/')) {
        true => Err(EndpointError::Encoding),
        false => name.parse().map_err(EndpointError::Repository),
    }
}

fn digest(text: &str) -> Result<Digest, EndpointError> {
    text.parse().map_err(EndpointError::Digest)
}

fn tag_or_digest(text: &str) -> Result<TagOrDigest, EndpointError> {
    match text.contains(':') {
        true => digest(text).map(TagOrDigest::Digest),
        false => text.parse().map(TagOrDigest::Tag).map_err(EndpointError::Tag),
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Base => f.write_str("/v2/"),
            Self::Catalog => f.write_str("/v2/_catalog"),
            Self::Blob(name, digest) => write!(f, "/v2/{name}/blobs/{digest}"),
            Self::Uploads(name) => write!(f, "/v2/{name}/blobs/uploads/"),
            Self::Upload(name, session) => write!(f, "/v2/{name}/blobs/uploads/{session}"),
            Self::Manifest(name, reference) => write!(f, "/v2/{name}/manifests/{reference}"),
            Self::Tags(name) => write!(f, "/v2/{name}/tags/list"),
            Self::Referrers(name, digest) => write!(f, "/v2/{name}/referrers/{digest}"),
            Self::Extensions(None) => f.write_str("/v2/_oci/ext/discover"),
            Self::Extensions(Some(name)) => write!(f, "/v2/{name}/_oci/ext/discover"),
        }
    }
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
            ("/v2", Endpoint::Base),
            ("/v2/", Endpoint::Base),
            ("/v2/_catalog", Endpoint::Catalog),
            ("/v2/_oci/ext/discover", Endpoint::Extensions(None)),
            ("/v2/a/b/_oci/ext/discover", Endpoint::Extensions(Some(name("a/b")))),
            ("/v2/a/tags/list", Endpoint::Tags(name("a"))),
            ("/v2/tags/list/tags/list", Endpoint::Tags(name("tags/list"))),
            ("/v2/a/blobs/uploads/", Endpoint::Uploads(name("a"))),
            ("/v2/a/blobs/uploads", Endpoint::Uploads(name("a"))),
            ("/v2/blobs/uploads/blobs/uploads/", Endpoint::Uploads(name("blobs/uploads"))),
            ("/v2/a/manifests/manifests/v1", manifest("a/manifests", "v1")),
            ("/v2/a/b/c/manifests/list", manifest("a/b/c", "list")),
        ] {
            assert_eq!(Endpoint::parse(path), Ok(expected), "{path}");
        }
    }

    fn manifest(repository: &str, tag: &str) -> Endpoint {
        Endpoint::Manifest(name(repository), TagOrDigest::Tag(tag.parse().unwrap()))
    }

    // covers: DIST-GEN-06
    #[test]
    fn a_reference_is_a_digest_or_a_tag() {
        let digest = Digest::EMPTY_JSON;
        let expected = Endpoint::Manifest(name("a"), TagOrDigest::Digest(digest.clone()));
        assert_eq!(Endpoint::parse(&format!("/v2/a/manifests/{digest}")), Ok(expected.clone()));
        let escaped = digest.as_str().replace(':', "%3A");
        assert_eq!(Endpoint::parse(&format!("/v2/a/manifests/{escaped}")), Ok(expected));
        for (reference, is_digest) in [
            ("sha256:abc", true),
            ("-a", false),
            ("", false),
            ("a%2fb", false),
            ("a%00", false),
            ("..", false),
        ] {
            let error = Endpoint::parse(&format!("/v2/a/manifests/{reference}")).unwrap_err();
            assert_eq!(
                matches!(error, EndpointError::Digest(_)),
                is_digest,
                "{reference}: {error}"
            );
            assert_eq!(matches!(error, EndpointError::Tag(_)), !is_digest, "{reference}: {error}");
        }
    }

    #[test]
    fn hostile_names_are_refused() {
        for bad in
            ["..", "a/../b", "a%2fb", "%2e%2e", "a%00", "A", "a//b", "", ".", "a/", "%ff", "é"]
        {
            assert!(
                matches!(
                    Endpoint::parse(&format!("/v2/{bad}/tags/list")),
                    Err(EndpointError::Repository(_) | EndpointError::Encoding)
                ),
                "{bad}"
            );
        }
    }

    proptest! {
        #[test]
        fn parses_what_is_printed(repository in "[a-z0-9]{1,4}([._/-][a-z0-9]{1,4}){0,3}", tag in "[a-zA-Z0-9_][a-zA-Z0-9._-]{0,9}") {
            prop_assert_eq!(
                Endpoint::parse(&format!("/v2/{repository}/manifests/{tag}")),
                Ok(manifest(&repository, &tag))
            );
        }

        #[test]
        fn never_panics_nor_lets_a_dot_dot_through(path in "(/v2)?(/(\\.\\.|%2f|%00|a|blobs|uploads|manifests|tags|list|referrers|sha256:[a-f0-9]{64}|[^/]*)){0,6}") {
            if let Ok(endpoint) = Endpoint::parse(&path) {
                let text = format!("{endpoint:?}");
                prop_assert!(!text.contains("..") || path.contains("manifests/"), "{}", text);
                prop_assert!(!text.contains('\0'));
                prop_assert_eq!(Endpoint::parse(&endpoint.to_string()), Ok(endpoint));
            }
        }
    }
}
