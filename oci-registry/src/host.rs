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
    let Some(reason) = fault(head) else { return Ok(()) };
    let message = format!("cannot use the header `Host` of the request: {reason}");
    Err(Refusal::new(ErrorCode::Unsupported, message).status(StatusCode::BAD_REQUEST))
}

fn fault(head: &request::Parts) -> Option<&'static str> {
    let authority = head.uri.authority();
    let headers: Vec<_> = head.headers.get_all(header::HOST).iter().collect();
    match (headers.as_slice(), authority) {
        ([], _) if head.version == Version::HTTP_11 => Some(MISSING),
        ([], None) if head.version >= Version::HTTP_2 => Some(MISSING),
        ([], _) => None,
        ([host], _) if !is_host(host) => Some("it is not a host"),
        ([host], Some(authority))
            if head.version >= Version::HTTP_2 && *host != authority.as_str() =>
        {
            Some("`:authority` is another one")
        }
        ([_], _) => None,
        _ => Some("it is there more than once"),
    }
}

const MISSING: &str = "it is not there";

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

#[cfg(test)]
mod tests {
    use http::Request;

    use super::*;

    #[test]
    fn a_request_is_for_one_host_by_each_version_of_http() {
        const ANOTHER: &str = "`:authority` is another one";
        for (version, url, hosts, wrong) in [
            (Version::HTTP_2, "http://a/v2/", [].as_slice(), None),
            (Version::HTTP_2, "http://a/v2/", &["a"], None),
            (Version::HTTP_2, "/v2/", &["a"], None),
            (Version::HTTP_2, "/v2/", &[], Some(MISSING)),
            (Version::HTTP_3, "/v2/", &[], Some(MISSING)),
            (Version::HTTP_2, "http://a/v2/", &["b"], Some(ANOTHER)),
            (Version::HTTP_2, "http://a:80/v2/", &["a"], Some(ANOTHER)),
            (Version::HTTP_2, "http://a/v2/", &["a", "a"], Some("it is there more than once")),
            (Version::HTTP_2, "http://a/v2/", &["user@a"], Some("it is not a host")),
            // What a proxy is asked by: the header is not to be believed (RFC 9112 3.2.2).
            (Version::HTTP_11, "http://a/v2/", &["b"], None),
            (Version::HTTP_11, "http://a/v2/", &[], Some(MISSING)),
            (Version::HTTP_10, "/v2/", &[], None),
        ] {
            let request = Request::get(url).version(version);
            let request = hosts.iter().fold(request, |it, host| it.header(header::HOST, *host));
            let (head, ()) = request.body(()).unwrap().into_parts();
            assert_eq!(fault(&head), wrong, "{version:?} {url} {hosts:?}");
        }
    }
}
