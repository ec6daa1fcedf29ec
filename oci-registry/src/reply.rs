//! An answer in the making.

use std::fmt::Display;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode, header};
use oci_image::json;
use serde::Serialize;

use crate::Body;

/// Status, headers and body, `Content-Length` always given.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Body,
}

impl Reply {
    pub(crate) fn new(status: StatusCode) -> Self {
        let reply = Self { status, headers: HeaderMap::new(), body: Body::empty() };
        // A 204 has no content, and must not say how long it is; a 304 would have to say it of the content that it
        // does not send.
        if matches!(status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED) {
            reply
        } else {
            reply.header(header::CONTENT_LENGTH, 0)
        }
    }

    /// Sets a header. Every value here is ASCII by the type that it is printed from; a value that is
    /// none (a damaged store) is left out.
    pub(crate) fn header(mut self, name: HeaderName, value: impl Display) -> Self {
        if let Ok(value) = HeaderValue::from_str(&value.to_string()) {
            self.headers.insert(name, value);
        }
        self
    }

    /// Adds one more header of this name.
    pub(crate) fn also(mut self, name: HeaderName, value: impl Display) -> Self {
        if let Ok(value) = HeaderValue::from_str(&value.to_string()) {
            self.headers.append(name, value);
        }
        self
    }

    pub(crate) fn bytes(self, bytes: impl Into<Bytes>) -> Self {
        let bytes = bytes.into();
        let length = bytes.len() as u64;
        self.body(Body::full(bytes), length)
    }

    /// A value that cannot be JSON, which no answer has, is a failure of the server.
    pub(crate) fn json(self, value: &impl Serialize) -> Self {
        let Ok(text) = json::to_vec(value) else {
            return Self::new(StatusCode::INTERNAL_SERVER_ERROR);
        };
        self.header(header::CONTENT_TYPE, "application/json").bytes(text)
    }

    pub(crate) fn body(mut self, body: Body, length: u64) -> Self {
        self.body = body;
        self.header(header::CONTENT_LENGTH, length)
    }

    pub(crate) fn into_response(self) -> Response<Body> {
        let mut response = Response::new(self.body);
        *response.status_mut() = self.status;
        *response.headers_mut() = self.headers;
        response
    }
}
