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
