use std::time::Duration;

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Method, StatusCode, header};
use oci_image::distribution::{ErrorCode, ErrorResponse, header as names, query};
use oci_image::json;

mod apply;
mod requests;

pub use apply::Disconnect;
pub(crate) use apply::Faults;
use requests::Requests;

/// Something that goes wrong on demand, so that a client's error paths can be tested.
///
/// A `Fault` of `oci-layout` is something wrong that was found in a layout.
///
/// The first argument of every constructor says which requests are meant: those whose path and query contain this text
/// (`""`: all). [`method`](Self::method), [`after`](Self::after), [`times`](Self::times) and others narrow it.
/// Several faults may meet the same request; the first that gives an answer of its own wins, and the
/// ones that change an answer change it in their order.
///
/// ```
/// use http::{Method, StatusCode};
/// use oci_registry::Fault;
///
/// let faults = [
///     // Two refusals, and then it works.
///     Fault::status("/manifests/", StatusCode::TOO_MANY_REQUESTS).header("retry-after", "0").times(2),
///     // The second blob breaks off, once.
///     Fault::cut_body("/blobs/", 1000).method(Method::GET).after(1).times(1),
/// ];
/// ```
#[derive(Clone, Debug)]
pub struct Fault {
    requests: Requests,
    effect: Effect,
}

#[derive(Clone, Debug)]
enum Effect {
    // Instead of the answer.
    Answer { status: StatusCode, headers: Vec<(HeaderName, HeaderValue)>, body: Bytes },
    RedirectLoop,
    Disconnect,
    // Before the request is carried out.
    Delay(Duration),
    DropRequestHeaders(Vec<HeaderName>),
    WrongRange,
    DropQuery(&'static str),
    LastOfQuery(&'static str),
    DashedDigests,
    // After it was carried out.
    LoseAnswer,
    CutBody(u64),
    SlowBody { piece: usize, pause: Duration },
    WrongBytes,
    TruncateBody(u64),
    ExtendBody(Bytes),
    SetHeader(HeaderName, HeaderValue),
    DropHeader(HeaderName),
    LinkLoop,
    SetStatus(StatusCode),
    RangeOfChunk,
}

/// Answers instead of the registry.
impl Fault {
    /// A status, with an error body of the specification's form when it is an error.
    pub fn status(path: impl Into<String>, status: StatusCode) -> Self {
        let body = if status.is_client_error() {
            let code = match status {
                StatusCode::UNAUTHORIZED => ErrorCode::Unauthorized,
                StatusCode::FORBIDDEN => ErrorCode::Denied,
                StatusCode::TOO_MANY_REQUESTS => ErrorCode::TooManyRequests,
                _ => ErrorCode::Unsupported,
            };
            let response = ErrorResponse::of(code, "this fault was asked for");
            json::to_vec(&response).unwrap_or_default()
        } else {
            Vec::new()
        };
        let fault = Self::answer(path, status, body);
        if status.is_client_error() {
            fault.header("content-type", "application/json")
        } else {
            fault
        }
    }

    /// A status with a body of your own.
    pub fn answer(path: impl Into<String>, status: StatusCode, body: impl Into<Bytes>) -> Self {
        Self::new(path, Effect::Answer { status, headers: Vec::new(), body: body.into() })
    }

    /// A redirect (307) to a location, which may be of another host.
    pub fn redirect(path: impl Into<String>, location: &str) -> Self {
        Self::answer(path, StatusCode::TEMPORARY_REDIRECT, "").header("location", location)
    }

    /// A redirect (307) to the very URL that was asked for.
    pub fn redirect_loop(path: impl Into<String>) -> Self {
        Self::new(path, Effect::RedirectLoop)
    }

    /// The connection is closed without an answer, and nothing was done.
    pub fn disconnect(path: impl Into<String>) -> Self {
        Self::new(path, Effect::Disconnect)
    }
}

/// Changes of what the registry understands.
impl Fault {
    /// Waits before it does anything.
    pub fn delay(path: impl Into<String>, delay: Duration) -> Self {
        Self::new(path, Effect::Delay(delay))
    }

    /// Answers with the whole blob (200) where a range was asked for.
    pub fn ignore_range(path: impl Into<String>) -> Self {
        Self::new(path, Effect::DropRequestHeaders(vec![header::RANGE]))
    }

    /// Ignores `If-Match` and `If-None-Match`, as most registries do.
    pub fn ignore_conditions(path: impl Into<String>) -> Self {
        let conditions = vec![header::IF_MATCH, header::IF_NONE_MATCH];
        Self::new(path, Effect::DropRequestHeaders(conditions))
    }

    /// Answers with a range (206) that begins at 0, whatever was asked for. The answer is honest about
    /// it in its `Content-Range`.
    pub fn wrong_range(path: impl Into<String>) -> Self {
        Self::new(path, Effect::WrongRange)
    }

    /// Answers a mount with an upload session (202), as registries may that do not have the blob.
    pub fn refuse_mount(path: impl Into<String>) -> Self {
        Self::new(path, Effect::DropQuery(query::MOUNT))
    }

    /// Answers the push of a blob by a single `POST` with an upload session (202), as registries may.
    pub fn refuse_single_post(path: impl Into<String>) -> Self {
        Self::new(path, Effect::DropQuery(query::DIGEST)).method(Method::POST)
    }

    /// Ignores the tags of a push by digest, as registries do that know v1.1 only.
    pub fn ignore_tags(path: impl Into<String>) -> Self {
        Self::new(path, Effect::DropQuery(query::TAG))
    }

    /// Ignores the filter for referrers, as registries may.
    pub fn ignore_filter(path: impl Into<String>) -> Self {
        Self::new(path, Effect::DropQuery(query::ARTIFACT_TYPE))
    }

    /// Reads only the last `scope` of several in a request for a token.
    pub fn last_scope(path: impl Into<String>) -> Self {
        Self::new(path, Effect::LastOfQuery("scope"))
    }

    /// Takes the tag `sha256-…` for the digest `sha256:…`, as no registry should: clients without the API for
    /// referrers keep a list under such a tag.
    pub fn dashed_digests(path: impl Into<String>) -> Self {
        Self::new(path, Effect::DashedDigests)
    }
}

/// Changes of the answer, after the request was carried out.
impl Fault {
    /// Closes the connection without an answer, though the work is done.
    pub fn lose_answer(path: impl Into<String>) -> Self {
        Self::new(path, Effect::LoseAnswer)
    }

    /// Closes the connection after this many bytes of the body. `Content-Length` is that of the whole,
    /// so the client can see it.
    pub fn cut_body(path: impl Into<String>, bytes: u64) -> Self {
        Self::new(path, Effect::CutBody(bytes))
    }

    /// Sends the body in pieces of so many bytes, with a pause before each.
    pub fn slow_body(path: impl Into<String>, piece: usize, pause: Duration) -> Self {
        Self::new(path, Effect::SlowBody { piece: piece.max(1), pause })
    }

    /// Changes one bit of the body, in its first byte. Size and headers stay.
    pub fn wrong_bytes(path: impl Into<String>) -> Self {
        Self::new(path, Effect::WrongBytes)
    }

    /// Sends the first bytes of the body only, as if they were all: `Content-Length` agrees.
    pub fn truncate_body(path: impl Into<String>, bytes: u64) -> Self {
        Self::new(path, Effect::TruncateBody(bytes))
    }

    /// Sends more bytes after the body, as if they were part of it: `Content-Length` agrees.
    pub fn extend_body(path: impl Into<String>, bytes: impl Into<Bytes>) -> Self {
        Self::new(path, Effect::ExtendBody(bytes.into()))
    }

    /// Says in `Docker-Content-Digest` that the content is another: the digest of nothing.
    pub fn wrong_digest_header(path: impl Into<String>) -> Self {
        let digest = oci_digest::Digest::sha256([]);
        Self::set_header(path, names::CONTENT_DIGEST, digest.as_str())
    }

    /// Sets a header of the answer.
    ///
    /// # Panics
    /// If name or value cannot be those of a header: both are written in the test.
    pub fn set_header(path: impl Into<String>, name: &str, value: &str) -> Self {
        let (name, value) = header_of(name, value);
        Self::new(path, Effect::SetHeader(name, value))
    }

    /// Leaves a header out of the answer, such as `docker-content-digest`, `content-length`,
    /// `location`, `oci-subject` or `range`. A body without `content-length` is sent in chunks.
    ///
    /// # Panics
    /// If the name cannot be that of a header: it is written in the test.
    pub fn without_header(path: impl Into<String>, name: &str) -> Self {
        Self::new(path, Effect::DropHeader(header_name(name)))
    }

    /// Gives the answer another status. Its headers stay.
    pub fn set_status(path: impl Into<String>, status: StatusCode) -> Self {
        Self::new(path, Effect::SetStatus(status))
    }

    /// Says in `Range` how long the chunk was that was received last, and not how much there is of the upload.
    pub fn range_of_chunk(path: impl Into<String>) -> Self {
        Self::new(path, Effect::RangeOfChunk)
    }

    /// Says in `Link` that the next page is this very page.
    pub fn link_loop(path: impl Into<String>) -> Self {
        Self::new(path, Effect::LinkLoop)
    }
}

/// More of an answer.
impl Fault {
    /// Adds a header to an answer that the fault gives itself ([`status`](Self::status), [`answer`](Self::answer),
    /// [`redirect`](Self::redirect)), such as `retry-after` or `www-authenticate`. Other faults give no
    /// answer and stay as they are.
    ///
    /// # Panics
    /// If name or value cannot be those of a header: both are written in the test.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        if let Effect::Answer { headers, .. } = &mut self.effect {
            headers.push(header_of(name, value));
        }
        self
    }
}

fn header_of(name: &str, value: &str) -> (HeaderName, HeaderValue) {
    (header_name(name), value.parse().expect("a fault's header value is written in the test"))
}

fn header_name(name: &str) -> HeaderName {
    name.parse().expect("a fault's header name is written in the test")
}

/// One fault is a list of one.
impl IntoIterator for Fault {
    type Item = Self;
    type IntoIter = std::iter::Once<Self>;

    fn into_iter(self) -> Self::IntoIter {
        std::iter::once(self)
    }
}
