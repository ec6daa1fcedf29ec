use std::fmt;
use std::sync::Arc;
use tokio::time::Instant;

use http::Method;
use oci_image::distribution::{Endpoint, query};
use oci_image::reference::RegistryName;
use oci_image::{Digest, Reference, RepositoryName, TagOrDigest};
use url::Url;

use crate::auth::{Access, Scopes};
use crate::call::Call;
use crate::error::{Error, ErrorKind};
use crate::registry::Registry;
use crate::retry::{Retries, instant_after};
use crate::route::{Place, Route, Uses};
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
    /// What its registry is called, if its server is another one.
    called: Option<RegistryName>,
    mirrors: Arc<[(Self, Uses)]>,
    /// Where it is read, if not where it is written.
    source: Option<Arc<Self>>,
    is_mirror: bool,
    /// The registry that the server stands in for, of which it is told.
    upstream: Option<RegistryName>,
    /// What was resolved by this handle's maker: by that, mirrors and policies are asked.
    resolved: Option<TagOrDigest>,
    /// Whether policies are not asked: they ask by this handle themselves.
    pub(crate) is_exempt: bool,
    /// Where its requests tell what they retry.
    pub(crate) retries: Retries,
}

impl Repository {
    /// The repository that `reference` is in.
    pub(crate) fn of(shared: &Arc<Shared>, reference: &Reference) -> Result<Self, Error> {
        let Route { mirrors, source, server } = shared.route(reference)?;
        let registry = reference.registry();
        let at = |place: &Place| {
            let upstream = place.is_told.then(|| registry.clone());
            let server = shared.registry(&place.server)?;
            Ok::<_, Error>(Self { upstream, ..Self::at(shared, server, &place.repository) })
        };
        let mirrors = mirrors.iter().map(|place| {
            let mirror = Self { is_mirror: true, ..at(place)? };
            Ok::<_, Error>((mirror, place.uses))
        });
        let mirrors = mirrors.collect::<Result<_, _>>()?;
        let source = source.as_ref().map(at).transpose()?.map(Arc::new);
        let other = Some(registry.clone()).filter(|registry| server.host != *registry);
        let repository = Self::at(shared, shared.registry(&server)?, reference.repository());
        Ok(Self { called: other.clone(), upstream: other, mirrors, source, ..repository })
    }

    fn at(shared: &Arc<Shared>, registry: Arc<Registry>, name: &RepositoryName) -> Self {
        Self {
            shared: Arc::clone(shared),
            registry,
            name: name.clone(),
            called: None,
            mirrors: Arc::new([]),
            source: None,
            is_mirror: false,
            upstream: None,
            resolved: None,
            is_exempt: false,
            retries: Retries::default(),
        }
    }

    /// The same, for what `name` meant.
    pub(crate) fn resolved(&self, name: TagOrDigest) -> Self {
        Self { resolved: Some(name), ..self.clone() }
    }

    /// The same, whose requests tell there what they retry.
    pub(crate) fn telling(&self, retries: Retries) -> Self {
        let source = self.source.as_ref().map(|source| Arc::new(source.telling(retries.clone())));
        Self { source, retries, ..self.clone() }
    }

    /// What its content was resolved from.
    pub(crate) fn resolved_from(&self) -> Option<&TagOrDigest> {
        self.resolved.as_ref()
    }

    /// Of which registry it is a mirror, if it is one.
    pub(crate) fn upstream(&self) -> Option<&RegistryName> {
        self.upstream.as_ref()
    }

    pub(crate) fn is_mirror(&self) -> bool {
        self.is_mirror
    }

    /// Where it is read when no mirror has it.
    pub(crate) fn source(&self) -> &Self {
        self.source.as_deref().unwrap_or(self)
    }

    /// The registry's name, a host with an optional port.
    pub fn registry(&self) -> &RegistryName {
        self.called.as_ref().unwrap_or(&self.registry.name)
    }

    /// The name in the registry.
    pub fn name(&self) -> &RepositoryName {
        &self.name
    }

    /// Another repository of the same registry.
    pub(crate) fn sibling(&self, name: &RepositoryName) -> Self {
        Self::at(&self.shared, Arc::clone(&self.registry), name)
    }

    /// The URL of an endpoint of this registry.
    pub(crate) fn url(&self, endpoint: &Endpoint) -> Url {
        let mut url = self.registry.url(endpoint);
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
        let call = Call::new(&self.shared, &self.registry, name, scopes, method, url, action)
            .telling(&self.retries);
        // A mirror that fails is passed over instead.
        if self.is_mirror() { call.once().impatient() } else { call }
    }

    /// The same repository at the mirrors that have content, and are not known to be out of reach.
    pub(crate) fn mirrors(&self) -> impl Iterator<Item = &Self> {
        self.mirrors_that(|uses| uses.has(self.resolved.as_ref()))
    }

    /// The same at those that may say what `name` means.
    pub(crate) fn mirrors_to_resolve(&self, name: &TagOrDigest) -> impl Iterator<Item = &Self> {
        self.mirrors_that(|uses| uses.resolves(name))
    }

    fn mirrors_that(&self, are: impl Fn(Uses) -> bool) -> impl Iterator<Item = &Self> {
        let now = Instant::now();
        let mirrors = self.mirrors.iter().filter(move |(_, uses)| are(*uses));
        mirrors.map(|(mirror, _)| mirror).filter(move |mirror| mirror.registry.is_in_reach(now))
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
            let rest = self.shared.wire.limits.mirror_rest;
            self.registry.rest_until(instant_after(Instant::now(), rest));
        }
        trace::mirror_failed(&self.registry.name, &error);
        Some(error)
    }
}

impl fmt::Display for Repository {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.registry(), self.name)
    }
}

impl fmt::Debug for Repository {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Repository({self})")
    }
}
