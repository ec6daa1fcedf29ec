use std::error::Error;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Instant;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, header, request};
use hyper::service::Service;
use oci_image::RepositoryName;
use oci_image::distribution::{EndpointError, ErrorCode, header as names};

use crate::auth::{Identity, Need, TokenRequest};
use crate::call::{Asked, Call};
use crate::connection::Connection;
use crate::event::Cause;
use crate::exchange::{Begun, Record};
use crate::faults::Disconnect;
use crate::incoming::Incoming;
use crate::places::Owner;
use crate::query::Query;
use crate::refusal::Refusal;
use crate::reply::Reply;
use crate::route::{Route, RouteError};
use crate::{Action, Auth, Body, Peer, Registry, browser, host, routes, trace};

impl Registry {
    /// Answers a request. Who sends it is told apart by credentials and by [`Peer`](crate::Peer).
    ///
    /// # Errors
    /// Only if a [fault](crate::Fault) says that the connection is to be closed without an answer.
    pub async fn respond<B>(&self, request: Request<B>) -> Result<Response<Body>, Disconnect>
    where
        B: http_body::Body + Send + 'static,
        B::Error: Into<Box<dyn Error + Send + Sync>>,
    {
        let start = Instant::now();
        let (method, path) = (request.method().clone(), request.uri().path().to_owned());
        let (mut head, body) = request.into_parts();
        let begun = self.0.on_exchange.as_ref().map(|_| {
            let record = Record::default();
            head.extensions.insert(record.clone());
            Begun::new(&head, record, start)
        });
        let work = async {
            let reply = self.reply(head, body).await;
            match &reply {
                Ok(reply) => trace::answered(&method, &path, reply.status, start.elapsed()),
                Err(Disconnect) => trace::disconnected(&method, &path),
            }
            reply
        };
        let reply = trace::request(&method, &path, work).await?;
        let ending = begun.map(|begun| begun.answered(reply.status, self));
        Ok(reply.into_response().map(|body| body.telling(ending)))
    }

    async fn reply<B>(&self, mut head: request::Parts, body: B) -> Result<Reply, Disconnect>
    where
        B: http_body::Body + Send + 'static,
        B::Error: Into<Box<dyn Error + Send + Sync>>,
    {
        let mut body = Incoming::new(body, &self.0.limits).recorded(head.extensions.get().cloned());
        let faults = self.0.faults.matching(&head);
        if !faults.is_empty() {
            trace::faulted(&head.method, head.uri.path(), faults.len());
        }
        let reply = match faults.before(&mut head).await? {
            Some(reply) => reply,
            None => self.answer(&head, &mut body).await,
        };
        // A client that waits for a go-ahead has sent nothing yet, and need not.
        let waits = head.headers.contains_key(header::EXPECT);
        if !waits && (!faults.is_empty() || !reply.status.is_success()) {
            body.drain(self.0.limits.drain).await;
        }
        let mut reply = faults.after(&head, reply)?;
        if head.method == Method::HEAD {
            reply.body = Body::empty();
        }
        Ok(reply)
    }

    async fn answer(&self, head: &request::Parts, body: &mut Incoming) -> Reply {
        let work = tokio::time::timeout(self.0.limits.request_time, self.handle(head, body));
        let result = work.await.unwrap_or_else(|_| {
            Err(Refusal::new(ErrorCode::SizeInvalid, "the request took too long")
                .status(StatusCode::REQUEST_TIMEOUT))
        });
        let reply = result.unwrap_or_else(|refusal| self.refuse(refusal));
        let version = header::HeaderName::from_static(names::API_VERSION);
        let mut reply = reply.header(version, "registry/2.0");
        // What clients pushed is never more in a browser than its type says.
        reply.headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        if let Some(warning) = &self.0.warning {
            reply.headers.insert(header::WARNING, warning.clone());
        }
        reply
    }

    fn refuse(&self, refusal: Refusal) -> Reply {
        if let Refusal::Store(error) = &refusal {
            trace::store_failed(error);
            self.0.on_error.iter().for_each(|on_error| on_error(error));
        }
        refusal.into_reply()
    }

    async fn handle(&self, head: &request::Parts, body: &mut Incoming) -> Result<Reply, Refusal> {
        if head.extensions.get::<Connection>().is_some() {
            host::check(head)?;
        }
        let path = head.uri.path();
        if self.0.switches.browser
            && let Some(reply) = browser::answer(&head.method, path)
        {
            return Ok(reply);
        }
        let route = match Auth::is_token_path(self.0.auth.as_ref(), path) {
            true => Route::Token,
            false => Route::parse(path).map_err(|error| unroutable(&error, &head.method, path))?,
        };
        let result = self.carry_out(head, route, body).await;
        // Only those that are refused pay for it.
        result.map_err(|refusal| match Route::parse(path) {
            Ok(route) => refusal.detail(route.named()),
            Err(_) => refusal,
        })
    }

    async fn carry_out(
        &self,
        head: &request::Parts,
        route: Route,
        body: &mut Incoming,
    ) -> Result<Reply, Refusal> {
        let record = head.extensions.get::<Record>();
        record.into_iter().for_each(|record| record.endpoint(route.name()));
        if !route.methods().contains(&head.method) {
            return Err(not_allowed(&route));
        }
        if self.0.switches.read_only && route != Route::Token && !is_read(&head.method) {
            return Err(Refusal::new(ErrorCode::Unsupported, "this registry is read-only")
                .header(header::ALLOW, HeaderValue::from_static("GET, HEAD")));
        }
        let query = Query::parse(head.uri.query().unwrap_or_default()).ok_or_else(|| {
            Refusal::new(ErrorCode::Unsupported, "the query has a broken escape")
                .status(StatusCode::BAD_REQUEST)
        })?;
        if route == Route::Token {
            return self.token(head, &query, body).await;
        }
        let (origin, route) = self.0.proxy.origin(route, &query)?;
        let asked = Asked::of(head);
        let identity = match &self.0.auth {
            Some(auth) => auth
                .identify(head)
                .await
                .inspect_err(|_| self.0.gate.refused(asked, Peer::of(head)))?,
            None => Identity::anybody(head),
        };
        if let Owner::User(user) = &identity.owner {
            record.into_iter().for_each(|record| record.user(user));
            trace::known(user);
        }
        let source = route.source(&query);
        self.0.gate.require(asked, &identity, route.need(&head.method, source.as_ref()))?;
        let cause = self
            .0
            .on_event
            .is_some()
            .then(|| Cause::new(&route, &identity.caller, source.as_ref()));
        let call = Call {
            method: head.method.clone(),
            path: head.uri.path().to_owned(),
            headers: head.headers.clone(),
            query,
            identity: Arc::new(identity),
            connection: head.extensions.get().cloned(),
        };
        let reply = match origin {
            Some(origin) => self.answer_for(&origin, route, call).await?,
            None => self.dispatch(route, call, body).await?,
        };
        if let (Some(listener), Some(cause)) = (&self.0.on_event, cause)
            && let Some(event) = cause.event(head, &reply)
        {
            listener(&event);
        }
        Ok(reply)
    }

    pub(crate) async fn dispatch(
        &self,
        route: Route,
        call: Call,
        body: &mut Incoming,
    ) -> Result<Reply, Refusal> {
        match route {
            Route::Base | Route::Token => {
                Ok(Reply::new(StatusCode::OK).json(&serde_json::json!({})))
            }
            Route::Uploads(name) => routes::uploads::post(self, name, call, body).await,
            Route::Upload(name, id) => routes::uploads::session(self, name, id, call, body).await,
            Route::Manifest(name, reference) if call.method == Method::PUT => {
                let _turn = match call.connection.clone().filter(|_| !is_small(&call.headers)) {
                    Some(connection) => connection.manifest().await,
                    None => None,
                };
                let bytes = body.all(self.0.limits.manifest).await?;
                let registry = self.clone();
                self.to_its_end(async move {
                    routes::manifests::put(&registry.0, &name, &reference, &call, bytes).await
                })
                .await
            }
            route if call.method == Method::DELETE => {
                let registry = self.clone();
                self.to_its_end(async move { routes::delete(&registry.0, &route).await }).await
            }
            Route::Manifest(..) => {
                let turn = match call.connection.clone() {
                    Some(connection) => connection.manifest().await,
                    None => None,
                };
                let mut reply = routes::read(&self.0, &route, &call).await?;
                if !is_small(&reply.headers) {
                    reply.body = reply.body.holding(turn);
                }
                Ok(reply)
            }
            route => routes::read(&self.0, &route, &call).await,
        }
    }

    async fn token(
        &self,
        head: &request::Parts,
        query: &Query,
        body: &mut Incoming,
    ) -> Result<Reply, Refusal> {
        let auth = self.0.auth.as_ref();
        let auth = auth.ok_or_else(|| {
            unroutable(&EndpointError::Unknown.into(), &head.method, head.uri.path())
        })?;
        let request = if head.method == Method::POST {
            let form = body.all(FORM_LIMIT).await?;
            let form = std::str::from_utf8(&form).ok().and_then(Query::parse_form);
            TokenRequest::from_form(&form.unwrap_or_default(), head)
        } else {
            TokenRequest::from_query(query, head)
        };
        let answer = auth.give_token(&request, Asked::of(head), &self.0).await?;
        Ok(Reply::new(StatusCode::OK).json(&answer).header(header::CACHE_CONTROL, "no-store"))
    }
}

/// A manifest that may be in memory any number of times, in bytes.
const SMALL_MANIFEST: u64 = 64 << 10;

/// Whether the body is known to be small.
fn is_small(headers: &HeaderMap) -> bool {
    let length = headers.get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok());
    let length = length.and_then(|length| length.parse::<u64>().ok());
    length.is_some_and(|length| length <= SMALL_MANIFEST)
}

/// The largest form that asks for a token, in bytes.
const FORM_LIMIT: usize = 64 << 10;

fn is_read(method: &Method) -> bool {
    matches!(*method, Method::GET | Method::HEAD)
}

impl Route {
    fn name(&self) -> &'static str {
        match self {
            Self::Token => "token",
            Self::Base => "base",
            Self::Catalog => "catalog",
            Self::Blob(..) => "blob",
            Self::Uploads(_) => "uploads",
            Self::Upload(..) => "upload",
            Self::Manifest(..) => "manifest",
            Self::Tags(_) => "tags",
            Self::Referrers(..) => "referrers",
        }
    }

    fn methods(&self) -> &'static [Method] {
        match self {
            Self::Base | Self::Catalog | Self::Tags(_) | Self::Referrers(..) => {
                &[Method::GET, Method::HEAD]
            }
            Self::Token => &[Method::GET, Method::POST],
            Self::Blob(..) => &[Method::GET, Method::HEAD, Method::DELETE],
            Self::Uploads(_) => &[Method::POST],
            Self::Upload(..) => &[Method::GET, Method::PATCH, Method::PUT, Method::DELETE],
            Self::Manifest(..) => &[Method::GET, Method::HEAD, Method::PUT, Method::DELETE],
        }
    }

    /// The repository that a blob is to be mounted from.
    fn source(&self, query: &Query) -> Option<RepositoryName> {
        match self {
            Self::Uploads(_) => routes::uploads::source(query),
            _ => None,
        }
    }

    /// What a caller needs for this route, which is to mount from `source` if that is given.
    fn need<'a>(&'a self, method: &Method, source: Option<&'a RepositoryName>) -> Need<'a> {
        match self {
            Self::Token => Need::Nothing,
            Self::Base | Self::Catalog => Need::Identity,
            Self::Uploads(name) => match source {
                Some(from) => Need::Mount { to: name, from },
                None => Need::Access(Action::Push, name),
            },
            Self::Upload(name, _) => Need::Access(Action::Push, name),
            Self::Blob(name, _)
            | Self::Manifest(name, _)
            | Self::Tags(name)
            | Self::Referrers(name, _) => {
                let action = match *method {
                    Method::GET | Method::HEAD => Action::Pull,
                    Method::DELETE => Action::Delete,
                    _ => Action::Push,
                };
                Need::Access(action, name)
            }
        }
    }
}

/// What is not a name names nothing: reading there finds nothing, writing there is a mistake.
fn unroutable(error: &RouteError, method: &Method, path: &str) -> Refusal {
    let reads = matches!(*method, Method::GET | Method::HEAD | Method::DELETE);
    let status = if reads { StatusCode::NOT_FOUND } else { StatusCode::BAD_REQUEST };
    let refusal = |code| Refusal::new(code, error.to_string()).detail([("path", path.to_owned())]);
    match error {
        RouteError::Session | RouteError::Endpoint(EndpointError::Session(_)) => {
            refusal(ErrorCode::BlobUploadUnknown)
        }
        RouteError::Endpoint(EndpointError::Digest(_)) => refusal(ErrorCode::DigestInvalid),
        RouteError::Endpoint(EndpointError::Repository(_) | EndpointError::Encoding) => {
            refusal(ErrorCode::NameInvalid).status(status)
        }
        RouteError::Endpoint(EndpointError::Tag(_)) if reads => {
            refusal(ErrorCode::ManifestUnknown).status(status)
        }
        RouteError::Endpoint(EndpointError::Tag(_)) => {
            refusal(ErrorCode::ManifestInvalid).status(status)
        }
        RouteError::Endpoint(_) => refusal(ErrorCode::Unsupported).status(StatusCode::NOT_FOUND),
    }
}

fn not_allowed(route: &Route) -> Refusal {
    let methods: Vec<&str> = route.methods().iter().map(Method::as_str).collect();
    let refusal = Refusal::new(ErrorCode::Unsupported, "this endpoint does not have this method");
    match HeaderValue::try_from(methods.join(", ")) {
        Ok(methods) => refusal.header(header::ALLOW, methods),
        Err(_) => refusal,
    }
}

impl<B> Service<Request<B>> for Registry
where
    B: http_body::Body<Data = Bytes> + Send + 'static,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    type Response = Response<Body>;
    type Error = Disconnect;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, Disconnect>> + Send>>;

    fn call(&self, request: Request<B>) -> Self::Future {
        let registry = self.clone();
        Box::pin(async move { registry.respond(request).await })
    }
}

impl<B> tower_service::Service<Request<B>> for Registry
where
    B: http_body::Body + Send + 'static,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    type Response = Response<Body>;
    type Error = Disconnect;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, Disconnect>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Disconnect>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let registry = self.clone();
        Box::pin(async move { registry.respond(request).await })
    }
}
