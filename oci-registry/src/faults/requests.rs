use std::time::Duration;

use http::{HeaderName, Method, StatusCode, header, request};
use tokio::time::Instant;

use super::{Effect, Fault, header_name};

/// Which requests a fault is for.
#[derive(Clone, Debug)]
pub(super) struct Requests {
    path: String,
    method: Option<Method>,
    header: Option<HeaderName>,
    longer_than: Option<u64>,
    pub(super) answered: Option<StatusCode>,
    after: u64,
    times: u64,
    over: Option<(u64, Duration)>,
}

/// How many requests met a fault.
#[derive(Debug, Default)]
pub(super) struct Count {
    all: u64,
    /// Those of the period that began then.
    period: Option<(Instant, u64)>,
}

/// Which requests are meant.
impl Fault {
    /// Only requests by this method.
    #[must_use]
    pub fn method(mut self, method: Method) -> Self {
        self.requests.method = Some(method);
        self
    }

    /// Only requests that have this header, such as `authorization`.
    ///
    /// # Panics
    /// If the name cannot be that of a header: it is written in the test.
    #[must_use]
    pub fn with_header(mut self, name: &str) -> Self {
        self.requests.header = Some(header_name(name));
        self
    }

    /// Only requests whose `Content-Length` is more than so many bytes.
    #[must_use]
    pub fn longer_than(mut self, bytes: u64) -> Self {
        self.requests.longer_than = Some(bytes);
        self
    }

    /// Only requests that the registry itself answers with this status; an answer that the fault gives takes the
    /// place of that one, after the request was carried out. What is changed of the request itself has no answer yet, and
    /// stays as it is.
    #[must_use]
    pub fn answered(mut self, status: StatusCode) -> Self {
        self.requests.answered = Some(status);
        self
    }

    /// Not the first so many requests of those that are meant, whatever they are answered.
    #[must_use]
    pub fn after(mut self, requests: u64) -> Self {
        self.requests.after = requests;
        self
    }

    /// So many requests, and then no more. Default: all.
    #[must_use]
    pub fn times(mut self, requests: u64) -> Self {
        self.requests.times = requests;
        self
    }

    /// Only those over so many requests in each period, as of a registry that limits their rate.
    #[must_use]
    pub fn over(mut self, requests: u64, period: Duration) -> Self {
        self.requests.over = Some((requests, period));
        self
    }

    pub(super) fn new(path: impl Into<String>, effect: Effect) -> Self {
        let requests = Requests {
            path: path.into(),
            method: None,
            header: None,
            longer_than: None,
            answered: None,
            after: 0,
            times: u64::MAX,
            over: None,
        };
        Self { requests, effect }
    }
}

impl Requests {
    /// Whether the request is one of these, if it is not too early or too late for it.
    pub(super) fn have(&self, head: &request::Parts) -> bool {
        let url = head.uri.path_and_query().map_or("/", |url| url.as_str());
        self.method.as_ref().is_none_or(|only| only == head.method)
            && self.header.as_ref().is_none_or(|name| head.headers.contains_key(name))
            && self.longer_than.is_none_or(|bytes| length(head) > bytes)
            && url.contains(&self.path)
    }

    /// Whether it is the turn of a request that comes after those that were counted. It is counted too.
    pub(super) fn have_turn(&self, count: &mut Count) -> bool {
        let turn = count.all;
        count.all += 1;
        (self.after..self.after.saturating_add(self.times)).contains(&turn)
            && self.over.is_none_or(|(requests, period)| {
                let now = Instant::now();
                let current = count.period.filter(|(begin, _)| now.duration_since(*begin) < period);
                let (begin, before) = current.unwrap_or((now, 0));
                count.period = Some((begin, before + 1));
                before >= requests
            })
    }
}

fn length(head: &request::Parts) -> u64 {
    let length = head.headers.get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok());
    length.and_then(|length| length.parse().ok()).unwrap_or(0)
}
