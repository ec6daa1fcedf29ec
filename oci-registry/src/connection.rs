use std::net::IpAddr;

use http::{Request, Response, request};
use hyper::service::Service;

use crate::faults::Disconnect;
use crate::{Body, Registry};

/// What all requests that one connection brings have in common: an extension of each.
#[derive(Clone, Debug, Default)]
pub(crate) struct Connection {
    pub(crate) peer: Option<IpAddr>,
}

/// An extension of requests: the address of the client, for a listener of your own.
///
/// What clients make the registry keep is shared out among them ([`Limits`](crate::Limits)): among users by name, among
/// others by address. Those without a name and an address share as one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "closed by nature")]
pub struct Peer(pub IpAddr);

impl Peer {
    pub(crate) fn of(head: &request::Parts) -> Option<IpAddr> {
        let connection = head.extensions.get::<Connection>().and_then(|it| it.peer);
        connection.or_else(|| head.extensions.get::<Self>().map(|peer| peer.0))
    }
}

/// The registry as one connection sees it.
pub(crate) struct Connected {
    registry: Registry,
    connection: Connection,
}

impl Connection {
    pub(crate) fn service(self, registry: &Registry) -> Connected {
        Connected { registry: registry.clone(), connection: self }
    }
}

impl<B> Service<Request<B>> for Connected
where
    Registry: Service<Request<B>, Response = Response<Body>, Error = Disconnect>,
{
    type Response = Response<Body>;
    type Error = Disconnect;
    type Future = <Registry as Service<Request<B>>>::Future;

    fn call(&self, mut request: Request<B>) -> Self::Future {
        request.extensions_mut().insert(self.connection.clone());
        self.registry.call(request)
    }
}
