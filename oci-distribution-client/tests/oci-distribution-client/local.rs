use std::fmt;
use std::sync::{Arc, Mutex};

use http::{Request, Response, StatusCode};
use oci_distribution_client::transport::{
    Body, BoxFuture, Transport, TransportError, TransportErrorKind,
};
use oci_registry::Registry;
use tokio::time::Instant;

/// A registry without a connection to it, so that time can be paused; and when it was asked what.
#[derive(Clone)]
pub(crate) struct Local {
    registry: Registry,
    seen: Arc<Mutex<Vec<Seen>>>,
}

#[derive(Clone, Debug)]
pub(crate) struct Seen {
    pub(crate) sent: Instant,
    pub(crate) answered: Instant,
    pub(crate) status: StatusCode,
}

impl Local {
    pub(crate) fn new(registry: &Registry) -> Self {
        Self { registry: registry.clone(), seen: Arc::default() }
    }

    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }
}

impl Transport for Local {
    fn send(
        &self,
        request: Request<Body>,
    ) -> BoxFuture<'_, Result<Response<Body>, TransportError>> {
        Box::pin(async move {
            let sent = Instant::now();
            let broken = |error| TransportError::new(TransportErrorKind::Exchange, error);
            let response = self.registry.respond(request).await.map_err(broken)?;
            let (status, answered) = (response.status(), Instant::now());
            self.seen.lock().unwrap().push(Seen { sent, answered, status });
            let broken = |error| TransportError::new(TransportErrorKind::Exchange, error);
            Ok(response.map(|body| Body::wrap(body, broken)))
        })
    }
}

impl fmt::Debug for Local {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Local")
    }
}
