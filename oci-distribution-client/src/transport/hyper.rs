mod connector;
mod error;
mod stream;

use std::fmt;
use std::time::Duration;

use http::header::PROXY_AUTHORIZATION;
use http::{Request, Response};
use hyper_util::client::legacy;
use hyper_util::rt::{TokioExecutor, TokioTimer};

use crate::transport::hyper::connector::Connector;
use crate::transport::hyper::error::explain;
use crate::transport::proxy::Routes;
use crate::transport::tls::ServerConfigs;
use crate::transport::{Body, BoxFuture, Transport, TransportError};

/// The transport over `hyper`: HTTP/1.1 and, where TLS agrees on it, HTTP/2, over connections that are kept.
pub(crate) struct Hyper {
    client: legacy::Client<Connector, Body>,
    routes: Routes,
}

impl Hyper {
    pub(crate) fn new(tls: ServerConfigs, routes: Routes, connect: Duration) -> Self {
        let connector = Connector::new(tls, routes.clone(), connect);
        let client = legacy::Client::builder(TokioExecutor::new())
            // Of the pool, which closes connections that nobody used for long.
            .pool_timer(TokioTimer::new())
            .timer(TokioTimer::new())
            .build(connector);
        Self { client, routes }
    }
}

impl Transport for Hyper {
    fn send(
        &self,
        mut request: Request<Body>,
    ) -> BoxFuture<'_, Result<Response<Body>, TransportError>> {
        Box::pin(async move {
            let is_plain = request.uri().scheme_str() == Some("http");
            // A proxy reads requests over http, and of those over https the one for a tunnel.
            if is_plain && let Some(proxy) = self.routes.proxy(request.uri()) {
                let login = proxy.login.clone();
                request.headers_mut().extend(login.map(|login| (PROXY_AUTHORIZATION, login)));
            }
            // What has no byte is sent as that, not as an empty stream.
            let request = request.map(|body| match body.length() {
                Some(0) => Body::empty(),
                _ => body,
            });
            let response = self.client.request(request).await;
            let response = response.map_err(|error| explain(&error, is_plain))?;
            Ok(response.map(|body| Body::wrap(body, move |error| explain(&error, is_plain))))
        })
    }
}

impl fmt::Debug for Hyper {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hyper").finish_non_exhaustive()
    }
}
