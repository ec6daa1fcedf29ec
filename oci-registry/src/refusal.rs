//! The answers that say no.

use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};

use crate::reply::Reply;

/// The codes of the specification.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Code {
    BlobUnknown,
    BlobUploadInvalid,
    BlobUploadUnknown,
    DigestInvalid,
    ManifestBlobUnknown,
    ManifestInvalid,
    ManifestUnknown,
    NameInvalid,
    NameUnknown,
    SizeInvalid,
    Unauthorized,
    Denied,
    Unsupported,
    TooManyRequests,
}

impl Code {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::BlobUnknown => "BLOB_UNKNOWN",
            Self::BlobUploadInvalid => "BLOB_UPLOAD_INVALID",
            Self::BlobUploadUnknown => "BLOB_UPLOAD_UNKNOWN",
            Self::DigestInvalid => "DIGEST_INVALID",
            Self::ManifestBlobUnknown => "MANIFEST_BLOB_UNKNOWN",
            Self::ManifestInvalid => "MANIFEST_INVALID",
            Self::ManifestUnknown => "MANIFEST_UNKNOWN",
            Self::NameInvalid => "NAME_INVALID",
            Self::NameUnknown => "NAME_UNKNOWN",
            Self::SizeInvalid => "SIZE_INVALID",
            Self::Unauthorized => "UNAUTHORIZED",
            Self::Denied => "DENIED",
            Self::Unsupported => "UNSUPPORTED",
            Self::TooManyRequests => "TOOMANYREQUESTS",
        }
    }

    /// The status that goes with it, unless the place knows better.
    fn status(self) -> StatusCode {
        match self {
            Self::BlobUnknown
            | Self::BlobUploadUnknown
            | Self::ManifestBlobUnknown
            | Self::ManifestUnknown
            | Self::NameUnknown => StatusCode::NOT_FOUND,
            Self::Unauthorized => StatusCode::UNAUTHORIZED,
            Self::Denied => StatusCode::FORBIDDEN,
            Self::Unsupported => StatusCode::METHOD_NOT_ALLOWED,
            Self::TooManyRequests => StatusCode::TOO_MANY_REQUESTS,
            Self::BlobUploadInvalid
            | Self::DigestInvalid
            | Self::ManifestInvalid
            | Self::NameInvalid
            | Self::SizeInvalid => StatusCode::BAD_REQUEST,
        }
    }
}

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
    code: Code,
    message: String,
    detail: serde_json::Value,
}

impl Refusal {
    pub(crate) fn new(code: Code, message: impl Into<String>) -> Self {
        Self::Client(Box::new(ClientError {
            status: code.status(),
            headers: HeaderMap::new(),
            code,
            message: message.into(),
            detail: serde_json::Value::Null,
        }))
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

    pub(crate) fn detail(mut self, detail: serde_json::Value) -> Self {
        if let Self::Client(error) = &mut self {
            error.detail = detail;
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
        let mut error = serde_json::json!({
            "code": self.code.as_str(),
            "message": self.message,
        });
        if let (Some(members), false) = (error.as_object_mut(), self.detail.is_null()) {
            members.insert("detail".into(), self.detail);
        }
        let mut reply = Reply::new(self.status).json(&serde_json::json!({ "errors": [error] }));
        reply.headers.extend(self.headers);
        reply
    }
}

impl From<std::io::Error> for Refusal {
    fn from(error: std::io::Error) -> Self {
        Self::Store(error)
    }
}
