use std::fmt;
use std::sync::Arc;

use http::HeaderValue;

use crate::access::Gate;
use crate::connection::Admission;
use crate::event::OnEvent;
use crate::exchange::OnExchange;
use crate::faults::Faults;
use crate::immutable::Immutable;
use crate::proxy::Proxy;
use crate::refusal::Refusal;
use crate::sessions::Sessions;
use crate::{Auth, Limits, Store};

/// A registry as a function from requests to responses, to put behind a listener of your own.
///
/// It is a [`tower_service::Service`], as axum and others mount it, and a [`hyper::service::Service`]; and it has
/// [`respond`](Self::respond) for every other framework. Bodies stream in both directions.
/// A clone is another handle to the same registry. It needs a tokio runtime.
#[derive(Clone, Debug)]
pub struct Registry(pub(crate) Arc<Shared>);

pub(crate) struct Shared {
    pub(crate) store: Store,
    pub(crate) sessions: Sessions,
    pub(crate) auth: Option<Auth>,
    pub(crate) gate: Gate,
    pub(crate) immutable: Vec<Immutable>,
    pub(crate) proxy: Proxy,
    pub(crate) faults: Faults,
    pub(crate) limits: Limits,
    pub(crate) admission: Arc<Admission>,
    pub(crate) switches: Switches,
    pub(crate) warning: Option<HeaderValue>,
    pub(crate) on_error: Option<Box<OnError>>,
    pub(crate) on_exchange: Option<Box<OnExchange>>,
    pub(crate) on_event: Option<Box<OnEvent>>,
}

/// A listener to the store's errors.
pub(crate) type OnError = dyn Fn(&std::io::Error) + Send + Sync;

/// What a registry may leave out or permit.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Switches {
    pub(crate) delete_tags: bool,
    pub(crate) delete_manifests: bool,
    pub(crate) delete_blobs: bool,
    pub(crate) referrers: bool,
    pub(crate) sparse_indexes: bool,
    /// Whether there is a web page.
    pub(crate) browser: bool,
    /// Whether nothing is written or deleted.
    pub(crate) read_only: bool,
    /// Whether long lists of tags are given in pages.
    pub(crate) tag_pages: bool,
}

impl Registry {
    /// Carries out what changes something, to its end also if the request is dropped meanwhile.
    pub(crate) async fn to_its_end<T, F>(&self, work: F) -> Result<T, Refusal>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, Refusal>> + Send + 'static,
    {
        tokio::spawn(work).await.map_err(|error| Refusal::Store(error.into()))?
    }
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared")
            .field("store", &self.store)
            .field("auth", &self.auth)
            .field("limits", &self.limits)
            .finish_non_exhaustive()
    }
}
