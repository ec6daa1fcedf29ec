use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use http::{HeaderValue, Method};
use oci_image::Reference;
use url::Url;

use crate::auth::{Authority, Helpers, Keyring, Scopes};
use crate::call::Call;
use crate::config::Config;
use crate::error::{Error, ErrorKind};
use crate::manifest::Resolved;
use crate::mirror::Mirror;
use crate::origin::Origin;
use crate::repository::Repository;
use crate::wire::Wire;

/// Speaks with registries. A clone is a handle to the same client: connections, tokens, limits.
#[derive(Clone, Debug)]
pub struct Client {
    shared: Arc<Shared>,
}

#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) wire: Wire,
    pub(crate) keyring: Keyring,
    plain_http: Vec<String>,
    /// Servers that may be asked by http though they are not this machine.
    danger_plain_http: Vec<String>,
    token_servers: Vec<(String, Origin)>,
    mirrors: Vec<Mirror>,
    registries: Mutex<Vec<Arc<Registry>>>,
    warnings: Mutex<HashSet<Warning>>,
    /// Held while an index of referrers is changed: registries have no way to change one at once.
    pub(crate) referrers: tokio::sync::Mutex<()>,
}

/// One registry: where it is, and how it is logged in to.
#[derive(Debug)]
pub(crate) struct Registry {
    /// As in the names of images.
    pub(crate) name: String,
    pub(crate) base: Url,
    pub(crate) origin: Origin,
    pub(crate) authority: Authority,
    /// When it may be asked again, if it is a mirror that was out of reach.
    rests_until: Mutex<Option<Instant>>,
}

impl Registry {
    pub(crate) fn is_in_reach(&self, now: Instant) -> bool {
        self.rests_until
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .is_none_or(|until| until <= now)
    }

    pub(crate) fn rest_until(&self, until: Instant) {
        *self.rests_until.lock().unwrap_or_else(PoisonError::into_inner) = Some(until);
    }
}

/// What a registry wants its users to know. Show it to a human, and do not act on it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub struct Warning {
    /// The registry.
    pub registry: String,
    /// Its words, printable.
    pub text: String,
}

/// The most warnings that are kept.
const WARNINGS: usize = 100;

impl Client {
    /// A client with these settings. It makes no connection yet.
    ///
    /// # Errors
    /// If the settings cannot be used.
    pub fn new(config: Config) -> Result<Self, Error> {
        for name in &config.plain_http {
            let is_loopback =
                origin_of("http", name).is_some_and(|(_, origin)| origin.is_loopback());
            if !is_loopback {
                return Err(Error::new(ErrorKind::Configuration, format!("ask `{name}` by http"))
                    .because("only registries on this machine are asked so"));
            }
        }
        let transport = config.build_transport()?;
        let Config { user_agent, limits, retry, .. } = config;
        let user_agent = HeaderValue::from_str(&user_agent).map_err(|source| {
            let action = format!("call the client `{}`", user_agent.escape_debug());
            Error::new(ErrorKind::Configuration, action).with_source(source)
        })?;
        let token_servers = config.token_servers.into_iter().map(|(registry, server)| {
            let origin = Url::parse(&server).ok().and_then(|url| Origin::of(&url));
            let origin = origin.ok_or_else(|| {
                let action = format!("allow the token server `{server}`");
                Error::new(ErrorKind::Configuration, action)
                    .because("it is not written as `http://host:port`")
            })?;
            Ok((registry, origin))
        });
        let token_servers = token_servers.collect::<Result<_, Error>>()?;
        let mirrors = config.mirrors.into_iter().map(|(of, place)| Mirror::parse(of, &place));
        let mirrors = mirrors.collect::<Result<_, Error>>()?;
        let helpers = Helpers { path: config.helper_path, patience: limits.helper };
        let keyring = Keyring::new(config.credentials, config.docker, helpers);
        Ok(Self {
            shared: Arc::new(Shared {
                wire: Wire::new(transport, user_agent, limits, retry),
                keyring,
                plain_http: config.plain_http,
                danger_plain_http: config.danger_plain_http,
                token_servers,
                mirrors,
                registries: Mutex::default(),
                warnings: Mutex::default(),
                referrers: tokio::sync::Mutex::default(),
            }),
        })
    }

    /// The repository with this name, such as `ghcr.io/owner/app`. Nothing is asked yet.
    ///
    /// # Errors
    /// If it is not a name, or one with a tag or a digest.
    pub fn repository(&self, name: &str) -> Result<Repository, Error> {
        let error = || Error::new(ErrorKind::Configuration, "name a repository");
        let reference: Reference = name.parse().map_err(|source| error().with_source(source))?;
        if reference.tag().is_some() || reference.digest().is_some() {
            return Err(error().because(format!("`{reference}` has a tag or a digest")));
        }
        self.repository_of(&reference)
    }

    /// The repository that `reference` is in, whatever its tag and digest.
    ///
    /// # Errors
    /// If its registry is no host.
    pub fn repository_of(&self, reference: &Reference) -> Result<Repository, Error> {
        let (registry, name) = (reference.registry(), reference.repository());
        let mirrors = self.shared.mirrors.iter().filter(|mirror| mirror.of == registry);
        let mirrors = mirrors.map(|mirror| {
            let name = format!("{}{name}", mirror.prefix);
            let host = self.registry(&mirror.host)?;
            Ok(Repository::new(self.shared.clone(), host, name).mirror_of(registry))
        });
        let mirrors = mirrors.collect::<Result<_, Error>>()?;
        let shared = self.shared.clone();
        Ok(Repository::new(shared, self.registry(registry)?, name.to_owned()).with_mirrors(mirrors))
    }

    /// What `image` means now: what its digest names, or else its tag, or else `latest`.
    ///
    /// # Errors
    /// As [`repository_of`](Self::repository_of) and [`Repository::resolve`].
    pub async fn resolve(&self, image: &Reference) -> Result<Resolved, Error> {
        let repository = self.repository_of(image)?;
        match image.digest() {
            Some(digest) => repository.resolve(digest.as_str()).await,
            None => repository.resolve(image.tag().unwrap_or("latest")).await,
        }
    }

    /// Whether `registry`, a host with an optional port, is a registry and takes the login that is
    /// configured for it; without one, whether it answers strangers.
    ///
    /// # Errors
    /// Of kind [`Unauthorized`](ErrorKind::Unauthorized) if the login is wrong,
    /// [`NotFound`](ErrorKind::NotFound) if there is another kind of server.
    pub async fn check(&self, registry: &str) -> Result<(), Error> {
        let registry = self.registry(registry)?;
        let action = format!("log in to `{}`", registry.name);
        let mut url = registry.base.clone();
        url.set_path("/v2/");
        let nothing = Scopes::default();
        Call::new(&self.shared, &registry, "", nothing, Method::GET, url, &action).send().await?;
        Ok(())
    }

    /// What registries wanted their users to know so far, each once, and no more than 100.
    pub fn warnings(&self) -> Vec<Warning> {
        let warnings = self.shared.warnings.lock().unwrap_or_else(PoisonError::into_inner);
        let mut warnings: Vec<_> = warnings.iter().cloned().collect();
        warnings.sort();
        warnings
    }

    fn registry(&self, name: &str) -> Result<Arc<Registry>, Error> {
        let mut known = self.shared.registries.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(registry) = known.iter().find(|registry| registry.name == name) {
            return Ok(Arc::clone(registry));
        }
        let registry = Arc::new(self.shared.new_registry(name)?);
        known.push(Arc::clone(&registry));
        Ok(registry)
    }
}

impl Shared {
    fn new_registry(&self, name: &str) -> Result<Registry, Error> {
        let mut names = self.plain_http.iter().chain(&self.danger_plain_http);
        let scheme = if names.any(|plain| plain == name) { "http" } else { "https" };
        // The name in references is not that of the server.
        let host = if name == Reference::DEFAULT_REGISTRY { "registry-1.docker.io" } else { name };
        let (base, origin) = origin_of(scheme, host).ok_or_else(|| {
            Error::new(ErrorKind::Configuration, format!("find the registry `{name}`"))
                .because("it is not a host with an optional port")
        })?;
        let allowed = self.token_servers.iter().filter(|(registry, _)| registry == name);
        let allowed = allowed.map(|(_, origin)| origin.clone()).collect();
        let authority = Authority::new(name.to_owned(), origin.clone(), allowed);
        let rests_until = Mutex::default();
        Ok(Registry { name: name.to_owned(), base, origin, authority, rests_until })
    }

    /// Whether a request may go on from `from` to the URL `to` that a server gave.
    pub(crate) fn may_go(&self, from: &Url, to: &Url) -> Result<(), &'static str> {
        let (Some(origin), Some(target)) = (Origin::of(from), Origin::of(to)) else {
            return Err("it points to what is not http or https");
        };
        if !to.username().is_empty() || to.password().is_some() {
            return Err("it points to a URL with a user");
        }
        if target.is_secure() {
            return Ok(());
        }
        if origin.is_secure() {
            return Err("it points from https to http");
        }
        let is_named =
            |name: &String| origin_of("http", name).is_some_and(|(_, named)| named == target);
        let is_allowed = target == origin
            || target.is_loopback() && origin.is_loopback()
            || self.danger_plain_http.iter().any(is_named);
        is_allowed.then_some(()).ok_or("it points to another host by http")
    }

    pub(crate) fn warn(&self, registry: &str, text: String) {
        let mut warnings = self.warnings.lock().unwrap_or_else(PoisonError::into_inner);
        if warnings.len() < WARNINGS {
            warnings.insert(Warning { registry: registry.to_owned(), text });
        }
    }
}

/// The base URL and the origin of a host with an optional port.
pub(crate) fn origin_of(scheme: &str, host: &str) -> Option<(Url, Origin)> {
    let is_host = !host.is_empty() && !host.contains(['/', '\\', '@', '?', '#', ' ']);
    let base = is_host.then(|| Url::parse(&format!("{scheme}://{host}/")))?.ok()?;
    let origin = Origin::of(&base)?;
    Some((base, origin))
}
