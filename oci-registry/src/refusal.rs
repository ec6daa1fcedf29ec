//! The answers that say no.

use std::collections::BTreeMap;

use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use oci_digest::Digest;
use oci_image::distribution::{ErrorCode, ErrorResponse, RegistryError};
use oci_image::json::Value;

use crate::reply::Reply;

/// A request that is not carried out, and why.
#[derive(Debug)]
pub(crate) enum Refusal {
    /// The client's fault: status, headers and a body of the specification's form.
    Client(Box<ClientError>),
    /// The store's fault.
    Store(std::io::Error),
}

#[derive(Debug)]
pub(crate) struct ClientError {
    status: StatusCode,
    headers: HeaderMap,
    error: RegistryError,
}

impl Refusal {
    pub(crate) fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        let status = status_of(&code);
        let mut error = RegistryError::new(code);
        error.message = Some(message.into());
        Self::Client(Box::new(ClientError { status, headers: HeaderMap::new(), error }))
    }

    pub(crate) fn status(mut self, status: StatusCode) -> Self {
        if let Self::Client(error) = &mut self {
            error.status = status;
        }
        self
    }

    pub(crate) fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        if let Self::Client(error) = &mut self {
            error.headers.append(name, value);
        }
        self
    }

    /// Says in the detail which content is meant.
    pub(crate) fn about(self, digest: &Digest) -> Self {
        self.detail([("digest", digest.as_str().to_owned())])
    }

    /// Adds to the detail what it does not say yet.
    pub(crate) fn detail(
        mut self,
        members: impl IntoIterator<Item = (&'static str, String)>,
    ) -> Self {
        let Self::Client(error) = &mut self else { return self };
        let detail = error.error.detail.get_or_insert_with(|| Value::Object(BTreeMap::new()));
        if let Value::Object(detail) = detail {
            for (name, value) in members {
                detail.entry(name.to_owned()).or_insert(Value::String(value));
            }
        }
        self
    }

    pub(crate) fn into_reply(self) -> Reply {
        match self {
            Self::Client(error) => error.into_reply(),
            Self::Store(_) => Reply::new(StatusCode::INTERNAL_SERVER_ERROR)
                .header(http::header::CONTENT_TYPE, "text/plain")
                .bytes("the store failed\n"),
        }
    }
}

impl ClientError {
    fn into_reply(self) -> Reply {
        let mut response = ErrorResponse::new();
        response.errors.push(self.error);
        let mut reply = Reply::new(self.status).json(&response);
        reply.headers.extend(self.headers);
        reply
    }
}

impl From<std::io::Error> for Refusal {
    fn from(error: std::io::Error) -> Self {
        Self::Store(error)
    }
}

/// The status that goes with a code, unless the place knows better.
fn status_of(code: &ErrorCode) -> StatusCode {
    match code {
        ErrorCode::BlobUnknown
        | ErrorCode::BlobUploadUnknown
        | ErrorCode::ManifestBlobUnknown
        | ErrorCode::ManifestUnknown
        | ErrorCode::NameUnknown => StatusCode::NOT_FOUND,
        ErrorCode::Unauthorized => StatusCode::UNAUTHORIZED,
        ErrorCode::Denied => StatusCode::FORBIDDEN,
        ErrorCode::Unsupported => StatusCode::METHOD_NOT_ALLOWED,
        ErrorCode::TooManyRequests => StatusCode::TOO_MANY_REQUESTS,
        _ => StatusCode::BAD_REQUEST,
    }
}
