//! Content of other registries, kept here.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;

use bytes::Bytes;
use http::StatusCode;
use oci_image::distribution::ErrorCode;
use oci_image::{Descriptor, RepositoryName, TagOrDigest};

use crate::Body;
use crate::query::Query;
use crate::refusal::Refusal;
use crate::route::Route;

mod cache;
mod download;

use download::Downloads;

/// A future that can be sent to another thread.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Another registry, whose content this one keeps: [`Serve::proxy`](crate::Serve::proxy).
///
/// What it gives is verified here. An error means that it could not be asked now, and what is here is served instead;
/// `None` that it does not have the content.
pub trait Upstream: Send + Sync + 'static {
    /// What a tag or digest of a repository names now.
    fn resolve<'a>(
        &'a self,
        repository: &'a RepositoryName,
        reference: &'a TagOrDigest,
    ) -> BoxFuture<'a, io::Result<Option<Descriptor>>>;

    /// The bytes of a manifest.
    fn manifest<'a>(
        &'a self,
        repository: &'a RepositoryName,
        manifest: &'a Descriptor,
    ) -> BoxFuture<'a, io::Result<Option<Bytes>>>;

    /// The size of a blob in bytes.
    fn blob_size<'a>(
        &'a self,
        repository: &'a RepositoryName,
        blob: &'a oci_digest::Digest,
    ) -> BoxFuture<'a, io::Result<Option<u64>>>;

    /// The content of a blob, whose digest and size the descriptor has, as it arrives.
    fn blob<'a>(
        &'a self,
        repository: &'a RepositoryName,
        blob: &'a Descriptor,
    ) -> BoxFuture<'a, io::Result<Body>>;
}

/// The registries that this one is a proxy of.
#[derive(Default)]
pub(crate) struct Proxy {
    upstreams: Vec<Named>,
    downloads: Downloads,
}

/// A registry, by the name that clients give it (`ns`).
struct Named {
    namespace: String,
    upstream: Arc<dyn Upstream>,
}

/// Where the content of a request comes from.
#[derive(Clone)]
pub(crate) struct Origin {
    pub(crate) namespace: String,
    upstream: Arc<dyn Upstream>,
    /// The name of the repository there.
    repository: RepositoryName,
}

impl Proxy {
    pub(crate) fn add(&mut self, namespace: String, upstream: impl Upstream) {
        self.upstreams.push(Named { namespace, upstream: Arc::new(upstream) });
    }

    pub(crate) fn is_on(&self) -> bool {
        !self.upstreams.is_empty()
    }

    /// Where the content of a request comes from, and the route to it here. The first registry's repositories have their
    /// own names; those of others are below the name of their registry, and none of the first is there.
    pub(crate) fn origin(
        &self,
        route: Route,
        query: &Query,
    ) -> Result<(Option<Origin>, Route), Refusal> {
        if !self.is_on() {
            return Ok((None, route));
        }
        let (Some(first), Some(repository)) = (self.upstreams.first(), route.repository().cloned())
        else {
            return Ok((None, route));
        };
        let unknown = || Refusal::new(ErrorCode::NameUnknown, "this is no proxy for that registry");
        let asked = query.first(oci_image::distribution::query::NAMESPACE);
        let asked = asked.unwrap_or(&first.namespace);
        let mut others = self.upstreams.iter().skip(1);
        if asked == first.namespace {
            if others.any(|it| repository.as_str().starts_with(&format!("{}/", below(it)))) {
                return Err(unknown());
            }
            return Ok((Some(first.origin(repository)), route));
        }
        let named = others.find(|it| it.namespace == asked).ok_or_else(unknown)?;
        let here = format!("{}/{repository}", below(named)).parse().map_err(|_| unknown())?;
        Ok((Some(named.origin(repository)), route.in_repository(here)))
    }
}

impl Named {
    fn origin(&self, repository: RepositoryName) -> Origin {
        let (namespace, upstream) = (self.namespace.clone(), self.upstream.clone());
        Origin { namespace, upstream, repository }
    }
}

/// A part of a repository's name for a registry: a name has no port.
fn below(named: &Named) -> String {
    named.namespace.replace(':', "-")
}

/// The upstream could not be asked, and nothing is here.
fn unreachable(origin: &Origin) -> Refusal {
    let message =
        format!("the registry `{}` does not answer, and this is not kept here", origin.namespace);
    Refusal::new("UPSTREAM_UNAVAILABLE".into(), message).status(StatusCode::BAD_GATEWAY)
}
