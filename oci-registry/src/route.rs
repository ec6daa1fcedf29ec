//! From a path to what it names: the API's endpoints.

use oci_digest::Digest;
use oci_image::distribution::{Endpoint, EndpointError};
use oci_image::{RepositoryName, TagOrDigest};
use uuid::Uuid;

/// What the path of a request names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Route {
    /// The place for tokens, which no specification knows: challenges lead there.
    Token,
    Base,
    Catalog,
    Blob(RepositoryName, Digest),
    Uploads(RepositoryName),
    /// Sessions are numbers here.
    Upload(RepositoryName, Uuid),
    Manifest(RepositoryName, TagOrDigest),
    Tags(RepositoryName),
    Referrers(RepositoryName, Digest),
}

/// Why a path names nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum RouteError {
    #[error(transparent)]
    Endpoint(#[from] EndpointError),
    #[error("cannot use that name as an upload session: it is not a UUID")]
    Session,
}

impl Route {
    /// What it names, for the detail of errors.
    pub(crate) fn named(&self) -> Vec<(&'static str, String)> {
        let mut named: Vec<_> =
            self.repository().map(|name| ("name", name.to_string())).into_iter().collect();
        named.extend(match self {
            Self::Token | Self::Base | Self::Catalog | Self::Uploads(_) | Self::Tags(_) => None,
            Self::Blob(_, digest) | Self::Referrers(_, digest) => {
                Some(("digest", digest.to_string()))
            }
            Self::Upload(_, id) => Some(("upload", id.to_string())),
            Self::Manifest(_, TagOrDigest::Tag(tag)) => Some(("tag", tag.to_string())),
            Self::Manifest(_, TagOrDigest::Digest(digest)) => Some(("digest", digest.to_string())),
        });
        named
    }

    /// The same in another repository.
    pub(crate) fn in_repository(self, name: RepositoryName) -> Self {
        match self {
            Self::Token | Self::Base | Self::Catalog => self,
            Self::Blob(_, digest) => Self::Blob(name, digest),
            Self::Uploads(_) => Self::Uploads(name),
            Self::Upload(_, id) => Self::Upload(name, id),
            Self::Manifest(_, reference) => Self::Manifest(name, reference),
            Self::Tags(_) => Self::Tags(name),
            Self::Referrers(_, digest) => Self::Referrers(name, digest),
        }
    }

    /// The repository that it is of.
    pub(crate) fn repository(&self) -> Option<&RepositoryName> {
        match self {
            Self::Token | Self::Base | Self::Catalog => None,
            Self::Blob(name, _)
            | Self::Uploads(name)
            | Self::Upload(name, _)
            | Self::Manifest(name, _)
            | Self::Tags(name)
            | Self::Referrers(name, _) => Some(name),
        }
    }

    pub(crate) fn parse(path: &str) -> Result<Self, RouteError> {
        Ok(match Endpoint::parse(path)? {
            Endpoint::Base => Self::Base,
            Endpoint::Catalog => Self::Catalog,
            Endpoint::Blob(name, digest) => Self::Blob(name, digest),
            Endpoint::Uploads(name) => Self::Uploads(name),
            Endpoint::Upload(name, session) => {
                let id = Uuid::try_parse(session.as_str()).map_err(|_| RouteError::Session)?;
                Self::Upload(name, id)
            }
            Endpoint::Manifest(name, reference) => Self::Manifest(name, reference),
            Endpoint::Tags(name) => Self::Tags(name),
            Endpoint::Referrers(name, digest) => Self::Referrers(name, digest),
            // An endpoint that the model learns before this server does.
            _ => return Err(EndpointError::Unknown.into()),
        })
    }
}
