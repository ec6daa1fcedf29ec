use std::fmt;
use std::sync::Arc;

use http::{HeaderName, HeaderValue, Method, StatusCode};
use oci_image::Reference;
use oci_image::distribution::{Endpoint, header as names};
use oci_image::reference::RegistryName;

use crate::auth::{Credentials, Keyring, LoginFile, Place, Scopes};
use crate::call::{Answer, Call};
use crate::config::Config;
use crate::error::{Error, ErrorKind};
use crate::list::{Entries, List, Pages};
use crate::manifest::Resolved;
use crate::registry::Registry;
use crate::repository::Repository;
use crate::shared::Shared;
use crate::warnings::Warning;

/// Speaks with registries. A clone is a handle to the same client: connections, tokens, limits.
#[derive(Clone, Debug)]
pub struct Client {
    shared: Arc<Shared>,
}

impl Client {
    /// A client with these settings. It makes no connection yet.
    ///
    /// # Errors
    /// If the settings cannot be used.
    pub fn new(config: Config) -> Result<Self, Error> {
        Ok(Self { shared: Arc::new(Shared::new(config)?) })
    }

    /// The repository with this name, such as `ghcr.io/owner/app`. Nothing is asked yet.
    ///
    /// # Errors
    /// If it is not a name, or one with a tag or a digest.
    pub fn repository(&self, name: &str) -> Result<Repository, Error> {
        let error = || {
            let action = format!("use `{}` as a repository", crate::text::printable(name, 300));
            Error::new(ErrorKind::Configuration, action)
        };
        let reference: Reference = name.parse().map_err(|source| error().with_source(source))?;
        if reference.tag().is_some() || reference.digest().is_some() {
            return Err(error().because("it has a tag or a digest"));
        }
        self.repository_of(&reference)
    }

    /// The repository that `reference` is in, whatever its tag and digest.
    ///
    /// # Errors
    /// If its registry cannot stand in a URL, or by the files of the machine that say where it is: of kind
    /// [`Policy`](ErrorKind::Policy) if it is blocked.
    pub fn repository_of(&self, reference: &Reference) -> Result<Repository, Error> {
        Repository::of(&self.shared, reference)
    }

    /// The image that `name` stands for, as a user writes it.
    ///
    /// By [`Config::registries_conf`], a name without a registry stands for what its alias says, or for the image of
    /// the one registry that is searched; without, it is one of Docker's registry.
    ///
    /// # Errors
    /// If it is not a name, or if it stands for nothing or for several images.
    pub fn reference(&self, name: &str) -> Result<Reference, Error> {
        for places in &self.shared.places {
            if let Some(reference) = places.reference(name)? {
                return Ok(reference);
            }
        }
        let action = || format!("find the image `{}`", crate::text::printable(name, 300));
        name.parse().map_err(|reason| Error::name(action(), reason))
    }

    /// What `image` means now: what its digest names, or else its tag, or else `latest`.
    ///
    /// # Errors
    /// As [`repository_of`](Self::repository_of) and [`Repository::resolve`].
    pub async fn resolve(&self, image: &Reference) -> Result<Resolved, Error> {
        self.repository_of(image)?.resolve_name(image.tag_or_digest()).await
    }

    /// Whether `registry`, a host with an optional port, is a registry and takes the credentials that are
    /// configured for it; without any, whether it answers anonymous callers.
    ///
    /// # Errors
    /// Of kind [`Unauthorized`](ErrorKind::Unauthorized) if the credentials are wrong or missing,
    /// [`NotFound`](ErrorKind::NotFound) if there is another kind of server.
    pub async fn check(&self, registry: &str) -> Result<(), Error> {
        let action = log_in_to(registry);
        let registry = self.registry(registry, &action)?;
        self.check_with(&registry, &self.shared.keyring, &action).await
    }

    /// Stores `credentials` for `place`, a registry (`ghcr.io`) or a part of one (`ghcr.io/team`), in `file` if the
    /// registry accepts them: what `docker login` and `podman login` do. [`LoginFile::erase`] logs out.
    ///
    /// The registry is asked at `/v2/`; one that wants no login there accepts any. This client goes on with the
    /// credentials that it was made with.
    ///
    /// # Errors
    /// Of kind [`Unauthorized`](ErrorKind::Unauthorized) if they are refused, and as [`check`](Self::check) and
    /// [`LoginFile::store`]. Then nothing is stored.
    pub async fn login(
        &self,
        place: &str,
        credentials: &Credentials,
        file: &LoginFile,
    ) -> Result<(), Error> {
        let action = log_in_to(place);
        let Place { registry: name, .. } = Place::parse(place, &action)?;
        let registry = self.shared.new_registry(&self.shared.server_named(&name)?)?;
        let keyring = Keyring::of(name, credentials.clone());
        self.check_with(&registry, &keyring, &action).await?;
        file.store(place, credentials).await
    }

    async fn check_with(
        &self,
        registry: &Registry,
        keyring: &Keyring,
        action: &str,
    ) -> Result<(), Error> {
        let call = self.base_call(registry, Scopes::default(), action).keyring(keyring);
        let (answer, body) = call.read(self.shared.wire.limits.error).await?;
        match is_of_a_registry(&answer, &body) {
            true => Ok(()),
            false => Err(Error::new(ErrorKind::NotFound, action)
                .because("there is a server, and its answer is not that of a registry")),
        }
    }

    /// The value of the header `Authorization` for requests of your own to `registry`, such as to endpoints that this
    /// crate does not know; `None` if the registry wants none. `scopes` are what it is to allow:
    /// `repository:team/app:pull`, as text or as a [`Scope`](oci_image::distribution::Scope).
    ///
    /// It is a secret: send it to `https://` and the registry's host alone, and not on with a redirect. It is marked as
    /// sensitive, so that its debug output is empty. It may be a token that ends within seconds: ask for it again for
    /// each request; what is known is not fetched again.
    ///
    /// # Errors
    /// As [`check`](Self::check).
    pub async fn danger_authorization(
        &self,
        registry: &str,
        scopes: impl IntoIterator<Item: fmt::Display>,
    ) -> Result<Option<HeaderValue>, Error> {
        let action = log_in_to(registry);
        let registry = self.registry(registry, &action)?;
        let scopes = scopes
            .into_iter()
            .fold(Scopes::default(), |scopes, scope| scopes.and_challenged(&scope.to_string()));
        let call = || self.base_call(&registry, scopes.clone(), &action);
        if let Some(known) = call().known_authorization().await? {
            return Ok(Some(known.value));
        }
        // Its challenge says how it is logged in to.
        call().read(self.shared.wire.limits.error).await?;
        Ok(call().known_authorization().await?.map(|known| known.value))
    }

    /// The repositories of `registry`, as far as it lists them (`_catalog`, by Docker): many registries do not.
    ///
    /// # Errors
    /// If `registry` is not a host with an optional port.
    pub fn catalog(&self, registry: &str) -> Result<List, Error> {
        let action =
            format!("list the repositories of `{}`", crate::text::printable(registry, 300));
        let registry = self.registry(registry, &action)?;
        let first = registry.url(&Endpoint::Catalog);
        let scopes = Scopes::default().and_challenged("registry:catalog:*");
        let pages = Pages::of_registry(&self.shared, &registry, first, scopes, action);
        Ok(List::new(pages, Entries::Repositories))
    }

    pub(crate) fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }

    pub(crate) fn registry(&self, name: &str, action: &str) -> Result<Arc<Registry>, Error> {
        let name: RegistryName = name.parse().map_err(|reason| Error::name(action, reason))?;
        self.shared.registry_named(&name)
    }

    fn base_call<'a>(
        &'a self,
        registry: &'a Registry,
        scopes: Scopes,
        action: &'a str,
    ) -> Call<'a> {
        let url = registry.url(&Endpoint::Base);
        Call::new(&self.shared, registry, None, scopes, Method::GET, url, action)
    }

    /// What registries wanted their users to know so far, each once, and no more than 100.
    pub fn warnings(&self) -> Vec<Warning> {
        self.shared.warnings.all()
    }
}

fn log_in_to(place: &str) -> String {
    format!("log in to `{}`", crate::text::printable(place, 300))
}

/// Whether a success at `/v2/` is a registry's: it says so in a header, or has at most JSON to say. Servers of
/// another kind answer any path with a page for people.
fn is_of_a_registry(answer: &Answer, body: &[u8]) -> bool {
    let version = HeaderName::from_static(names::API_VERSION);
    let is_object = || serde_json::from_slice::<serde_json::Map<_, _>>(body).is_ok();
    answer.status() == StatusCode::OK
        && (answer.header(&version).is_some_and(|version| version.contains("registry/2"))
            || body.trim_ascii().is_empty()
            || is_object())
}
