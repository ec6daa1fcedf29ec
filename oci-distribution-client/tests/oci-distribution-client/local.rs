use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex};

use futures_util::stream::unfold;
use http::{Method, Request, Response, StatusCode, header};
use oci_distribution_client::transport::{
    Body, BoxFuture, Transport, TransportError, TransportErrorKind,
};
use oci_registry::Registry;
use tokio::time::Instant;

/// A registry without a connection to it, so that time can be paused; and when it was asked what.
#[derive(Clone)]
pub(crate) struct Local {
    registry: Registry,
    log: Arc<Mutex<Log>>,
}

#[derive(Default)]
struct Log {
    seen: Vec<Seen>,
    /// How many bodies are being read, by path, and the most that were.
    bodies: BTreeMap<String, (usize, usize)>,
}

#[derive(Clone, Debug)]
pub(crate) struct Seen {
    pub(crate) method: Method,
    pub(crate) path: String,
    pub(crate) query: Option<String>,
    pub(crate) range: Option<String>,
    pub(crate) sent: Instant,
    pub(crate) answered: Instant,
    pub(crate) status: StatusCode,
    /// The bytes of the body that were read.
    pub(crate) bytes: u64,
}

impl Local {
    pub(crate) fn new(registry: &Registry) -> Self {
        Self { registry: registry.clone(), log: Arc::default() }
    }

    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.log.lock().unwrap().seen.clone()
    }

    /// The most bodies from one path that were read at once.
    pub(crate) fn most_bodies(&self, path: &str) -> usize {
        let log = self.log.lock().unwrap();
        let such = log.bodies.iter().filter(|(it, _)| it.ends_with(path));
        such.map(|(_, (_, most))| *most).max().unwrap_or(0)
    }

    /// The bytes that were read from there.
    pub(crate) fn bytes(&self, path: &str) -> u64 {
        let seen = self.seen().into_iter().filter(|seen| seen.path.ends_with(path));
        seen.map(|seen| seen.bytes).sum()
    }

    /// `body`, that is counted.
    fn counted(&self, body: Body, reading: Reading) -> Body {
        let length = body.length();
        let stream = unfold((body, reading), |(mut body, reading)| async move {
            let chunk = body.chunk().await.transpose()?;
            if let Ok(chunk) = &chunk {
                let mut log = reading.log.lock().unwrap();
                log.seen[reading.number].bytes += chunk.len() as u64;
            }
            Some((chunk, (body, reading)))
        });
        Body::stream(stream, length)
    }
}

/// A body that is being read.
struct Reading {
    log: Arc<Mutex<Log>>,
    number: usize,
    path: String,
}

impl Reading {
    fn new(local: &Local, seen: Seen) -> Self {
        let mut log = local.log.lock().unwrap();
        let path = seen.path.clone();
        let (now, most) = log.bodies.entry(path.clone()).or_default();
        *now += 1;
        *most = (*most).max(*now);
        log.seen.push(seen);
        Self { log: Arc::clone(&local.log), number: log.seen.len() - 1, path }
    }
}

impl Drop for Reading {
    fn drop(&mut self) {
        let mut log = self.log.lock().unwrap();
        log.bodies.get_mut(&self.path).unwrap().0 -= 1;
    }
}

impl Transport for Local {
    fn send(
        &self,
        request: Request<Body>,
    ) -> BoxFuture<'_, Result<Response<Body>, TransportError>> {
        Box::pin(async move {
            let (method, path) = (request.method().clone(), request.uri().path().to_owned());
            let query = request.uri().query().map(str::to_owned);
            let sent = Instant::now();
            let range = request.headers().get(header::RANGE);
            let range = range.map(|range| range.to_str().unwrap().to_owned());
            let broken = |error| TransportError::new(TransportErrorKind::Exchange, error);
            let response = self.registry.respond(request).await.map_err(broken)?;
            let (status, answered) = (response.status(), Instant::now());
            let seen = Seen { method, path, query, range, sent, answered, status, bytes: 0 };
            let reading = Reading::new(self, seen);
            let broken = |error| TransportError::new(TransportErrorKind::Exchange, error);
            Ok(response.map(|body| self.counted(Body::wrap(body, broken), reading)))
        })
    }
}

impl fmt::Debug for Local {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Local")
    }
}
