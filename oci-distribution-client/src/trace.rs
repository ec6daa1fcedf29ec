//! What the client does, as events of the crate `tracing`: never a header, a body, a query or a URL's user,
//! so that no event holds a secret.

use std::fmt;
use std::time::Duration;

use http::{Method, StatusCode};
use oci_image::reference::RegistryName;
use tracing::{debug, info};
use url::Url;

use crate::error::Error;
use crate::origin::{Origin, shown};

/// A request got the head of an answer.
pub(crate) fn answered(method: &Method, url: &Url, status: StatusCode, elapsed: Duration) {
    debug!(%method, url = shown(url), status = status.as_u16(), ?elapsed, "received an answer");
}

/// A request got no answer.
pub(crate) fn unanswered(method: &Method, url: &Url, elapsed: Duration) {
    debug!(%method, url = shown(url), ?elapsed, "received no answer");
}

/// A request is sent again after a wait.
pub(crate) fn retried(method: &Method, attempt: u32, failure: &dyn fmt::Debug, wait: Duration) {
    info!(%method, attempt, ?failure, ?wait, "retrying");
}

/// An answer sends a request to another place.
pub(crate) fn redirected(from: &Url, to: &Url) {
    let origin = |url| Origin::of(url).map(|origin| origin.to_string()).unwrap_or_default();
    debug!(from = origin(from), to = origin(to), "following a redirect");
}

/// A mirror is passed over.
pub(crate) fn mirror_failed(mirror: &RegistryName, error: &Error) {
    info!(%mirror, kind = ?error.kind(), status = error.status(), "passing over a mirror");
}

/// A token is asked for.
pub(crate) fn token(
    registry: &RegistryName,
    realm: &Url,
    scopes: &dyn fmt::Display,
    anonymous: bool,
) {
    debug!(%registry, realm = shown(realm), %scopes, anonymous, "fetching a token");
}
