use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use http::HeaderValue;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use oci_image::distribution::warning;
use rustix::io::Errno;
use tokio::net::ToSocketAddrs;
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};

use crate::connection::{Activity, Admission, Admitted, Connected, Connection, End, Watched};
use crate::faults::Faults;
use crate::listener::{Accepted, Listener, Tls};
use crate::registry::{Shared, Switches};
use crate::sessions::Sessions;
use crate::{Auth, Exchange, Fault, Limits, Registry, Store};

/// A registry over `store`, to be configured and then [bound](Serve::bind) or used as a
/// [service](Serve::registry).
pub fn serve(store: Store) -> Serve {
    Serve {
        shared: Shared {
            store,
            sessions: Sessions::default(),
            auth: None,
            faults: Faults::default(),
            limits: Limits::default(),
            admission: Arc::new(Admission::new(Limits::default())),
            switches: Switches {
                delete_tags: true,
                delete_manifests: true,
                delete_blobs: true,
                referrers: true,
                sparse_indexes: false,
                read_only: false,
                tag_pages: true,
            },
            warning: None,
            on_error: None,
            on_exchange: None,
        },
    }
}

/// A registry that is not yet serving.
#[derive(Debug)]
#[must_use = "a registry serves once it is bound"]
pub struct Serve {
    shared: Shared,
}

impl Serve {
    /// Who may do what. Default: everybody everything.
    pub fn auth(mut self, auth: Auth) -> Self {
        self.shared.auth = Some(auth);
        self
    }

    /// What is to go wrong. Adds to what was given before.
    pub fn faults(self, faults: impl IntoIterator<Item = Fault>) -> Self {
        self.shared.faults.add(faults);
        self
    }

    /// Bounds on what clients can make long.
    pub fn limits(mut self, limits: Limits) -> Self {
        self.shared.limits = limits;
        self
    }

    /// Refuses all that writes or deletes (405).
    pub fn read_only(mut self) -> Self {
        self.shared.switches.read_only = true;
        self
    }

    /// Refuses to delete tags (405).
    pub fn without_tag_deletion(mut self) -> Self {
        self.shared.switches.delete_tags = false;
        self
    }

    /// Refuses to delete manifests (405).
    pub fn without_manifest_deletion(mut self) -> Self {
        self.shared.switches.delete_manifests = false;
        self
    }

    /// Refuses to delete blobs (405).
    pub fn without_blob_deletion(mut self) -> Self {
        self.shared.switches.delete_blobs = false;
        self
    }

    /// Has no referrers API, as registries before v1.1: clients fall back to tags. Referrers are
    /// kept all the same, and listed when the store is served with the API again.
    pub fn without_referrers(mut self) -> Self {
        self.shared.switches.referrers = false;
        self
    }

    /// Takes indexes though the manifests that they list are not there, as of an image of which only some platforms are
    /// copied. By default they are refused, as all manifests are whose content is not there (404).
    pub fn sparse_indexes(mut self) -> Self {
        self.shared.switches.sparse_indexes = true;
        self
    }

    /// Lists all tags at once, whatever `n` and `last` say, as registries that know no pages.
    pub fn without_tag_pages(mut self) -> Self {
        self.shared.switches.tag_pages = false;
        self
    }

    /// A text for people in each answer, as a `Warning` header. What is not printable ASCII becomes a
    /// space; text over 4000 bytes is cut.
    pub fn warning(mut self, text: &str) -> Self {
        let printable =
            text.chars().map(|it| if it == ' ' || it.is_ascii_graphic() { it } else { ' ' });
        let text: String = printable.take(4000).collect();
        self.shared.warning = HeaderValue::try_from(warning(&text)).ok();
        self
    }

    /// Calls `listener` with errors of the store, of which clients see only "500".
    pub fn on_error(mut self, listener: impl Fn(&io::Error) + Send + Sync + 'static) -> Self {
        self.shared.on_error = Some(Box::new(listener));
        self
    }

    /// Calls `listener` with each request whose answer has ended, for an access log or metrics. It must not block.
    pub fn on_exchange(mut self, listener: impl Fn(&Exchange) + Send + Sync + 'static) -> Self {
        self.shared.on_exchange = Some(Box::new(listener));
        self
    }

    /// The registry as a service, for a listener of your own.
    pub fn registry(mut self) -> Registry {
        self.shared.admission = Arc::new(Admission::new(self.shared.limits.clone()));
        Registry(Arc::new(self.shared))
    }

    /// Listens on `address` (port 0: a free one) and serves HTTP/1.1 and HTTP/2, both without TLS,
    /// until the [`Server`] is dropped.
    ///
    /// # Errors
    /// If the address cannot be bound.
    pub async fn bind(self, address: impl ToSocketAddrs) -> io::Result<Server> {
        let listener = Listener::tcp(address).await?;
        let address = listener.address().ok_or(io::ErrorKind::AddrNotAvailable)?;
        let registry = self.registry();
        Ok(Server { address, listening: registry.listen(listener), registry })
    }
}

/// A registry that is serving. Dropped, it stops at once, and breaks off what it was doing.
#[derive(Debug)]
#[must_use = "a server stops when it is dropped"]
pub struct Server {
    address: SocketAddr,
    registry: Registry,
    listening: Listening,
}

/// A registry that is serving the connections of one [`Listener`]. Dropped, it stops at once, and breaks off what it
/// was doing.
#[derive(Debug)]
#[must_use = "a server stops when it is dropped"]
pub struct Listening {
    stop: watch::Sender<bool>,
    accepting: JoinHandle<()>,
}

impl Server {
    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The registry.
    pub fn registry(&self) -> &Registry {
        &self.registry
    }

    /// Stops listening, lets the requests that are under way end, within
    /// [`Limits::stop_time`], and stops.
    pub async fn stop(self) {
        self.listening.stop().await;
    }
}

impl Listening {
    /// Stops listening, lets the requests that are under way end, within
    /// [`Limits::stop_time`], and stops.
    pub async fn stop(mut self) {
        self.stop.send_replace(true);
        // It ends by itself; a panic in it cannot be reported here.
        let _ = (&mut self.accepting).await;
    }
}

impl Drop for Listening {
    fn drop(&mut self) {
        // The set of connections is the task's own, and is aborted with it.
        self.accepting.abort();
    }
}

impl Registry {
    /// Serves the connections of a listener, of which a registry may have several, by HTTP/1.1 and HTTP/2, until the
    /// [`Listening`] is dropped. Connections are bounded for all listeners together.
    pub fn listen(&self, listener: Listener) -> Listening {
        let (stop, stopped) = watch::channel(false);
        let accepting = tokio::spawn(accept(listener, self.clone(), stopped));
        Listening { stop, accepting }
    }

    /// Adds faults while it serves.
    pub fn add_faults(&self, faults: impl IntoIterator<Item = Fault>) {
        self.0.faults.add(faults);
    }

    /// Removes all faults.
    pub fn clear_faults(&self) {
        self.0.faults.clear();
    }

    /// The number of uploads that were begun and neither completed nor cancelled.
    pub fn open_uploads(&self) -> usize {
        self.0.sessions.count()
    }

    /// Ends all tokens of a user, also those to refresh with.
    pub fn revoke_tokens(&self, user: &str) {
        self.0.auth.iter().for_each(|auth| auth.revoke(user));
    }

    /// Serves one connection, such as a TLS stream, by HTTP/1.1 or HTTP/2, within the limits on
    /// request heads and on silence.
    ///
    /// # Errors
    /// If the connection broke, or the client did not speak HTTP.
    pub async fn serve_connection<S>(&self, stream: S) -> Result<(), ConnectionError>
    where
        S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + Send + 'static,
    {
        let limits = &self.0.limits;
        let connection = Connection::new(None, Arc::new(Activity::new(limits)), limits);
        let (_never, stopped) = watch::channel(false);
        self.serve_until(stream, connection, stopped).await
    }

    fn protocol(&self) -> auto::Builder<TokioExecutor> {
        let limits = &self.0.limits;
        let mut server = auto::Builder::new(TokioExecutor::new());
        server
            .http1()
            .timer(TokioTimer::new())
            .header_read_timeout(limits.head_time)
            .max_buf_size(limits.head.max(8 << 10));
        let head = u32::try_from(limits.head).unwrap_or(u32::MAX);
        server
            .http2()
            .timer(TokioTimer::new())
            .max_header_list_size(head)
            .max_concurrent_streams(limits.streams)
            // Bodies that are not read yet must not use up what those that are read need.
            .initial_stream_window_size(WINDOW)
            .initial_connection_window_size(
                WINDOW.saturating_mul(limits.streams).min(i32::MAX as u32),
            )
            .max_send_buf_size(SEND_BUFFER);
        server
    }
}

/// What is buffered of each body over HTTP/2, in bytes.
const WINDOW: u32 = 256 << 10;

/// What is buffered of each answer over HTTP/2, in bytes.
const SEND_BUFFER: usize = 64 << 10;

/// Why a connection did not end well.
#[derive(Debug, thiserror::Error)]
#[error("cannot serve the connection: it broke off, or the client did not speak HTTP")]
pub struct ConnectionError(#[source] Box<dyn std::error::Error + Send + Sync>);

/// Accepts connections until it is told to stop; then waits for those that are open.
async fn accept(listener: Listener, registry: Registry, mut stopped: watch::Receiver<bool>) {
    let admission = registry.0.admission.clone();
    let mut connections = JoinSet::new();
    // One that is accepted and waits for its place.
    let mut waiting: Option<Accepted> = None;
    loop {
        let next = async {
            match &waiting {
                Some(accepted) => Next::Admitted(admission.admit(accepted.peer()).await),
                None => Next::Accepted(listener.accept().await),
            }
        };
        let next = tokio::select! {
            _ = stopped.changed() => break,
            Some(_) = connections.join_next() => continue,
            next = next => next,
        };
        match next {
            Next::Accepted(Ok(accepted)) => waiting = Some(accepted),
            Next::Accepted(Err(error)) => {
                if is_out_of_descriptors(&error) {
                    admission.give_up_one();
                }
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
            Next::Admitted(admitted) => {
                // Without a place, it is closed.
                if let (Some(accepted), Some(admitted)) = (waiting.take(), admitted) {
                    let (registry, tls) = (registry.clone(), listener.tls.clone());
                    connections.spawn(registry.connect(accepted, tls, admitted, stopped.clone()));
                }
            }
        }
    }
    drop((listener, waiting));
    let stop_time = registry.0.limits.stop_time;
    let open = async { while connections.join_next().await.is_some() {} };
    // Those that are left end with the set.
    let _ = tokio::time::timeout(stop_time, open).await;
}

enum Next {
    Accepted(io::Result<Accepted>),
    Admitted(Option<Admitted>),
}

fn is_out_of_descriptors(error: &io::Error) -> bool {
    let errno = error.raw_os_error();
    [Errno::MFILE, Errno::NFILE].iter().any(|it| errno == Some(it.raw_os_error()))
}

/// How long a connection that is to end may stay idle.
const FAREWELL: Duration = Duration::from_secs(1);

impl Registry {
    async fn connect(
        self,
        accepted: Accepted,
        tls: Option<Tls>,
        admitted: Admitted,
        stopped: watch::Receiver<bool>,
    ) {
        let limits = &self.0.limits;
        let activity = admitted.activity.clone();
        let connection = Connection::new(accepted.peer(), activity.clone(), limits);
        // A handshake is as a head that does not come: it may take so long, and gives way to others.
        let stream = tokio::select! {
            stream = accepted.open(tls.as_ref()) => stream,
            _ = activity.ends(limits.head_time, limits.idle) => return,
        };
        if let Ok(stream) = stream {
            // An error is the client's: it is gone, or was cut off as a fault asked.
            let _ = self.serve_until(stream, connection, stopped).await;
        }
        drop(admitted);
    }

    /// Serves a connection until it is told to stop, or the connection is not worth its place any more.
    async fn serve_until<S>(
        &self,
        stream: S,
        connection: Connection,
        mut stopped: watch::Receiver<bool>,
    ) -> Result<(), ConnectionError>
    where
        S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + Send + 'static,
    {
        let limits = &self.0.limits;
        let activity = connection.activity.clone();
        let stream = Watched { stream, activity: activity.clone() };
        let service = Connected { registry: self.clone(), connection };
        let server = self.protocol();
        let mut serving = std::pin::pin!(server.serve_connection(TokioIo::new(stream), service));
        tokio::select! {
            result = serving.as_mut() => return result.map_err(ConnectionError),
            end = activity.ends(limits.head_time, limits.idle) => if end == End::TooSlow {
                return Ok(());
            },
            _ = stopped.wait_for(|stopped| *stopped) => {}
        }
        // What is under way may end.
        serving.as_mut().graceful_shutdown();
        tokio::select! {
            result = serving => result.map_err(ConnectionError),
            () = activity.is_silent(FAREWELL, limits.idle) => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::time::Instant;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_client_that_does_not_answer_does_not_keep_a_server_that_is_stopped() {
        let registry = serve(Store::memory()).registry();
        let limits = &registry.0.limits;
        let connection = Connection::new(None, Arc::new(Activity::new(limits)), limits);
        let (mut here, there) = tokio::io::duplex(1 << 10);
        let (stop, stopped) = watch::channel(false);
        here.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").await.unwrap();
        here.write_all(&[0, 0, 0, 4, 0, 0, 0, 0, 0]).await.unwrap();
        let served = registry.clone();
        let serving =
            tokio::spawn(async move { served.serve_until(there, connection, stopped).await });
        // Both sides have begun.
        here.read_exact(&mut [0; 9]).await.unwrap();
        let start = Instant::now();
        stop.send_replace(true);
        // By HTTP/2 the client is asked whether all that it sent has arrived; this one is silent.
        let ended = tokio::time::timeout(limits.stop_time, serving).await;
        ended.expect("it is waited for").unwrap().unwrap();
        assert!(start.elapsed() < 2 * FAREWELL);
    }
}
