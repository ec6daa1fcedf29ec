use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::Path;
use std::sync::Arc;

use serde::Deserialize;
use serde_json::value::RawValue;
use zeroize::Zeroizing;

use crate::auth::Credentials;
use crate::auth::helper::{CredentialHelper, HelperSettings, TOKEN_USER};
use crate::error::{Error, ErrorKind};

pub(crate) mod edit;
mod entry;
mod key;
mod rewrite;

use entry::Login;
use key::matching;

pub(crate) use entry::entry_of;
pub(crate) use key::{docker_server, is_key_of, is_same_registry};
pub(crate) use rewrite::rewrite;

/// The member that has the logins.
pub(crate) const AUTHS: &str = "auths";

/// What a docker `config.json` or a containers `auth.json` says.
#[derive(Clone)]
pub(crate) struct Logins {
    /// Where it is from, for errors.
    place: String,
    auths: BTreeMap<String, Entry<Login>>,
    cred_helpers: BTreeMap<String, Entry<String>>,
    creds_store: Option<String>,
}

/// An entry, or none if it cannot be read: that concerns its registry alone.
type Entry<T> = Option<T>;

/// Logins, and how the helpers that they name are run.
#[derive(Debug)]
pub(crate) struct KnownLogins {
    pub(crate) logins: Arc<Logins>,
    pub(crate) helpers: HelperSettings,
}

impl KnownLogins {
    /// The login for `repository` in `registry`, if there is one.
    pub(crate) async fn find(
        &self,
        registry: &str,
        repository: &str,
    ) -> Result<Option<Credentials>, Error> {
        for found in self.logins.find(registry, repository)? {
            match found {
                Found::Credentials(credentials) => return Ok(Some(credentials)),
                Found::Helper { name, server } => {
                    let helper = CredentialHelper::with(&name, &self.helpers);
                    if let Some(credentials) = helper.get(&server).await? {
                        return Ok(Some(credentials));
                    }
                }
            }
        }
        Ok(None)
    }
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

/// The members of a file. A `null` is one that is not there.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Members<'a> {
    #[serde(borrow)]
    auths: Option<BTreeMap<String, &'a RawValue>>,
    #[serde(borrow)]
    cred_helpers: Option<BTreeMap<String, &'a RawValue>>,
    creds_store: Option<String>,
}

impl Logins {
    /// The logins in the file at `path`.
    pub(crate) fn read(path: &Path) -> Result<Self, Error> {
        let place = path.display().to_string();
        let text = std::fs::read(path).map(Zeroizing::new);
        let text = text.map_err(|source| unreadable_all(&place).with_source(source))?;
        Self::parse(&text, place)
    }

    /// The logins in `text`, which is from `place`.
    pub(crate) fn parse(text: &[u8], place: String) -> Result<Self, Error> {
        // The parser's own message may quote a secret.
        let members: Option<Members<'_>> =
            serde_json::from_slice(json(text)).map_err(|source| {
                unreadable_all(&place).because(format!(
                    "it is not the JSON of a login file (line {}, column {})",
                    source.line(),
                    source.column()
                ))
            })?;
        let Members { auths, cred_helpers, creds_store } = members.unwrap_or_default();
        Ok(Self {
            place,
            auths: entries(auths),
            cred_helpers: entries(cred_helpers),
            creds_store: creds_store.filter(|name| !name.is_empty()),
        })
    }

    /// What is said of `repository` in `registry`, the best first: a helper for the registry or else for
    /// all, and a login for the longest prefix of the repository's name. What holds nothing is passed over.
    pub(crate) fn find(&self, registry: &str, repository: &str) -> Result<Vec<Found>, Error> {
        let mut found: Vec<_> = self.helper(registry)?.into_iter().collect();
        let mut unreadable = None;
        for (key, login) in matching(&self.auths, registry, repository) {
            let credentials = match login {
                Some(login) => login.credentials(),
                None => Err("it is not an object of texts"),
            };
            match credentials {
                Ok(Some(credentials)) => {
                    found.push(Found::Credentials(credentials));
                    return Ok(found);
                }
                Ok(None) => {}
                Err(reason) => {
                    unreadable = unreadable.or(Some(self.unreadable("login", key, reason)))
                }
            }
        }
        match unreadable {
            Some(error) if found.is_empty() => Err(error),
            _ => Ok(found),
        }
    }

    /// The helper for the registry. An empty name says that there is none for it.
    pub(crate) fn helper(&self, registry: &str) -> Result<Option<Found>, Error> {
        let own = matching(&self.cred_helpers, registry, "").into_iter().next();
        match own {
            Some((_, Some(name))) if name.is_empty() => return Ok(None),
            Some((key, Some(name))) => {
                let server = key.clone();
                return Ok(Some(Found::Helper { name: name.clone(), server }));
            }
            Some((key, None)) => {
                return Err(self.unreadable("credential helper", key, "its name is not a text"));
            }
            None => {}
        }
        Ok(self.creds_store.as_ref().map(|name| Found::Helper {
            name: name.clone(),
            server: docker_server(registry).to_owned(),
        }))
    }

    /// The helpers that are named, each with the servers that it is named for; `None` is all.
    pub(crate) fn helpers(&self) -> BTreeMap<String, Option<BTreeSet<String>>> {
        let mut helpers = BTreeMap::new();
        for (server, name) in &self.cred_helpers {
            let Some(name) = name.as_ref().filter(|name| !name.is_empty()) else { continue };
            let servers: &mut Option<BTreeSet<_>> = helpers.entry(name.clone()).or_default();
            servers.get_or_insert_default().insert(server.clone());
        }
        helpers.extend(self.creds_store.iter().map(|name| (name.clone(), None)));
        helpers
    }

    /// The keys that have a login here, each with its user.
    pub(crate) fn users(&self) -> impl Iterator<Item = (&str, String)> {
        self.auths.iter().filter_map(|(key, login)| {
            let credentials = login.as_ref()?.credentials().ok()??;
            let user = match credentials.as_identity_token() {
                Some(_) => TOKEN_USER,
                None => credentials.user().unwrap_or_default(),
            };
            Some((key.as_str(), user.to_owned()))
        })
    }

    fn unreadable(&self, what: &str, key: &str, reason: &str) -> Error {
        let place = &self.place;
        let action = format!("read the {what} for `{}` in `{place}`", key.escape_debug());
        Error::new(ErrorKind::Configuration, action).because(reason)
    }
}

/// The entries, each read on its own.
fn entries<T: for<'de> Deserialize<'de>>(
    members: Option<BTreeMap<String, &RawValue>>,
) -> BTreeMap<String, Entry<T>> {
    let members = members.unwrap_or_default().into_iter();
    let given = members.filter(|(_, value)| value.get() != "null");
    given.map(|(key, value)| (key, serde_json::from_str(value.get()).ok())).collect()
}

/// The JSON in the text of a login file.
fn json(text: &[u8]) -> &[u8] {
    let json = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text);
    // Programs make the file before they write to it.
    if json.trim_ascii().is_empty() { b"null" } else { json }
}

fn unreadable_all(place: &str) -> Error {
    Error::new(ErrorKind::Configuration, format!("read the logins in `{place}`"))
}

impl fmt::Debug for Logins {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Logins").field("place", &self.place).finish_non_exhaustive()
    }
}
