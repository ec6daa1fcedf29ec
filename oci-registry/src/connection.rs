use std::future::Future;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;

use http::{Request, Response, request};
use hyper::service::Service;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::faults::Disconnect;
use crate::{Body, Limits, Registry};

mod activity;
mod admission;
mod stream;

pub(crate) use activity::{Activity, End};
pub(crate) use admission::{Admission, Admitted};
pub(crate) use stream::Watched;

/// What all requests that one connection brings have in common: an extension of each.
#[derive(Clone, Debug)]
pub(crate) struct Connection {
    peer: Option<IpAddr>,
    pub(crate) activity: Arc<Activity>,
    /// One for each large manifest that may be in memory.
    manifests: Arc<Semaphore>,
}

/// An extension of requests: the address of the client, for a listener of your own.
///
/// What clients make the registry keep is shared out among them ([`Limits`]): among users by name, among others by
/// address. Those without a name and an address share as one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "closed by nature")]
pub struct Peer(pub IpAddr);

impl Peer {
    pub(crate) fn of(head: &request::Parts) -> Option<IpAddr> {
        let connection = head.extensions.get::<Connection>().and_then(|it| it.peer);
        connection.or_else(|| head.extensions.get::<Self>().map(|peer| peer.0))
    }
}

impl Connection {
    pub(crate) fn new(peer: Option<IpAddr>, activity: Arc<Activity>, limits: &Limits) -> Self {
        let manifests = limits.connection_manifests.clamp(1, Semaphore::MAX_PERMITS);
        Self { peer, activity, manifests: Arc::new(Semaphore::new(manifests)) }
    }

    /// Waits until a manifest that may be large can be taken into memory.
    pub(crate) async fn manifest(&self) -> Option<OwnedSemaphorePermit> {
        self.manifests.clone().acquire_owned().await.ok()
    }
}

/// The registry as one connection sees it.
pub(crate) struct Connected {
    pub(crate) registry: Registry,
    pub(crate) connection: Connection,
}

impl<B> Service<Request<B>> for Connected
where
    Registry: Service<Request<B>, Response = Response<Body>, Error = Disconnect>,
    <Registry as Service<Request<B>>>::Future: Send + 'static,
{
    type Response = Response<Body>;
    type Error = Disconnect;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, Disconnect>> + Send>>;

    fn call(&self, mut request: Request<B>) -> Self::Future {
        let handling = self.connection.activity.begin();
        request.extensions_mut().insert(self.connection.clone());
        let response = self.registry.call(request);
        Box::pin(async move {
            let response = response.await?;
            let sending = handling.answered();
            Ok(response.map(|body| body.holding(sending)))
        })
    }
}
