use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use http::{Request, Response, StatusCode, header};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use oci_registry::Registry;
use oci_registry::bytes::Bytes;
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, watch};

use crate::metrics::Metrics;

/// What operators ask: whether it lives, whether it takes requests, and what it did.
#[derive(Clone)]
pub(crate) struct Monitor {
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) registry: Registry,
    /// True from SIGTERM on.
    pub(crate) draining: watch::Receiver<bool>,
}

/// Connections at a time.
const CONNECTIONS: usize = 16;

/// How long a connection may last.
const TIME: Duration = Duration::from_secs(10);

/// How long the store may take to answer.
const STORE_TIME: Duration = Duration::from_secs(5);

impl Monitor {
    pub(crate) async fn serve(self, listener: TcpListener) {
        let places = Arc::new(Semaphore::new(CONNECTIONS));
        while let Ok(place) = places.clone().acquire_owned().await {
            let Ok((stream, _)) = listener.accept().await else {
                // Out of descriptors, perhaps.
                tokio::time::sleep(Duration::from_millis(50)).await;
                continue;
            };
            let monitor = self.clone();
            tokio::spawn(async move {
                let answer = service_fn(|request| {
                    let monitor = monitor.clone();
                    async move { Ok::<_, Infallible>(monitor.answer(&request).await) }
                });
                let connection = http1::Builder::new()
                    .keep_alive(false)
                    .serve_connection(TokioIo::new(stream), answer);
                // An error is the client's.
                let _ = tokio::time::timeout(TIME, connection).await;
                drop(place);
            });
        }
    }

    /// Whether the store answers, in time.
    async fn is_ready(&self) -> bool {
        let answer = tokio::time::timeout(STORE_TIME, self.registry.check_store()).await;
        matches!(answer, Ok(Ok(())))
    }

    async fn answer(&self, request: &Request<Incoming>) -> Response<Full<Bytes>> {
        let (status, text) = match request.uri().path() {
            "/healthz" => (StatusCode::OK, "ok\n".to_owned()),
            "/readyz" if *self.draining.borrow() => {
                (StatusCode::SERVICE_UNAVAILABLE, "stopping\n".to_owned())
            }
            "/readyz" => match self.is_ready().await {
                true => (StatusCode::OK, "ok\n".to_owned()),
                false => {
                    (StatusCode::SERVICE_UNAVAILABLE, "the store does not answer\n".to_owned())
                }
            },
            "/metrics" => (StatusCode::OK, self.metrics.text(&self.registry)),
            _ => (StatusCode::NOT_FOUND, "there is /metrics, /healthz and /readyz\n".to_owned()),
        };
        let mut response = Response::new(Full::from(text));
        *response.status_mut() = status;
        let plain = header::HeaderValue::from_static("text/plain; version=0.0.4");
        response.headers_mut().insert(header::CONTENT_TYPE, plain);
        response
    }
}
