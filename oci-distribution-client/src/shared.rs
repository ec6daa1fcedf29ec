use std::sync::{Arc, Mutex, PoisonError};

use http::{HeaderValue, Uri};
use oci_image::Reference;
use oci_image::reference::RegistryName;
use url::Url;

use crate::auth::{
    CredentialHelper, Credentials, HelperSettings, Keyring, KnownLogins, LoginSource,
};
use crate::config::{Config, LOGIN_FILES};
use crate::error::{Error, ErrorKind};
use crate::mirror::Mirror;
use crate::origin::{Origin, shown};
use crate::policy::Policy;
use crate::registry::Registry;
use crate::route::{Places, Protocol, Route, Server};
use crate::warnings::Warnings;
use crate::wire::Wire;

/// What all handles to a client share.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) wire: Wire,
    pub(crate) keyring: Keyring,
    pub(crate) mirrors: Vec<Mirror>,
    /// Where repositories are; the first that knows is asked.
    pub(crate) places: Vec<Arc<dyn Places>>,
    pub(crate) policies: Vec<Arc<dyn Policy>>,
    /// What the transport of a server with its own settings is made with.
    config: Config,
    pub(crate) warnings: Warnings,
    /// Registries on this machine that are asked over http.
    plain_http: Vec<RegistryName>,
    /// Registries that are asked over http though they are not on this machine.
    danger_plain_http: Vec<RegistryName>,
    token_servers: Vec<(RegistryName, Origin)>,
    registries: Mutex<Vec<Arc<Registry>>>,
    /// Held while an index of referrers is changed: registries have no way to change one at once.
    pub(crate) referrers: tokio::sync::Mutex<()>,
}

impl Shared {
    pub(crate) fn new(config: Config) -> Result<Self, Error> {
        let transport = config.build_transport()?;
        // Without the credentials, which are in the keyring.
        let of_servers = Config {
            credentials: Vec::new(),
            providers: Vec::new(),
            logins: Vec::new(),
            ..config.clone()
        };
        let timeout = config.limits.helper;
        let helpers = HelperSettings { search_path: config.helper_path, timeout };
        let known = |logins| KnownLogins { logins, helpers: helpers.clone() };
        let logins = config.logins.into_iter().map(known).collect();
        let source = |name: String| match name.as_str() {
            LOGIN_FILES => LoginSource::Files,
            name => LoginSource::Helper(CredentialHelper::with(name, &helpers)),
        };
        let sources = config.helpers.into_iter().map(source).collect();
        let user_agent = user_agent(&config.user_agent)?;
        Ok(Self {
            wire: Wire::new(transport, user_agent, config.limits, config.retry),
            keyring: Keyring::new(
                collect(config.credentials, known_registry)?,
                config.providers,
                logins,
                sources,
                timeout,
            ),
            mirrors: collect(config.mirrors, |(of, place)| Mirror::parse(&of, &place))?,
            places: config.places,
            policies: config.policies,
            config: of_servers,
            warnings: Warnings::default(),
            plain_http: collect(config.plain_http, |name| on_this_machine(&name))?,
            danger_plain_http: collect(config.danger_plain_http, |name| over_http(&name))?,
            token_servers: collect(config.token_servers, token_server)?,
            registries: Mutex::default(),
            referrers: tokio::sync::Mutex::default(),
        })
    }

    /// Where the repository of `image` is.
    pub(crate) fn route(&self, image: &Reference) -> Result<Route, Error> {
        let own = || Server::new(image.registry().clone(), Protocol::Https);
        let mut known = self.places.iter().filter_map(|places| places.route(image).transpose());
        let route = known.next().transpose()?;
        let mut route = route.unwrap_or_else(|| Route::of(own()));
        let mirrors = self.mirrors.iter().filter(|mirror| mirror.of == *image.registry());
        let mirrors = mirrors.filter_map(|mirror| mirror.place(image.repository()));
        route.mirrors.splice(0..0, mirrors);
        Ok(route)
    }

    /// The server of the registry of this name, where no repository of it is meant.
    pub(crate) fn server_named(&self, name: &RegistryName) -> Result<Server, Error> {
        // Every registry may have a repository of this name.
        let image = Reference::new(name.as_str(), "a/a").ok();
        let route = image.map(|image| self.route(&image)).transpose()?;
        let own = || Server::new(name.clone(), Protocol::Https);
        Ok(route.map_or_else(own, |route| route.server))
    }

    /// The registry of this name.
    pub(crate) fn registry_named(&self, name: &RegistryName) -> Result<Arc<Registry>, Error> {
        self.registry(&self.server_named(name)?)
    }

    /// The registry on this server, the same each time.
    pub(crate) fn registry(&self, server: &Server) -> Result<Arc<Registry>, Error> {
        let mut known = self.registries.lock().unwrap_or_else(PoisonError::into_inner);
        let asked = self.asked(server);
        if let Some(registry) = known.iter().find(|registry| registry.server == asked) {
            return Ok(Arc::clone(registry));
        }
        let registry = Arc::new(self.new_registry(&asked)?);
        known.push(Arc::clone(&registry));
        Ok(registry)
    }

    /// The registry on this server, as if it had not been asked before.
    pub(crate) fn new_registry(&self, server: &Server) -> Result<Registry, Error> {
        self.config.certificates_of(&server.host)?;
        let asked = self.asked(server);
        let wire = self.wire_to(&asked)?;
        let allowed = self.token_servers.iter().filter(|(registry, _)| *registry == server.host);
        let allowed = allowed.map(|(_, origin)| origin.clone()).collect();
        Registry::new(asked, wire, allowed, self.wire.limits.connections)
    }

    /// `server`, over http if the program names it for that.
    fn asked(&self, server: &Server) -> Server {
        let mut plain = self.plain_http.iter().chain(&self.danger_plain_http);
        let protocol = match plain.any(|host| *host == server.host) {
            true => Protocol::Http,
            false => server.protocol,
        };
        Server { protocol, ..server.clone() }
    }

    /// By what a server is asked that is not asked as others are.
    fn wire_to(&self, server: &Server) -> Result<Option<Wire>, Error> {
        let tls = match server.protocol {
            Protocol::Insecure => {
                let mut given = self.config.tls_of.iter().rev();
                let given = given.find(|(name, _)| *name == server.host.as_str());
                let tls = given.map(|(_, tls)| tls.clone()).unwrap_or_default();
                tls.danger_accept_any_certificate()
            }
            Protocol::Https | Protocol::Http => {
                match server.extra.as_ref().and_then(|extra| extra.tls.clone()) {
                    Some(tls) => tls,
                    None => return Ok(None),
                }
            }
        };
        let transport = self.config.clone().tls(server.host.as_str(), tls).build_transport()?;
        Ok(Some(self.wire.over(transport)))
    }

    /// The URL that `location` means at `from`, or why no request may go there.
    pub(crate) fn follow(&self, from: &Url, location: &str) -> Result<Url, String> {
        let to = from.join(location).map_err(|_| "it points to what is not a URL".to_owned())?;
        self.may_go(from, &to).map_err(|reason| format!("{reason} (`{}`)", shown(&to)))?;
        Ok(to)
    }

    /// Whether a request may go on from `from` to the URL `to` that a server gave.
    pub(crate) fn may_go(&self, from: &Url, to: &Url) -> Result<(), &'static str> {
        let (Some(origin), Some(target)) = (Origin::of(from), Origin::of(to)) else {
            return Err("it points to what is not http or https");
        };
        if !to.username().is_empty() || to.password().is_some() {
            return Err("it points to a URL with a user");
        }
        if to.as_str().parse::<Uri>().is_err() {
            return Err("it points to a URL that is too long");
        }
        if target.is_secure() {
            return Ok(());
        }
        if origin.is_secure() {
            return Err("it points from https to http");
        }
        let is_named = |name: &RegistryName| Origin::plain(name).is_some_and(|it| it == target);
        let is_allowed = target == origin
            || target.is_loopback() && origin.is_loopback()
            || self.danger_plain_http.iter().any(is_named);
        is_allowed.then_some(()).ok_or("it points to another host over http")
    }
}

fn collect<T, U>(
    values: Vec<T>,
    parse: impl FnMut(T) -> Result<U, Error>,
) -> Result<Vec<U>, Error> {
    values.into_iter().map(parse).collect()
}

fn known_registry(
    (name, credentials): (String, Credentials),
) -> Result<(RegistryName, Credentials), Error> {
    let action = format!("use the credentials for `{}`", name.escape_debug());
    Ok((name.parse().map_err(|reason| Error::name(action, reason))?, credentials))
}

fn over_http(name: &str) -> Result<RegistryName, Error> {
    let action = format!("use `{}` over http", name.escape_debug());
    name.parse().map_err(|reason| Error::name(action, reason))
}

fn on_this_machine(name: &str) -> Result<RegistryName, Error> {
    let registry = over_http(name)?;
    match Origin::plain(&registry).is_some_and(|origin| origin.is_loopback()) {
        true => Ok(registry),
        false => Err(Error::new(ErrorKind::Configuration, format!("use `{registry}` over http"))
            .because(
                "`Config::plain_http` is for registries on this machine, \
                 `Config::danger_plain_http` for others",
            )),
    }
}

fn token_server((registry, server): (String, String)) -> Result<(RegistryName, Origin), Error> {
    let action = format!("allow the token server `{}`", server.escape_debug());
    let origin = Url::parse(&server).ok().and_then(|url| Origin::of(&url));
    let origin = origin.ok_or_else(|| {
        Error::new(ErrorKind::Configuration, &*action)
            .because("it is not written as `http://host:port`")
    })?;
    Ok((registry.parse().map_err(|reason| Error::name(action, reason))?, origin))
}

fn user_agent(text: &str) -> Result<HeaderValue, Error> {
    HeaderValue::from_str(text).map_err(|source| {
        let action = format!("call the client `{}`", text.escape_debug());
        Error::new(ErrorKind::Configuration, action)
            .because("a header cannot hold that")
            .with_source(source)
    })
}
