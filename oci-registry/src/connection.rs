use http::{Request, Response};
use hyper::service::Service;

use crate::faults::Disconnect;
use crate::{Body, Registry};

/// What all requests that one connection brings have in common: an extension of each.
#[derive(Clone, Debug, Default)]
pub(crate) struct Connection {}

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
