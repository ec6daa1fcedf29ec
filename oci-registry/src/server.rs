use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use http::HeaderValue;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use oci_image::distribution::warning;
use tokio::net::{TcpListener, ToSocketAddrs};
use tokio::sync::{Semaphore, watch};
use tokio::task::{JoinHandle, JoinSet};

use crate::connection::Connection;
use crate::faults::Faults;
use crate::registry::{Shared, Switches};
use crate::sessions::Sessions;
use crate::{Auth, Fault, Limits, Registry, Store};

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
            switches: Switches {
                delete_tags: true,
                delete_manifests: true,
                delete_blobs: true,
                referrers: true,
                sparse_indexes: false,
            },
            warning: None,
            on_error: None,
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

    /// The registry as a service, for a listener of your own.
    pub fn registry(self) -> Registry {
        Registry(Arc::new(self.shared))
    }

    /// Listens on `address` (port 0: a free one) and serves HTTP/1.1 and HTTP/2, both without TLS,
    /// until the [`Server`] is dropped.
    ///
    /// # Errors
    /// If the address cannot be bound.
    pub async fn bind(self, address: impl ToSocketAddrs) -> io::Result<Server> {
        let listener = TcpListener::bind(address).await?;
        Ok(Server::start(listener.local_addr()?, listener, self.registry()))
    }
}

/// A registry that is serving. Dropped, it stops at once, and breaks off what it was doing.
#[derive(Debug)]
#[must_use = "a server stops when it is dropped"]
pub struct Server {
    address: SocketAddr,
    registry: Registry,
    stop: watch::Sender<bool>,
    accepting: JoinHandle<()>,
}

impl Server {
    fn start(address: SocketAddr, listener: TcpListener, registry: Registry) -> Self {
        let (stop, stopped) = watch::channel(false);
        let accepting = tokio::spawn(accept(listener, registry.clone(), stopped));
        Self { address, registry, stop, accepting }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The registry.
    pub fn registry(&self) -> &Registry {
        &self.registry
    }

    /// Stops listening, lets the requests that are under way end, and stops.
    pub async fn stop(mut self) {
        self.stop.send_replace(true);
        // It ends by itself; a panic in it cannot be reported here.
        let _ = (&mut self.accepting).await;
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // The set of connections is the task's own, and is aborted with it.
        self.accepting.abort();
    }
}

impl Registry {
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
    /// request heads.
    ///
    /// # Errors
    /// If the connection broke, or the client did not speak HTTP.
    pub async fn serve_connection<S>(&self, stream: S) -> Result<(), ConnectionError>
    where
        S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + Send + 'static,
    {
        let server = self.protocol();
        let connection =
            server.serve_connection(TokioIo::new(stream), Connection::default().service(self));
        connection.await.map_err(ConnectionError)
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
        server.http2().timer(TokioTimer::new()).max_header_list_size(head);
        server
    }
}

/// Why a connection did not end well.
#[derive(Debug, thiserror::Error)]
#[error("cannot serve the connection: it broke off, or the client did not speak HTTP")]
pub struct ConnectionError(#[source] Box<dyn std::error::Error + Send + Sync>);

/// Accepts connections until it is told to stop; then waits for those that are open.
async fn accept(listener: TcpListener, registry: Registry, mut stopped: watch::Receiver<bool>) {
    let places = Arc::new(Semaphore::new(registry.0.limits.connections));
    let mut connections = JoinSet::new();
    loop {
        let next = async {
            let place = places.clone().acquire_owned().await.ok()?;
            Some((listener.accept().await, place))
        };
        let accepted = tokio::select! {
            _ = stopped.changed() => break,
            Some(_) = connections.join_next() => continue,
            accepted = next => accepted,
        };
        match accepted {
            Some((Ok((stream, peer)), place)) => {
                let (registry, stopped) = (registry.clone(), stopped.clone());
                let peer = Connection { peer: Some(peer.ip()) };
                connections.spawn(async move {
                    connection(stream, peer, registry, stopped).await;
                    drop(place);
                });
            }
            // Out of descriptors, most likely: wait until some are free.
            Some((Err(_), _)) => tokio::time::sleep(std::time::Duration::from_millis(50)).await,
            None => break,
        }
    }
    drop(listener);
    while connections.join_next().await.is_some() {}
}

/// An error here is the client's: it is gone, or was cut off as a fault asked.
async fn connection(
    stream: tokio::net::TcpStream,
    peer: Connection,
    registry: Registry,
    mut stopped: watch::Receiver<bool>,
) {
    // Small answers go out at once.
    let _ = stream.set_nodelay(true);
    let server = registry.protocol();
    let service = peer.service(&registry);
    let mut connection = std::pin::pin!(server.serve_connection(TokioIo::new(stream), service));
    tokio::select! {
        _ = connection.as_mut() => return,
        _ = stopped.changed() => connection.as_mut().graceful_shutdown(),
    }
    let _ = connection.await;
}
