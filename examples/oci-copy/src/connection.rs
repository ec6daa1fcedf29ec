use std::env::var_os;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use lexopt::prelude::*;
use oci_distribution_client::machine::RegistriesConf;
use oci_distribution_client::{Client, Config, Credentials, ErrorKind, PolicyFile, Tls};

use crate::Result;

/// How registries at one end of a copy are asked.
#[derive(Clone, Default)]
pub(crate) struct Connection {
    login_file: Option<PathBuf>,
    login: Option<Login>,
    /// A certificate of an authority that is trusted, too.
    authority: Option<PathBuf>,
    /// A directory with the certificates for the registry, as in `certs.d`.
    certificates: Option<PathBuf>,
    registries_conf: Option<PathBuf>,
    policy: Option<Rules>,
    http: Option<Http>,
    verifies_tls: Option<bool>,
    /// Where a token server is that gets logins over http.
    token_server: Option<String>,
}

/// What may be used, unless it is as the machine's `policy.json` says, if there is one.
#[derive(Clone)]
enum Rules {
    All,
    File(PathBuf),
}

/// Where a machine has what all its users have.
const MACHINE: [&str; 2] = ["/etc/containers", "/etc/docker"];

/// The variables that say where logins are.
const LOGINS: [&str; 5] =
    ["DOCKER_AUTH_CONFIG", "DOCKER_CONFIG", "HOME", "REGISTRY_AUTH_FILE", "XDG_RUNTIME_DIR"];

/// A login that is not that of files.
#[derive(Clone)]
enum Login {
    Nobody,
    Given(Credentials),
}

/// Which registries are asked over http.
#[derive(Clone, Copy)]
enum Http {
    OnThisMachine,
    Anywhere,
}

impl Connection {
    /// Takes an option by its name without the end that it is for; says whether it is one of these.
    pub(crate) fn take(&mut self, option: &str, arguments: &mut lexopt::Parser) -> Result<bool> {
        match option {
            "authfile" => self.login_file = Some(arguments.value()?.into()),
            "creds" => self.login = Some(Login::Given(login(arguments.value()?)?)),
            "no-creds" => self.login = Some(Login::Nobody),
            "ca" => self.authority = Some(arguments.value()?.into()),
            "cert-dir" => self.certificates = Some(arguments.value()?.into()),
            "registries-conf" => self.registries_conf = Some(arguments.value()?.into()),
            "policy" => self.policy = Some(Rules::File(arguments.value()?.into())),
            "insecure-policy" => self.policy = Some(Rules::All),
            "plain-http" => self.http = Some(Http::OnThisMachine),
            "danger-plain-http" => self.http = Some(Http::Anywhere),
            "danger-token-server" => self.token_server = Some(arguments.value()?.string()?),
            "tls-verify" => {
                let verify = arguments.optional_value().map(|value| value.parse()).transpose()?;
                self.verifies_tls = Some(verify.unwrap_or(true));
            }
            _ => return Ok(false),
        }
        Ok(true)
    }

    pub(crate) fn login(self, credentials: Credentials) -> Self {
        Self { login: Some(Login::Given(credentials)), ..self }
    }

    pub(crate) fn certificates(self, directory: PathBuf) -> Self {
        Self { certificates: Some(directory), ..self }
    }

    pub(crate) fn verify_tls(self, verify: bool) -> Self {
        Self { verifies_tls: Some(verify), ..self }
    }

    /// With what is said of both ends where nothing is said of this one.
    pub(crate) fn or(self, both: &Self) -> Self {
        Self {
            login_file: self.login_file.or_else(|| both.login_file.clone()),
            login: self.login.or_else(|| both.login.clone()),
            authority: self.authority.or_else(|| both.authority.clone()),
            certificates: self.certificates.or_else(|| both.certificates.clone()),
            registries_conf: self.registries_conf.or_else(|| both.registries_conf.clone()),
            policy: self.policy.or_else(|| both.policy.clone()),
            http: self.http.or(both.http),
            verifies_tls: self.verifies_tls.or(both.verifies_tls),
            token_server: self.token_server.or_else(|| both.token_server.clone()),
        }
    }

    pub(crate) fn without_logins(self) -> Self {
        Self { login: Some(Login::Nobody), login_file: None, ..self }
    }

    /// The file of logins that was named.
    pub(crate) fn login_file(&self) -> Option<&Path> {
        self.login_file.as_deref()
    }

    /// A client for a registry.
    pub(crate) async fn client(&self, registry: &str) -> Result<Client> {
        let config = self.config(registry)?;
        if self.verifies_tls != Some(false) {
            return Ok(Client::new(config)?);
        }
        let tls = Tls::new().danger_accept_any_certificate();
        let client = Client::new(config.clone().tls(registry, tls))?;
        // As skopeo: without verification a registry may speak http as well.
        match client.check(registry).await {
            Err(error) if error.kind() == ErrorKind::Tls => {
                Ok(Client::new(config.danger_plain_http(registry))?)
            }
            _ => Ok(client),
        }
    }

    fn config(&self, registry: &str) -> Result<Config> {
        let mut config = self.machine()?;
        if let Some(file) = &self.login_file {
            config = config.login_file(file)?;
        }
        match &self.login {
            Some(Login::Nobody) => config = config.without_logins(),
            Some(Login::Given(credentials)) => {
                config = config.credentials(registry, credentials.clone());
            }
            None => {}
        }
        if let Some(path) = &self.authority {
            config = config.root_certificate(read(path)?);
        }
        if let Some(directory) = &self.certificates {
            config = config.tls(registry, Tls::from_directory(directory)?);
        }
        if let Some(server) = &self.token_server {
            config = config.danger_token_server(registry, server);
        }
        Ok(match self.http {
            None => config,
            Some(Http::OnThisMachine) => config.plain_http(registry),
            Some(Http::Anywhere) => config.danger_plain_http(registry),
        })
    }

    /// What the files and the environment of the machine say, without their logins where others were given.
    fn machine(&self) -> Result<Config> {
        let has_logins = self.login_file.is_none() && !matches!(self.login, Some(Login::Nobody));
        let config = Config::from_variables(|name| match has_logins || !LOGINS.contains(&name) {
            true => var_os(name),
            false => None,
        })?;
        let conf = match &self.registries_conf {
            Some(file) => RegistriesConf::read(file)?,
            None => RegistriesConf::from_variables(|name| var_os(name))?,
        };
        let config = config.registries_conf(conf);
        let home = var_os("HOME").map(|home| PathBuf::from(home).join(".config/containers"));
        let places = home.iter().map(PathBuf::as_path).chain(MACHINE.map(Path::new));
        let certificates = places.clone().map(|place| place.join("certs.d"));
        let config = certificates.into_iter().try_fold(config, Config::certs_dir)?;
        let file = match &self.policy {
            Some(Rules::All) => None,
            Some(Rules::File(file)) => Some(file.clone()),
            None => places.map(|place| place.join("policy.json")).find(|file| file.exists()),
        };
        Ok(match file {
            Some(file) => config.policy(PolicyFile::read(file)?),
            None => config,
        })
    }
}

fn read(path: &Path) -> Result<Vec<u8>> {
    std::fs::read(path).map_err(|error| format!("cannot read `{}`: {error}", path.display()).into())
}

/// `USER:PASSWORD`, which is not repeated in errors.
fn login(text: OsString) -> Result<Credentials> {
    let text = text.into_string().map_err(|_| "the login is not UTF-8")?;
    let (user, password) = text.split_once(':').ok_or("the login is not USER:PASSWORD")?;
    Ok(Credentials::basic(user, password))
}
