//! How requests get to a server: the seam below the protocol.

mod body;
#[cfg(feature = "hyper")]
mod hyper;
#[cfg(feature = "hyper")]
mod no_proxy;
#[cfg(feature = "hyper")]
mod proxy;
mod settings;
mod tls;

use std::error::Error as StdError;
use std::fmt;
use std::future::Future;
use std::pin::Pin;

use http::{Request, Response};

pub use body::Body;
#[cfg(feature = "hyper")]
pub(crate) use hyper::Hyper;
#[cfg(feature = "hyper")]
pub(crate) use proxy::Routes;
pub(crate) use settings::Proxies;
#[cfg(feature = "hyper")]
pub(crate) use tls::ServerConfigs;
pub use tls::Tls;

/// A future that can be sent to another thread.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Sends one HTTP request and gives one HTTP response.
///
/// The protocol lives above this trait: redirects, authentication, retries, limits and timeouts are
/// done by the client. So an implementation
/// - follows no redirect, keeps no cookie, adds no credential and decodes no content encoding;
/// - sends the headers that it is given, the body with its
///   [length](http_body::Body::size_hint) if that is known;
/// - gives the response as soon as its head is there, and its body as it is received;
/// - stops the exchange when the future or the response's body is dropped.
pub trait Transport: fmt::Debug + Send + Sync + 'static {
    /// Sends `request`; the head of the response is there when the future is.
    fn send(&self, request: Request<Body>)
    -> BoxFuture<'_, Result<Response<Body>, TransportError>>;
}

/// Why a request got no response, or a body ended early.
#[derive(Debug)]
pub struct TransportError {
    kind: TransportErrorKind,
    source: Box<dyn StdError + Send + Sync>,
}

/// The kinds of [`TransportError`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum TransportErrorKind {
    /// No connection was made, so no byte of the request was sent: name, route, port or proxy.
    Connect,
    /// A server answered, and the secure connection to it was refused.
    Tls,
    /// A server answered over https with what is not TLS: it speaks http, most likely.
    NotTls,
    /// A server answered over http with what is not HTTP: it speaks https, most likely.
    NotHttp,
    /// The server said that it did not begin to process the request (`GOAWAY`, `REFUSED_STREAM`), so any request may
    /// be sent again.
    Unprocessed,
    /// The connection failed while the exchange went on; the server may have acted on the request.
    Exchange,
    /// The body of the request could not be read; the server is not to blame.
    Body,
}

impl TransportError {
    /// An error of `kind`; `source` must hold no secret, as it is shown to users.
    pub fn new(
        kind: TransportErrorKind,
        source: impl Into<Box<dyn StdError + Send + Sync>>,
    ) -> Self {
        Self { kind, source: source.into() }
    }

    /// What failed.
    pub fn kind(&self) -> TransportErrorKind {
        self.kind
    }

    pub(crate) fn into_source(self) -> Box<dyn StdError + Send + Sync> {
        self.source
    }
}

impl fmt::Display for TransportError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.kind {
            TransportErrorKind::Connect => "cannot connect",
            TransportErrorKind::Tls => "cannot make a secure connection",
            TransportErrorKind::NotTls => "the server does not speak TLS",
            TransportErrorKind::NotHttp => "the server does not speak HTTP",
            TransportErrorKind::Unprocessed => "the server closes the connection",
            TransportErrorKind::Exchange => "the connection failed",
            TransportErrorKind::Body => "cannot read the body to send",
        })
    }
}

impl StdError for TransportError {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        Some(&*self.source)
    }
}
