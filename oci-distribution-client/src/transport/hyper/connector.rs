use std::error::Error as StdError;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use http::Uri;
use http::uri::Scheme;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::connect::proxy::Tunnel;
use hyper_util::rt::TokioIo;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio_rustls::TlsConnector;
use tower_service::Service;

use crate::transport::hyper::error::{innermost, insecure, own, tls_error};
use crate::transport::hyper::stream::Stream;
use crate::transport::proxy::{Proxy, Routes};
use crate::transport::tls::ServerConfigs;
use crate::transport::{BoxFuture, TransportError, TransportErrorKind};

/// After this time without a byte, the system asks whether the other side is still there, and as often again.
const KEEPALIVE: Duration = Duration::from_secs(15);

/// Makes the connections that requests are sent over: to servers, or to proxies for them.
#[derive(Clone)]
pub(super) struct Connector {
    dialer: Dialer,
    routes: Routes,
    limit: Duration,
}

/// Connects to one server, which may be a proxy.
#[derive(Clone)]
struct Dialer {
    tcp: HttpConnector,
    tls: Arc<ServerConfigs>,
}

impl Connector {
    /// `limit` is for a whole connection: names, TCP, proxy and TLS.
    pub(super) fn new(tls: ServerConfigs, routes: Routes, limit: Duration) -> Self {
        let mut tcp = HttpConnector::new();
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
        tcp.set_keepalive(Some(KEEPALIVE));
        tcp.set_keepalive_interval(Some(KEEPALIVE));
        // Shared out among the addresses of a name, so that one that does not answer does not use up all.
        tcp.set_connect_timeout(Some(limit));
        Self { dialer: Dialer { tcp, tls: Arc::new(tls) }, routes, limit }
    }

    async fn connect(self, server: Uri) -> Result<Stream, TransportError> {
        let dialer = self.dialer;
        let is_https = is_https(&server);
        let stream = match self.routes.proxy(&server).cloned() {
            None => dialer.clone().tcp(&server).await?,
            Some(proxy) if is_https => dialer.clone().tunnel(&proxy, server.clone()).await?,
            Some(proxy) => return Ok(dialer.proxy(&proxy.uri).await?.of_a_proxy()),
        };
        match is_https {
            true => secured(stream, dialer.tls.of(&server), &server).await,
            false => Ok(stream),
        }
    }
}

impl Service<Uri> for Connector {
    type Response = Stream;
    type Error = TransportError;
    type Future = BoxFuture<'static, Result<Stream, TransportError>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), TransportError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, server: Uri) -> Self::Future {
        let (limit, stream) = (self.limit, self.clone().connect(server));
        Box::pin(async move {
            tokio::time::timeout(limit, stream).await.unwrap_or_else(|_| {
                let seconds = limit.as_secs_f32();
                let reason = format!("it took more than {seconds} s (`Limits::connect`)");
                Err(TransportError::new(TransportErrorKind::Connect, reason))
            })
        })
    }
}

impl Dialer {
    async fn tcp(mut self, server: &Uri) -> Result<Stream, TransportError> {
        let stream = self.tcp.call(server.clone()).await.map_err(|error| unreachable(&error))?;
        Ok(Stream::http1(stream))
    }

    /// A connection to a proxy, which takes HTTP/1.1 alone.
    async fn proxy(self, proxy: &Uri) -> Result<Stream, TransportError> {
        let mut tls = ClientConfig::clone(self.tls.of(proxy));
        tls.alpn_protocols.clear();
        let stream = self.tcp(proxy).await?;
        match is_https(proxy) {
            true => secured(stream, &Arc::new(tls), proxy).await,
            false => Ok(stream),
        }
    }

    /// A connection to `server` by a tunnel through `proxy`.
    async fn tunnel(self, proxy: &Proxy, server: Uri) -> Result<Stream, TransportError> {
        let mut tunnel = Tunnel::new(proxy.uri.clone(), ToProxy(self));
        if let Some(login) = &proxy.login {
            tunnel = tunnel.with_auth(login.clone());
        }
        tunnel.call(server).await.map_err(|error| unreachable(&error))
    }
}

/// Connects to proxies.
struct ToProxy(Dialer);

impl Service<Uri> for ToProxy {
    type Response = Stream;
    type Error = TransportError;
    type Future = BoxFuture<'static, Result<Stream, TransportError>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), TransportError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, proxy: Uri) -> Self::Future {
        let dialer = self.0.clone();
        Box::pin(async move { dialer.proxy(&proxy).await })
    }
}

/// Speaks TLS with `server` over a connection that leads to it.
async fn secured(
    stream: Stream,
    config: &Arc<ClientConfig>,
    server: &Uri,
) -> Result<Stream, TransportError> {
    let host = server.host().unwrap_or_default();
    let host = host.trim_start_matches('[').trim_end_matches(']').to_owned();
    let name = ServerName::try_from(host).map_err(|error| unreachable(&error))?;
    let connector = TlsConnector::from(Arc::clone(config));
    let stream = connector.connect(name, TokioIo::new(stream)).await;
    let stream = stream.map_err(|error| match tls_error(&error) {
        Some(error) => insecure(error),
        None => unreachable(&error),
    })?;
    let is_http2 = stream.get_ref().1.alpn_protocol() == Some(b"h2");
    let stream = TokioIo::new(stream);
    Ok(if is_http2 { Stream::http2(stream) } else { Stream::http1(stream) })
}

fn is_https(uri: &Uri) -> bool {
    uri.scheme() == Some(&Scheme::HTTPS)
}

fn unreachable(error: &(dyn StdError + 'static)) -> TransportError {
    own(error).unwrap_or_else(|| {
        TransportError::new(TransportErrorKind::Connect, innermost(error).to_string())
    })
}
