use std::fmt;
use std::sync::Arc;
use std::time::Instant;

use http::Method;
use oci_image::distribution::{Endpoint, query};
use oci_image::reference::RegistryName;
use oci_image::{Digest, RepositoryName, TagOrDigest};
use url::Url;

use crate::auth::{Access, Scopes};
use crate::call::Call;
use crate::error::{Error, ErrorKind};
use crate::registry::Registry;
use crate::shared::Shared;
use crate::trace;

/// One repository of a registry: what images are pulled from and pushed to.
///
/// A clone is a handle to the same repository.
#[derive(Clone)]
pub struct Repository {
    pub(crate) shared: Arc<Shared>,
    pub(crate) registry: Arc<Registry>,
    name: RepositoryName,
    mirrors: Arc<[Self]>,
    /// If this is a repository of a mirror: of which registry.
    upstream: Option<RegistryName>,
}

impl Repository {
    pub(crate) fn new(shared: Arc<Shared>, registry: Arc<Registry>, name: RepositoryName) -> Self {
        Self { shared, registry, name, mirrors: Arc::new([]), upstream: None }
    }

    pub(crate) fn with_mirrors(mut self, mirrors: Vec<Self>) -> Self {
        self.mirrors = mirrors.into();
        self
    }

    pub(crate) fn mirror_of(mut self, registry: RegistryName) -> Self {
        self.upstream = Some(registry);
        self
    }

    pub(crate) fn is_mirror(&self) -> bool {
        self.upstream.is_some()
    }

    /// The registry's name, a host with an optional port.
    pub fn registry(&self) -> &RegistryName {
        &self.registry.name
    }

    /// The name in the registry.
    pub fn name(&self) -> &RepositoryName {
        &self.name
    }

    /// Another repository of the same registry.
    pub(crate) fn sibling(&self, name: &RepositoryName) -> Self {
        Self::new(Arc::clone(&self.shared), Arc::clone(&self.registry), name.clone())
    }

    /// The URL of an endpoint of this registry.
    pub(crate) fn url(&self, endpoint: &Endpoint) -> Url {
        let mut url = self.registry.base.clone();
        url.set_path(&endpoint.to_string());
        if let Some(upstream) = &self.upstream {
            url.query_pairs_mut().append_pair(query::NAMESPACE, upstream.as_str());
        }
        url
    }

    pub(crate) fn manifest_url(&self, name: &TagOrDigest) -> Url {
        self.url(&Endpoint::Manifest(self.name.clone(), name.clone()))
    }

    pub(crate) fn blob_url(&self, digest: &Digest) -> Url {
        self.url(&Endpoint::Blob(self.name.clone(), digest.clone()))
    }

    pub(crate) fn call<'a>(
        &'a self,
        method: Method,
        url: Url,
        access: Access,
        action: &'a str,
    ) -> Call<'a> {
        self.call_with(method, url, Scopes::of(&self.name, access), action)
    }

    pub(crate) fn call_with<'a>(
        &'a self,
        method: Method,
        url: Url,
        scopes: Scopes,
        action: &'a str,
    ) -> Call<'a> {
        let name = Some(&self.name);
        let call = Call::new(&self.shared, &self.registry, name, scopes, method, url, action);
        // A mirror that fails is passed over instead.
        if self.is_mirror() { call.once().impatient() } else { call }
    }

    /// The same repository at the mirrors that are not known to be out of reach.
    pub(crate) fn mirrors(&self) -> impl Iterator<Item = &Self> {
        let now = Instant::now();
        self.mirrors.iter().filter(move |mirror| mirror.registry.is_in_reach(now))
    }

    /// Notes that a mirror failed, and gives the error on: one that is out of reach is left alone for a
    /// while.
    pub(crate) fn mirror_failed(&self, error: Error) -> Option<Error> {
        let is_out_of_reach = matches!(
            error.kind(),
            ErrorKind::Unreachable
                | ErrorKind::Tls
                | ErrorKind::Transport
                | ErrorKind::Timeout
                | ErrorKind::RateLimited
        );
        if is_out_of_reach {
            self.registry.rest_until(Instant::now() + self.shared.wire.limits.mirror_rest);
        }
        trace::mirror_failed(&self.registry.name, &error);
        Some(error)
    }
}

impl fmt::Display for Repository {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.registry.name, self.name)
    }
}

impl fmt::Debug for Repository {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Repository({self})")
    }
}
