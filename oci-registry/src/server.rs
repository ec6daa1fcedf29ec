use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use http::HeaderValue;
use oci_image::RepositoryName;
use oci_image::distribution::warning;
use tokio::net::ToSocketAddrs;

use crate::access::Gate;
use crate::connection::Admission;
use crate::faults::Faults;
use crate::immutable::Immutable;
use crate::listener::Listener;
use crate::proxy::Proxy;
use crate::registry::{Shared, Switches};
use crate::sessions::Sessions;
use crate::{
    Auth, Authorize, Decision, Event, Exchange, Fault, Limits, Listening, Registry, Store, Upstream,
};

/// A registry over `store`, to be configured and then [bound](Serve::bind) or used as a
/// [service](Serve::registry).
pub fn serve(store: Store) -> Serve {
    Serve {
        shared: Shared {
            store,
            sessions: Sessions::default(),
            auth: None,
            gate: Gate::default(),
            immutable: Vec::new(),
            proxy: Proxy::default(),
            faults: Faults::default(),
            limits: Limits::default(),
            admission: Arc::new(Admission::new(Limits::default())),
            switches: Switches {
                delete_tags: true,
                delete_manifests: true,
                delete_blobs: true,
                referrers: true,
                sparse_indexes: false,
                browser: false,
                read_only: false,
                tag_pages: true,
            },
            warning: None,
            on_error: None,
            on_exchange: None,
            on_event: None,
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

    /// Has `rules` decide on each request, beside what credentials are good for. Adds to what was given before: all must
    /// allow it.
    pub fn authorize(mut self, rules: impl Authorize) -> Self {
        self.shared.gate.add(rules);
        self
    }

    /// Calls `listener` with each decision on a request, allowed or not, for an audit log: of each request one, of a mount
    /// also that on its source, of a token one for each action that is asked for. It must not block.
    pub fn on_decision(mut self, listener: impl Fn(&Decision<'_>) + Send + Sync + 'static) -> Self {
        self.shared.gate.listen(listener);
        self
    }

    /// Lets the tags `tags` (`v1`, `v*` or `*`) of the repositories `repositories` (as [`Grant::new`](crate::Grant::new)
    /// has them) name for good what they name first: another push with the tag, and deleting it or its manifest, are
    /// refused (403). Adds to what was given before.
    pub fn immutable_tags(
        mut self,
        repositories: impl Into<String>,
        tags: impl Into<String>,
    ) -> Self {
        self.shared.immutable.push(Immutable::new(repositories.into(), tags.into()));
        self
    }

    /// Makes it a proxy of the registry that clients call `namespace` (`docker.io`): what is not here is taken from there,
    /// served while it arrives, and kept. Tags are looked up there each time; while it does not answer, what is here is
    /// served. Of several, clients name the one that they mean (`ns`), and the first if they name none. Nothing can be
    /// pushed or deleted.
    pub fn proxy(mut self, namespace: impl Into<String>, upstream: impl Upstream) -> Self {
        self.shared.proxy.add(namespace.into(), upstream);
        self.shared.switches.read_only = true;
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

    /// Serves a web page at `/` that shows repositories, tags, platforms, layers, history and referrers to those who may
    /// pull them; nothing of it comes from elsewhere.
    pub fn web_page(mut self) -> Self {
        self.shared.switches.browser = true;
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

    /// Calls `listener` with each event of content: what was pulled, pushed, mounted or deleted. It must not block.
    pub fn on_event(mut self, listener: impl Fn(&Event) + Send + Sync + 'static) -> Self {
        self.shared.on_event = Some(Box::new(listener));
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

    /// Asks the store for something, to know whether requests can be answered now.
    ///
    /// # Errors
    /// If it fails, as it would for a request.
    pub async fn check_store(&self) -> io::Result<()> {
        // Its answer does not matter, and is not there in a store that no client knows.
        let name: RepositoryName = "readiness".parse().map_err(io::Error::other)?;
        self.0.store.backend().knows(&name).await.map(drop)
    }

    /// Ends all tokens of a user, also those to refresh with.
    pub fn revoke_tokens(&self, user: &str) {
        self.0.auth.iter().for_each(|auth| auth.revoke(user));
    }
}
