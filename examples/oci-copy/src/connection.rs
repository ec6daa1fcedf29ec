use std::ffi::OsString;
use std::path::{Path, PathBuf};

use lexopt::prelude::*;
use oci_distribution_client::{Client, Config, Credentials, ErrorKind, Tls};

use crate::Result;

/// How registries at one end of a copy are asked.
#[derive(Clone, Default)]
pub(crate) struct Connection {
    login_file: Option<PathBuf>,
    login: Option<Login>,
    /// A certificate of an authority that is trusted, too.
    authority: Option<PathBuf>,
    http: Option<Http>,
    verifies_tls: Option<bool>,
}

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
            "plain-http" => self.http = Some(Http::OnThisMachine),
            "danger-plain-http" => self.http = Some(Http::Anywhere),
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

    pub(crate) fn verify_tls(self, verify: bool) -> Self {
        Self { verifies_tls: Some(verify), ..self }
    }

    /// With what is said of both ends where nothing is said of this one.
    pub(crate) fn or(self, both: &Self) -> Self {
        Self {
            login_file: self.login_file.or_else(|| both.login_file.clone()),
            login: self.login.or_else(|| both.login.clone()),
            authority: self.authority.or_else(|| both.authority.clone()),
            http: self.http.or(both.http),
            verifies_tls: self.verifies_tls.or(both.verifies_tls),
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
        let mut config = match (&self.login_file, &self.login) {
            (Some(file), _) => Config::default().login_file(file)?,
            (None, Some(Login::Nobody)) => Config::default(),
            (None, _) => Config::from_environment()?,
        };
        if let Some(Login::Given(credentials)) = &self.login {
            config = config.credentials(registry, credentials.clone());
        }
        if let Some(path) = &self.authority {
            config = config.root_certificate(read(path)?);
        }
        Ok(match self.http {
            None => config,
            Some(Http::OnThisMachine) => config.plain_http(registry),
            Some(Http::Anywhere) => config.danger_plain_http(registry),
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
