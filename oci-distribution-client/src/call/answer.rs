use http::header::{self, HeaderName};
use http::{Response, StatusCode};
use url::Url;

use crate::error::Error;
use crate::gate::Pass;
use crate::retry::Failure;
use crate::transport::Body;
use crate::wire::text;

/// A good answer.
pub(crate) struct Answer {
    pub(crate) response: Response<Body>,
    /// Where it is from, after redirects.
    pub(crate) url: Url,
    /// As long as it is held, the request counts as one that the host is busy with.
    pub(crate) pass: Option<Pass>,
}

impl Answer {
    pub(crate) fn status(&self) -> StatusCode {
        self.response.status()
    }

    pub(crate) fn header(&self, name: &HeaderName) -> Option<&str> {
        text(self.response.headers(), name)
    }

    /// How its content is encoded, if it says so; nobody requested it.
    pub(crate) fn encoding(&self) -> Option<&str> {
        let encoding = self.header(&header::CONTENT_ENCODING);
        encoding.filter(|encoding| !encoding.eq_ignore_ascii_case("identity"))
    }

    /// The length that the answer states, in bytes.
    pub(crate) fn content_length(&self) -> Option<u64> {
        self.header(&header::CONTENT_LENGTH)?.trim().parse().ok()
    }
}

/// Why one attempt gave no good answer.
pub(crate) struct FailedAttempt {
    /// How, if another attempt may help.
    pub(crate) failure: Option<Failure>,
    pub(crate) error: Error,
}

impl From<Error> for FailedAttempt {
    fn from(error: Error) -> Self {
        Self { failure: None, error }
    }
}
