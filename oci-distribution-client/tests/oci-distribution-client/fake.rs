use std::fmt;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode, Uri, header};
use oci_distribution_client::transport::{Body, BoxFuture, Transport, TransportError};
use tokio::sync::watch;

/// A transport that answers by a script, and remembers what it was asked.
#[derive(Clone)]
pub(crate) struct Fake {
    script: Arc<Script>,
    /// How long it waits before each piece of a request's body.
    reading: Duration,
    /// How long it thinks about a request.
    thinking: Arc<Thinking>,
    /// What it waits for before it answers a request.
    waiting: Arc<Waiting>,
    seen: Arc<Mutex<Vec<Seen>>>,
    /// Requests whose body broke off, with what there was of it.
    broken: Arc<Mutex<Vec<Seen>>>,
}

type Script = dyn Fn(&Seen) -> Response<Body> + Send + Sync;
type Thinking = dyn Fn(&Seen) -> Duration + Send + Sync;
type Waiting = dyn Fn(&Seen) -> BoxFuture<'static, ()> + Send + Sync;

#[derive(Clone, Debug)]
pub(crate) struct Seen {
    pub(crate) method: Method,
    pub(crate) uri: Uri,
    pub(crate) headers: http::HeaderMap,
    pub(crate) body: Vec<u8>,
}

impl Seen {
    pub(crate) fn authorization(&self) -> Option<&str> {
        self.headers.get(header::AUTHORIZATION)?.to_str().ok()
    }

    pub(crate) fn host(&self) -> &str {
        self.uri.authority().map_or("", |authority| authority.as_str())
    }
}

impl Fake {
    pub(crate) fn new(script: impl Fn(&Seen) -> Response<Body> + Send + Sync + 'static) -> Self {
        let thinking = Arc::new(|_: &Seen| Duration::ZERO);
        let waiting = Arc::new(|_: &Seen| Box::pin(std::future::ready(())) as BoxFuture<'_, ()>);
        let (script, reading) = (Arc::new(script), Duration::ZERO);
        let (seen, broken) = Default::default();
        Self { script, reading, thinking, waiting, seen, broken }
    }

    /// Waits before each piece of a request's body.
    pub(crate) fn reading(self, reading: Duration) -> Self {
        Self { reading, ..self }
    }

    /// Begins each answer after the time that `thinking` says.
    pub(crate) fn thinking(
        self,
        thinking: impl Fn(&Seen) -> Duration + Send + Sync + 'static,
    ) -> Self {
        Self { thinking: Arc::new(thinking), ..self }
    }

    /// Answers those requests that are to be held after `told` is true.
    pub(crate) fn holding(
        self,
        is_held: impl Fn(&Seen) -> bool + Send + Sync + 'static,
        told: watch::Receiver<bool>,
    ) -> Self {
        let waiting = move |seen: &Seen| {
            let (is_held, mut told) = (is_held(seen), told.clone());
            Box::pin(async move {
                if is_held {
                    told.wait_for(|is_told| *is_told).await.unwrap();
                }
            }) as BoxFuture<'_, ()>
        };
        Self { waiting: Arc::new(waiting), ..self }
    }

    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }

    pub(crate) fn broken(&self) -> Vec<Seen> {
        self.broken.lock().unwrap().clone()
    }
}

/// A time of nothing is none, also where time is not paused.
async fn sleep(time: Duration) {
    if time > Duration::ZERO {
        tokio::time::sleep(time).await;
    }
}

impl Transport for Fake {
    fn send(
        &self,
        request: Request<Body>,
    ) -> BoxFuture<'_, Result<Response<Body>, TransportError>> {
        Box::pin(async move {
            let (parts, mut content) = request.into_parts();
            let (method, uri, headers) = (parts.method, parts.uri, parts.headers);
            let mut seen = Seen { method, uri, headers, body: Vec::new() };
            loop {
                sleep(self.reading).await;
                match content.chunk().await {
                    Ok(Some(chunk)) => seen.body.extend_from_slice(&chunk),
                    Ok(None) => break,
                    Err(error) => {
                        self.broken.lock().unwrap().push(seen);
                        return Err(error);
                    }
                }
            }
            self.seen.lock().unwrap().push(seen.clone());
            sleep((self.thinking)(&seen)).await;
            (self.waiting)(&seen).await;
            Ok((self.script)(&seen))
        })
    }
}

impl fmt::Debug for Fake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Fake")
    }
}

pub(crate) fn answer(
    status: u16,
    headers: &[(&str, &str)],
    body: impl Into<Bytes>,
) -> Response<Body> {
    let mut response = Response::builder().status(StatusCode::from_u16(status).unwrap());
    for (name, value) in headers {
        response = response.header(*name, *value);
    }
    response.body(Body::from(body.into())).unwrap()
}
