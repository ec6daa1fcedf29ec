//! The host that a request is for.

use http::uri::Authority;
use http::{HeaderValue, StatusCode, Version, header, request};
use oci_image::distribution::ErrorCode;

use crate::refusal::Refusal;

/// Refuses what a connection brought for no host, for several, or for one that cannot be: servers in between may
/// take such a request for another one ([RFC 9112] 3.2, [RFC 9113] 8.3.1).
///
/// [RFC 9112]: https://www.rfc-editor.org/rfc/rfc9112#section-3.2
/// [RFC 9113]: https://www.rfc-editor.org/rfc/rfc9113#section-8.3.1
pub(crate) fn check(head: &request::Parts) -> Result<(), Refusal> {
    let authority = head.uri.authority();
    let headers: Vec<_> = head.headers.get_all(header::HOST).iter().collect();
    let reason = match (headers.as_slice(), authority) {
        ([], _) if head.version == Version::HTTP_11 => "it is not there",
        ([], None) if head.version >= Version::HTTP_2 => "it is not there",
        ([], _) => return Ok(()),
        ([host], _) if !is_host(host) => "it is not a host",
        ([host], Some(authority))
            if head.version >= Version::HTTP_2 && *host != authority.as_str() =>
        {
            "`:authority` is another one"
        }
        ([_], _) => return Ok(()),
        _ => "it is there more than once",
    };
    let message = format!("cannot use the header `Host` of the request: {reason}");
    Err(Refusal::new(ErrorCode::Unsupported, message).status(StatusCode::BAD_REQUEST))
}

/// The host that the client asked, for links back to here; it goes into a quoted string.
pub(crate) fn of(head: &request::Parts) -> &str {
    let header = head.headers.get(header::HOST).and_then(|host| host.to_str().ok());
    let host = head.uri.authority().map(Authority::as_str).or(header);
    host.filter(|host| is_authority(host)).unwrap_or("localhost")
}

/// An empty one says that the URL has none.
fn is_host(header: &HeaderValue) -> bool {
    header.to_str().is_ok_and(|host| host.is_empty() || is_authority(host))
}

fn is_authority(host: &str) -> bool {
    host.parse::<Authority>().is_ok() && !host.contains('@')
}
