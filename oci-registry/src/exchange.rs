//! Requests that were answered, for who keeps a log or counts.

use std::fmt;
use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use http::{Method, StatusCode, Version, header, request};

use crate::{Peer, Registry};

/// A request that was answered, up to the end of the answer: what access logs and metrics are made of.
///
/// It holds no query and no header that may be secret.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Exchange {
    /// The method of the request.
    pub method: Method,
    /// The path that was asked for, without its query.
    pub path: String,
    /// The version of HTTP.
    pub version: Version,
    /// What the client calls itself (`User-Agent`).
    pub user_agent: Option<String>,
    /// The address of the client, if it is known.
    pub peer: Option<IpAddr>,
    /// The user, if credentials were right.
    pub user: Option<String>,
    /// What the path names: `base`, `token`, `catalog`, `blob`, `uploads`, `upload`, `manifest`, `tags` or `referrers`;
    /// nothing if it names none of them.
    pub endpoint: Option<&'static str>,
    /// The status of the answer.
    pub status: StatusCode,
    /// Bytes of the request's body that were received.
    pub received: u64,
    /// Bytes of the answer's body that were handed to the connection.
    pub sent: u64,
    /// From the head of the request to the end of the answer, or to where it broke off.
    pub elapsed: Duration,
}

/// A listener to what was answered.
pub(crate) type OnExchange = dyn Fn(&Exchange) + Send + Sync;

/// What becomes known of a request while it is handled: an extension of it, where somebody listens.
#[derive(Clone, Debug, Default)]
pub(crate) struct Record(Arc<Known>);

#[derive(Debug, Default)]
struct Known {
    received: AtomicU64,
    user: OnceLock<String>,
    endpoint: OnceLock<&'static str>,
}

impl Record {
    pub(crate) fn received(&self, bytes: usize) {
        self.0.received.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    pub(crate) fn user(&self, user: &str) {
        let _ = self.0.user.set(user.to_owned());
    }

    pub(crate) fn endpoint(&self, endpoint: &'static str) {
        let _ = self.0.endpoint.set(endpoint);
    }
}

/// An exchange whose answer has not begun.
pub(crate) struct Begun {
    exchange: Exchange,
    record: Record,
    start: Instant,
}

/// An exchange whose answer is on its way; told when it is dropped.
pub(crate) struct Ending {
    begun: Begun,
    registry: Registry,
}

impl Begun {
    pub(crate) fn new(head: &request::Parts, record: Record, start: Instant) -> Self {
        let agent = head.headers.get(header::USER_AGENT).and_then(|value| value.to_str().ok());
        let exchange = Exchange {
            method: head.method.clone(),
            path: head.uri.path().to_owned(),
            version: head.version,
            user_agent: agent.map(str::to_owned),
            peer: Peer::of(head),
            user: None,
            endpoint: None,
            status: StatusCode::OK,
            received: 0,
            sent: 0,
            elapsed: Duration::ZERO,
        };
        Self { exchange, record, start }
    }

    pub(crate) fn answered(mut self, status: StatusCode, registry: &Registry) -> Ending {
        self.exchange.status = status;
        Ending { begun: self, registry: registry.clone() }
    }
}

impl Ending {
    pub(crate) fn sent(&mut self, bytes: usize) {
        self.begun.exchange.sent += bytes as u64;
    }
}

impl Drop for Ending {
    fn drop(&mut self) {
        let Begun { exchange, record, start } = &mut self.begun;
        exchange.received = record.0.received.load(Ordering::Relaxed);
        exchange.user = record.0.user.get().cloned();
        exchange.endpoint = record.0.endpoint.get().copied();
        exchange.elapsed = start.elapsed();
        if let Some(listener) = &self.registry.0.on_exchange {
            listener(exchange);
        }
    }
}

impl fmt::Debug for Ending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.begun.exchange.fmt(f)
    }
}
