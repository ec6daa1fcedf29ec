use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use zeroize::Zeroizing;

use crate::auth::Credentials;
use crate::error::{Error, ErrorKind};

/// A docker `config.json` or a containers `auth.json`.
#[derive(Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct DockerConfig {
    #[serde(skip)]
    path: PathBuf,
    #[serde(default)]
    auths: BTreeMap<String, Login>,
    #[serde(default)]
    cred_helpers: BTreeMap<String, String>,
    #[serde(default)]
    creds_store: Option<String>,
}

#[derive(Clone, Default, Deserialize)]
#[serde(default)]
struct Login {
    auth: Zeroizing<String>,
    username: String,
    password: Zeroizing<String>,
    identitytoken: Zeroizing<String>,
    registrytoken: Zeroizing<String>,
}

/// What a file says of a registry.
#[derive(Debug)]
pub(crate) enum Found {
    Credentials(Credentials),
    /// Ask the program `docker-credential-NAME` for `server`.
    Helper {
        name: String,
        server: String,
    },
}

impl DockerConfig {
    pub(crate) fn read(path: &Path) -> Result<Self, Error> {
        let error = || {
            Error::new(ErrorKind::Configuration, format!("read the logins in `{}`", path.display()))
        };
        let text = std::fs::read(path).map_err(|source| error().with_source(source))?;
        let text = Zeroizing::new(text);
        // The parser's own message may quote a secret.
        let mut config: Self = serde_json::from_slice(&text).map_err(|source| {
            error().because(format!(
                "it is not the JSON of a login file (line {}, column {})",
                source.line(),
                source.column()
            ))
        })?;
        path.clone_into(&mut config.path);
        Ok(config)
    }

    /// What is said of `repository` in `registry`, the best first: a helper for the registry, a login
    /// for the longest prefix of the repository's name, the helper for all.
    pub(crate) fn find(&self, registry: &str, repository: &str) -> Result<Vec<Found>, Error> {
        let mut found = Vec::new();
        let helper = self.cred_helpers.iter().find(|(key, _)| same_registry(key, registry));
        if let Some((key, name)) = helper {
            found.push(Found::Helper { name: name.clone(), server: key.clone() });
            return Ok(found);
        }
        if let Some(name) = self.creds_store.as_ref().filter(|name| !name.is_empty()) {
            let server = match is_docker_hub(registry) {
                true => "https://index.docker.io/v1/".to_owned(),
                false => registry.to_owned(),
            };
            found.push(Found::Helper { name: name.clone(), server });
        }
        if let Some((key, login)) = self.login(registry, repository) {
            let credentials = login.credentials().map_err(|reason| {
                let action = format!("read the login for `{key}` in `{}`", self.path.display());
                Error::new(ErrorKind::Configuration, action).because(reason)
            })?;
            found.extend(credentials.map(Found::Credentials));
        }
        Ok(found)
    }

    fn login(&self, registry: &str, repository: &str) -> Option<(&String, &Login)> {
        let matches = self.auths.iter().filter_map(|(key, login)| {
            let depth = matching_depth(key, registry, repository)?;
            Some((depth, key, login))
        });
        let best = matches.max_by_key(|(depth, ..)| *depth);
        best.map(|(_, key, login)| (key, login))
    }
}

impl Login {
    fn credentials(&self) -> Result<Option<Credentials>, &'static str> {
        if !self.registrytoken.is_empty() {
            return Ok(Some(Credentials::registry_token(self.registrytoken.as_str())));
        }
        let (user, password) = match self.auth.is_empty() {
            true => (self.username.clone(), self.password.clone()),
            false => decode(&self.auth)?,
        };
        if !self.identitytoken.is_empty() {
            let token = self.identitytoken.as_str();
            return Ok(Some(Credentials::identity_token(token)));
        }
        let is_given = !user.is_empty() || !password.is_empty();
        Ok(is_given.then(|| Credentials::basic(user, password.as_str())))
    }
}

fn decode(auth: &str) -> Result<(String, Zeroizing<String>), &'static str> {
    let bytes = STANDARD.decode(auth.trim()).map_err(|_| "`auth` is not base64")?;
    let bytes = Zeroizing::new(bytes);
    let text = std::str::from_utf8(&bytes).map_err(|_| "`auth` is not UTF-8")?;
    let (user, password) = text.split_once(':').ok_or("`auth` has no colon")?;
    // Some writers pad with NUL.
    let password = password.trim_end_matches('\0');
    Ok((user.to_owned(), Zeroizing::new(password.to_owned())))
}

fn is_docker_hub(registry: &str) -> bool {
    matches!(registry, "docker.io" | "index.docker.io" | "registry-1.docker.io")
}

fn same_registry(key: &str, registry: &str) -> bool {
    matching_depth(key, registry, "") == Some(0)
}

/// How many components of the repository's name `key` covers, if it covers the repository.
fn matching_depth(key: &str, registry: &str, repository: &str) -> Option<usize> {
    let (host, path) = match key.strip_prefix("https://").or_else(|| key.strip_prefix("http://")) {
        // A URL is a registry: its path is the version of the API.
        Some(rest) => (rest.split('/').next().unwrap_or(rest), ""),
        None => key.split_once('/').unwrap_or((key, "")),
    };
    let path = match path {
        "v1" | "v1/" | "v2" | "v2/" => "",
        path => path.trim_end_matches('/'),
    };
    let is_same =
        host.eq_ignore_ascii_case(registry) || (is_docker_hub(host) && is_docker_hub(registry));
    if !is_same {
        return None;
    }
    if path.is_empty() {
        return Some(0);
    }
    let rest = repository.strip_prefix(path)?;
    (rest.is_empty() || rest.starts_with('/')).then(|| path.split('/').count())
}

impl fmt::Debug for DockerConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DockerConfig").field("path", &self.path).finish_non_exhaustive()
    }
}
