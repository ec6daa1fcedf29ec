#[cfg(feature = "credential-helpers")]
mod run;
#[cfg(not(feature = "credential-helpers"))]
#[path = "helper/off.rs"]
mod run;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::auth::logins::docker_server;
use crate::auth::secrets::Secrets;
use crate::auth::{CredentialError, CredentialProvider, CredentialRequest, Credentials};
use crate::error::{Error, ErrorKind};
use crate::limits::Limits;
use crate::text::printable;
use crate::transport::BoxFuture;

/// A program `docker-credential-NAME` that keeps logins, by the [protocol of docker].
///
/// What it prints when it succeeds holds secrets, so no error repeats it; what it says when it fails is in the error,
/// printable and shortened.
///
/// As a [`CredentialProvider`] it is asked for the registry's host; for Docker Hub, for
/// `https://index.docker.io/v1/`. The helpers that login files name are asked without it.
///
/// [protocol of docker]: https://github.com/docker/docker-credential-helpers#development
#[derive(Clone, Debug)]
pub struct CredentialHelper {
    name: String,
    settings: HelperSettings,
}

/// How credential helpers are run.
#[derive(Clone, Debug)]
pub(crate) struct HelperSettings {
    /// Where they are looked for, if not where this process looks for programs.
    pub(crate) search_path: Option<OsString>,
    /// How long one may take.
    pub(crate) timeout: Duration,
}

impl Default for HelperSettings {
    fn default() -> Self {
        Self { search_path: None, timeout: Limits::default().helper }
    }
}

/// The user name that stands for an identity token.
pub(crate) const TOKEN_USER: &str = "<token>";

/// A login as helpers write it and take it.
#[derive(Deserialize, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Login {
    #[serde(rename = "ServerURL", default)]
    server: String,
    #[serde(default)]
    username: String,
    #[serde(default)]
    secret: Zeroizing<String>,
}

/// What a helper did.
struct Output {
    is_success: bool,
    output: Zeroizing<Vec<u8>>,
    errors: Zeroizing<Vec<u8>>,
}

impl CredentialHelper {
    /// The helper `docker-credential-NAME`, looked for where this process looks for programs, when it is asked. It may
    /// take as long as the default of [`Limits::helper`].
    pub fn new(name: impl Into<String>) -> Self {
        Self { name: name.into(), settings: HelperSettings::default() }
    }

    /// Looks for the program in `path`, a list as in the variable `PATH`, which the program gets, too.
    pub fn search_path(mut self, path: impl Into<OsString>) -> Self {
        self.settings.search_path = Some(path.into());
        self
    }

    /// How long one answer may take.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.settings.timeout = timeout;
        self
    }

    pub(crate) fn with(name: &str, settings: &HelperSettings) -> Self {
        Self { name: name.to_owned(), settings: settings.clone() }
    }

    /// The login that it keeps for `server`, if it has one.
    ///
    /// # Errors
    /// If it cannot be run, fails, or takes too long.
    pub async fn get(&self, server: &str) -> Result<Option<Credentials>, Error> {
        let action = || self.action("ask", "for", server);
        let output = self.run("get", server.as_bytes()).await.map_err(|it| error(action(), it))?;
        if !output.is_success {
            return match output.is_not_found() {
                true => Ok(None),
                false => Err(error(action(), output.failure(&Secrets::default()))),
            };
        }
        let login: Login = serde_json::from_slice(&output.output).map_err(|_| {
            error(action(), "it did not answer with the JSON of a login".to_owned())
        })?;
        Ok(match (login.username.as_str(), login.secret.as_str()) {
            (_, "") => None,
            (TOKEN_USER, token) => Some(Credentials::identity_token(token)),
            (user, password) => Some(Credentials::basic(user, password)),
        })
    }

    /// Keeps `credentials` for `server`, in place of what was kept for it.
    ///
    /// # Errors
    /// If it cannot be run, fails, or takes too long; if the credentials are a registry token, which helpers cannot
    /// keep.
    pub async fn store(&self, server: &str, credentials: &Credentials) -> Result<(), Error> {
        let action = || self.action("store the login with", "for", server);
        let (username, secret) = match (credentials.as_basic(), credentials.as_identity_token()) {
            (Some((user, password)), _) => (user, password),
            (None, Some(token)) => (TOKEN_USER, token),
            (None, None) => {
                let reason = "helpers keep passwords and identity tokens, not registry tokens";
                return Err(error(action(), reason.to_owned()));
            }
        };
        let secret = Zeroizing::new(secret.expose().to_owned());
        let login = Login { server: server.to_owned(), username: username.to_owned(), secret };
        let input = serde_json::to_vec(&login).map(Zeroizing::new);
        let input = input.map_err(|it| error(action(), it.to_string()))?;
        let output = self.run("store", &input).await.map_err(|it| error(action(), it))?;
        match output.is_success {
            true => Ok(()),
            false => Err(error(action(), output.failure(&Secrets::of_credentials(credentials)))),
        }
    }

    /// Forgets the login for `server`; says whether there was one.
    ///
    /// # Errors
    /// If it cannot be run, fails, or takes too long.
    pub async fn erase(&self, server: &str) -> Result<bool, Error> {
        let action = || self.action("erase the login with", "for", server);
        let output =
            self.run("erase", server.as_bytes()).await.map_err(|it| error(action(), it))?;
        match output.is_success {
            true => Ok(true),
            false if output.is_not_found() => Ok(false),
            false => Err(error(action(), output.failure(&Secrets::default()))),
        }
    }

    /// The servers that it keeps logins for, each with the name of its user.
    ///
    /// # Errors
    /// If it cannot be run, fails, or takes too long.
    pub async fn list(&self) -> Result<BTreeMap<String, String>, Error> {
        let action = || format!("list the logins of `docker-credential-{}`", self.name);
        let output = self.run("list", b"").await.map_err(|it| error(action(), it))?;
        if !output.is_success {
            return Err(error(action(), output.failure(&Secrets::default())));
        }
        serde_json::from_slice(&output.output).map_err(|_| {
            error(action(), "it did not answer with a JSON object of servers and users".to_owned())
        })
    }

    /// Runs it with `input`.
    async fn run(&self, verb: &str, input: &[u8]) -> Result<Output, String> {
        let is_name = !self.name.is_empty() && !self.name.contains(['/', '\\', '\0']);
        if !is_name {
            return Err("its name is not that of a program".to_owned());
        }
        let HelperSettings { search_path, timeout } = &self.settings;
        let program = format!("docker-credential-{}", self.name);
        let exchange = run::exchange(&program, verb, input, search_path.as_deref());
        match tokio::time::timeout(*timeout, exchange).await {
            Ok(output) => output,
            Err(_) => Err(format!("it took longer than {} s", timeout.as_secs())),
        }
    }

    fn action(&self, verb: &str, preposition: &str, server: &str) -> String {
        let name = &self.name;
        format!("{verb} the credential helper `docker-credential-{name}` {preposition} `{server}`")
    }
}

impl CredentialProvider for CredentialHelper {
    fn credentials<'a>(
        &'a self,
        request: &'a CredentialRequest<'a>,
    ) -> BoxFuture<'a, Result<Option<Credentials>, CredentialError>> {
        Box::pin(async move { Ok(self.get(docker_server(request.registry.as_str())).await?) })
    }
}

impl Output {
    fn is_not_found(&self) -> bool {
        String::from_utf8_lossy(&self.output).contains("credentials not found")
    }

    /// By the protocol a helper that fails says why where its answer would be.
    fn failure(&self, secrets: &Secrets) -> String {
        match words(&self.output, secrets).or_else(|| words(&self.errors, secrets)) {
            Some(words) => format!("it failed: {words}"),
            None => "it failed".to_owned(),
        }
    }
}

fn error(action: String, reason: String) -> Error {
    Error::new(ErrorKind::Configuration, action).because(reason)
}

/// The words of a helper that failed, printable and bounded. A login as JSON, or one word alone, may be a secret, and
/// so may a long word.
fn words(output: &[u8], secrets: &Secrets) -> Option<String> {
    const WORDS: usize = 300;
    const WORD: usize = 40;
    let text = secrets.hidden_in(&String::from_utf8_lossy(output));
    if text.contains('{') || text.split_ascii_whitespace().count() < 2 {
        return None;
    }
    let words = text.split_ascii_whitespace().map(|word| match word.len() > WORD {
        true if !word.contains('/') || word.contains(['?', '@', '=']) => "…",
        _ => word,
    });
    let words: Vec<_> = words.collect();
    Some(printable(&words.join(" "), WORDS))
}
