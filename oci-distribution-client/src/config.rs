//! The settings of a client: what it trusts, what it authenticates with, how long it waits.

mod connections;
mod environment;
#[cfg(feature = "machine")]
mod machine;

pub(crate) use environment::login_file_of;

use std::ffi::OsString;
use std::fmt;
use std::path::Path;
use std::sync::Arc;

use oci_image::reference::RegistryName;

use crate::auth::{CredentialProvider, Credentials, Logins};
use crate::error::{Error, ErrorKind};
use crate::limits::Limits;
use crate::policy::Policy;
use crate::retry::Retry;
use crate::route::Places;
use crate::transport::{Proxies, Tls, Transport};

/// What stands for the login files among credential helpers.
pub(crate) const LOGIN_FILES: &str = "containers-auth.json";

/// The settings of a [`Client`](crate::Client).
///
/// The default asks every registry over https, without credentials, and reads nothing of the machine but its
/// trusted certificates.
///
/// The config of an image is [`oci_image::Config`].
///
/// ```
/// use oci_distribution_client::{Client, Config, Credentials};
///
/// let config = Config::default()
///     .plain_http("localhost:5000")
///     .credentials("ghcr.io", Credentials::basic("user", "password"));
/// let client = Client::new(config)?;
/// # Ok::<(), oci_distribution_client::Error>(())
/// ```
#[derive(Clone)]
pub struct Config {
    pub(crate) limits: Limits,
    pub(crate) retry: Retry,
    pub(crate) user_agent: String,
    pub(crate) plain_http: Vec<String>,
    pub(crate) danger_plain_http: Vec<String>,
    pub(crate) credentials: Vec<(String, Credentials)>,
    pub(crate) providers: Vec<Arc<dyn CredentialProvider>>,
    pub(crate) logins: Vec<Arc<Logins>>,
    /// The helpers that are asked for every registry, and [`LOGIN_FILES`] for the login files.
    pub(crate) helpers: Vec<String>,
    /// Where credential helpers are looked for, if not where this process looks for programs.
    pub(crate) helper_path: Option<OsString>,
    pub(crate) token_servers: Vec<(String, String)>,
    pub(crate) mirrors: Vec<(String, String)>,
    pub(crate) tls: Tls,
    /// For one server each.
    pub(crate) tls_of: Vec<(String, Tls)>,
    pub(crate) places: Vec<Arc<dyn Places>>,
    pub(crate) policies: Vec<Arc<dyn Policy>>,
    /// The servers whose certificates cannot be read, and why.
    pub(crate) unusable: Vec<(RegistryName, Arc<Error>)>,
    pub(crate) proxies: Proxies,
    pub(crate) transport: Option<Arc<dyn Transport>>,
}

impl Config {
    /// The default, with the user's credentials and proxies from the environment.
    ///
    /// Reads, in this order of precedence, the logins of
    /// - `$DOCKER_AUTH_CONFIG`, which is the JSON itself,
    /// - `$REGISTRY_AUTH_FILE`, or without it `$XDG_RUNTIME_DIR/containers/auth.json` (on Linux without that variable:
    ///   `/run/containers/UID/auth.json`) and `$XDG_CONFIG_HOME/containers/auth.json`,
    /// - `$DOCKER_CONFIG/config.json`
    ///
    /// with their usual places under `$HOME`, and the proxies of
    /// `HTTP_PROXY`, `HTTPS_PROXY`, `ALL_PROXY` and `NO_PROXY` in lower and upper case (see
    /// [`proxy`](Self::proxy)). Credential
    /// helpers that these files name are looked for in `PATH` and asked when a registry wants a login.
    ///
    /// It reads files, so it may block for a moment.
    ///
    /// # Errors
    /// If a file is there and cannot be read or understood.
    pub fn from_environment() -> Result<Self, Error> {
        Self::from_variables(|name| std::env::var_os(name))
    }

    /// The same with other variables than those of this process.
    ///
    /// # Errors
    /// As [`from_environment`](Self::from_environment).
    pub fn from_variables(variable: impl Fn(&str) -> Option<OsString>) -> Result<Self, Error> {
        environment::read(&variable)
    }

    /// Adds the logins of a docker `config.json` or a containers `auth.json`.
    ///
    /// # Errors
    /// If the file cannot be read or understood.
    pub fn login_file(mut self, path: impl AsRef<Path>) -> Result<Self, Error> {
        self.logins.push(Arc::new(Logins::read(path.as_ref())?));
        Ok(self)
    }

    /// Adds the logins in `json`, the text of such a file, as the variable `DOCKER_AUTH_CONFIG` has it.
    ///
    /// # Errors
    /// If it cannot be understood.
    pub fn login_json(mut self, json: impl AsRef<[u8]>) -> Result<Self, Error> {
        self.logins.push(Arc::new(Logins::parse(json.as_ref(), "the given JSON".to_owned())?));
        Ok(self)
    }

    /// Adds a login for `registry`, a host with an optional port, as in the name of an image.
    /// It goes before those of files.
    pub fn credentials(mut self, registry: impl Into<String>, credentials: Credentials) -> Self {
        self.credentials.push((registry.into(), credentials));
        self
    }

    /// Asks `provider` when a registry wants a login that was not given with [`credentials`](Self::credentials). Of
    /// several the first is asked first, and all of them before what files and their helpers know.
    pub fn credential_provider(mut self, provider: impl CredentialProvider) -> Self {
        self.providers.push(Arc::new(provider));
        self
    }

    /// Forgets the logins that it has by now: those that were given, and those of files, helpers and providers.
    pub fn without_logins(mut self) -> Self {
        self.credentials.clear();
        self.providers.clear();
        self.logins.clear();
        self.helpers.clear();
        self
    }

    /// Asks `registry`, a host on this machine with an optional port, over http.
    ///
    /// [`Client::new`](crate::Client::new) fails if it is not `localhost` or a loopback address.
    pub fn plain_http(mut self, registry: impl Into<String>) -> Self {
        self.plain_http.push(registry.into());
        self
    }

    /// Asks `registry`, any host with an optional port, over http: anybody on the network path reads the
    /// credentials and chooses what tags mean, a proxy among them.
    pub fn danger_plain_http(mut self, registry: impl Into<String>) -> Self {
        self.danger_plain_http.push(registry.into());
        self
    }

    /// Lets `registry` name a token server at `origin` (`http://host:port`) that would be refused:
    /// one that is asked over http and is not the registry itself. It gets the registry's credentials, and anybody
    /// on the network path reads them.
    pub fn danger_token_server(
        mut self,
        registry: impl Into<String>,
        origin: impl Into<String>,
    ) -> Self {
        self.token_servers.push((registry.into(), origin.into()));
        self
    }

    /// Asks `mirror`, a host with an optional port and path (`mirror.example/hub`), before `registry`
    /// for what is resolved, pulled, and read as a manifest. Of several mirrors the first is asked first.
    ///
    /// What a mirror lacks or fails to give, and what it gives that is not what was requested, is taken from
    /// the registry, as are errors. All else goes to the registry alone. A mirror is trusted
    /// with what tags mean. It gets the credentials of its own name, never those of the registry, and
    /// is told by the query `ns` which registry is meant.
    pub fn mirror(mut self, registry: impl Into<String>, mirror: impl Into<String>) -> Self {
        self.mirrors.push((registry.into(), mirror.into()));
        self
    }

    /// Asks `policy` what may be used, before anything of it is; of several, all must allow it.
    pub fn policy(mut self, policy: impl Policy) -> Self {
        self.policies.push(Arc::new(policy));
        self
    }

    /// Trusts the certificates in `pem` beside those of the operating system, for all servers.
    pub fn root_certificate(mut self, pem: impl Into<Vec<u8>>) -> Self {
        self.tls = self.tls.root_certificate(pem);
        self
    }

    /// Shows all servers that ask for it a certificate, with its chain and key as PEM; of several, that which
    /// [`Tls::client_certificate`] describes.
    pub fn client_certificate(
        mut self,
        chain: impl Into<Vec<u8>>,
        key: impl Into<Vec<u8>>,
    ) -> Self {
        self.tls = self.tls.client_certificate(chain, key);
        self
    }

    /// Speaks TLS with `server`, a registry, its token server or where it redirects to, by `tls`: a host with an
    /// optional port, as in the name of an image.
    ///
    /// No other server is spoken to by these settings. They replace those that were given for `server` before;
    /// what they leave open is as for all servers: roots of
    /// [`root_certificate`](Self::root_certificate) are trusted, too, and a certificate of
    /// [`client_certificate`](Self::client_certificate) is shown if `tls` has none.
    pub fn tls(mut self, server: impl Into<String>, tls: Tls) -> Self {
        self.tls_of.push((server.into(), tls));
        self
    }

    /// Sends requests over http and https through the proxy at `url`, but for the hosts in `except`, a
    /// list with commas as in the variable `NO_PROXY`: `registry.example` (with all that is below it),
    /// `registry.example:5000`, `10.1.2.3`, `10.0.0.0/8`, `*`.
    ///
    /// What is on this machine (`localhost`, loopback addresses) is never asked through a proxy.
    pub fn proxy(mut self, url: impl Into<String>, except: impl Into<String>) -> Self {
        let url = url.into();
        let own = std::mem::take(&mut self.proxies.own);
        let except = Some(except.into());
        self.proxies = Proxies { http: Some(url.clone()), https: Some(url), except, own };
        self
    }

    /// Sends requests to `server`, a host with an optional port, through the proxy at `url`, whichever is for all.
    pub fn proxy_to(mut self, server: impl Into<String>, url: impl Into<String>) -> Self {
        self.proxies.own.push((server.into(), Some(url.into())));
        self
    }

    /// Sends requests to `server`, a host with an optional port, through no proxy.
    pub fn no_proxy_to(mut self, server: impl Into<String>) -> Self {
        self.proxies.own.push((server.into(), None));
        self
    }

    /// What a server may make the client hold, follow or wait for.
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// When a failed request is sent again.
    pub fn retry(mut self, retry: Retry) -> Self {
        self.retry = retry;
        self
    }

    /// What the client calls itself.
    pub fn user_agent(mut self, user_agent: impl Into<String>) -> Self {
        self.user_agent = user_agent.into();
        self
    }

    /// Sends requests through `transport`. Certificates, proxies and the limit on the time to connect are
    /// its responsibility then.
    pub fn transport(mut self, transport: impl Transport) -> Self {
        self.transport = Some(Arc::new(transport));
        self
    }

    /// Whether the certificates for `server` could be read.
    pub(crate) fn certificates_of(&self, server: &RegistryName) -> Result<(), Error> {
        match self.unusable.iter().find(|(name, _)| name == server) {
            Some((_, reason)) => {
                let action = format!("use the certificates of `{server}`");
                Err(Error::new(ErrorKind::Configuration, action).with_source(Arc::clone(reason)))
            }
            None => Ok(()),
        }
    }
}

impl Default for Config {
    fn default() -> Self {
        Self {
            limits: Limits::default(),
            retry: Retry::default(),
            user_agent: concat!("oci-distribution-client/", env!("CARGO_PKG_VERSION")).to_owned(),
            plain_http: Vec::new(),
            danger_plain_http: Vec::new(),
            credentials: Vec::new(),
            providers: Vec::new(),
            logins: Vec::new(),
            helpers: vec![LOGIN_FILES.to_owned()],
            helper_path: None,
            token_servers: Vec::new(),
            mirrors: Vec::new(),
            tls: Tls::default(),
            tls_of: Vec::new(),
            places: Vec::new(),
            policies: Vec::new(),
            unusable: Vec::new(),
            proxies: Proxies::default(),
            transport: None,
        }
    }
}

impl fmt::Debug for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Config")
            .field("limits", &self.limits)
            .field("retry", &self.retry)
            .field("user_agent", &self.user_agent)
            .field("plain_http", &self.plain_http)
            .field("danger_plain_http", &self.danger_plain_http)
            .field("credentials", &self.credentials)
            .field("providers", &self.providers)
            .field("token_servers", &self.token_servers)
            .field("mirrors", &self.mirrors)
            .field("tls", &self.tls)
            .field("tls_of", &self.tls_of)
            .field("places", &self.places)
            .field("policies", &self.policies)
            .field("transport", &self.transport)
            .finish_non_exhaustive()
    }
}
