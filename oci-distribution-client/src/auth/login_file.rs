use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use oci_image::RepositoryName;
use oci_image::reference::RegistryName;
use zeroize::Zeroizing;

use crate::auth::Credentials;
use crate::auth::helper::{CredentialHelper, HelperSettings};
use crate::auth::logins::{
    AUTHS, Found, Logins, docker_server, edit, entry_of, is_key_of, rewrite,
};
use crate::config::login_file_of;
use crate::error::{Error, ErrorKind};
use crate::worker::Worker;

/// A docker `config.json` or a containers `auth.json` to write logins to: what `docker login` and `podman login` do.
///
/// A change replaces the file as a whole, with the mode 0600, and leaves all else in it byte for byte. On Unix, changes
/// by this type wait for each other, in other processes too; other programs take no lock, and what they write is kept
/// unless they write in the very moment of the change.
///
/// Where the file names a credential helper for a registry (`credHelpers`, `credsStore`), the helper keeps the login, and
/// an empty entry stands for it in the file.
///
/// [`Client::login`](crate::Client::login) checks a login before it is stored.
#[derive(Clone, Debug)]
pub struct LoginFile {
    path: PathBuf,
    helpers: HelperSettings,
}

impl LoginFile {
    /// The file at `path`, whether it is there or not. It is read when something is asked of it.
    pub fn open(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into(), helpers: HelperSettings::default() }
    }

    /// The first file that [`Config::from_environment`](crate::Config::from_environment) reads and that is there; if
    /// none is, `$REGISTRY_AUTH_FILE` or docker's `config.json`.
    ///
    /// # Errors
    /// If the environment does not say where such a file is.
    pub fn from_environment() -> Result<Self, Error> {
        Self::from_variables(|name| std::env::var_os(name))
    }

    /// The same with other variables than those of this process.
    ///
    /// # Errors
    /// As [`from_environment`](Self::from_environment).
    pub fn from_variables(variable: impl Fn(&str) -> Option<OsString>) -> Result<Self, Error> {
        let path = login_file_of(&variable).ok_or_else(|| {
            Error::new(ErrorKind::Configuration, "find the login file")
                .because("none of `REGISTRY_AUTH_FILE`, `DOCKER_CONFIG` and `HOME` is set")
        })?;
        let file = Self::open(path);
        Ok(match variable("PATH") {
            Some(path) => file.helper_path(path),
            None => file,
        })
    }

    /// Looks for credential helpers in `path`, a list as in the variable `PATH`.
    pub fn helper_path(mut self, path: impl Into<OsString>) -> Self {
        self.helpers.search_path = Some(path.into());
        self
    }

    /// How long a credential helper may take. Default: 60 s.
    pub fn helper_timeout(mut self, timeout: Duration) -> Self {
        self.helpers.timeout = timeout;
        self
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Stores `credentials` for `place`, a registry (`ghcr.io`) or a part of one (`ghcr.io/team`), in place of those
    /// that were there for it.
    ///
    /// # Errors
    /// If the file cannot be read, understood or written, or its helper fails.
    pub async fn store(&self, place: &str, credentials: &Credentials) -> Result<(), Error> {
        let action = format!("store the login for `{}`", place.escape_debug());
        let place = Place::parse(place, &action)?;
        let key = place.key(self.is_of_docker());
        let entry = match self.helper(&place).await? {
            Some(_) if place.path.is_some() => {
                return Err(Error::new(ErrorKind::Configuration, action)
                    .because("credential helpers keep the logins of whole registries"));
            }
            Some((helper, server)) => {
                helper.store(&server, credentials).await?;
                Zeroizing::new("{}".to_owned())
            }
            None => entry_of(credentials)
                .map_err(|reason| Error::new(ErrorKind::Configuration, &*action).because(reason))?,
        };
        let edit = move |json: &str| edit::set(json, AUTHS, &key, &entry);
        match self.change(action.clone(), edit).await? {
            true => Ok(()),
            // What can be read may still be an array.
            false => Err(Error::new(ErrorKind::Configuration, action)
                .because(format!("the file `{}` is not a JSON object", self.path.display()))),
        }
    }

    /// Removes what is there for `place`, a registry (by any of its names) or a part of one, from the file and from its
    /// helper; says whether there was anything.
    ///
    /// # Errors
    /// If the file cannot be read, understood or written, or its helper fails.
    pub async fn erase(&self, place: &str) -> Result<bool, Error> {
        let action = format!("erase the login for `{}`", place.escape_debug());
        let place = Place::parse(place, &action)?;
        let is_in_helper = match self.helper(&place).await? {
            Some((helper, server)) if place.path.is_none() => helper.erase(&server).await?,
            _ => false,
        };
        let edit = move |json: &str| edit::without(json, AUTHS, |key| place.is_at(key));
        let is_in_file = self.change(action, edit).await?;
        Ok(is_in_helper || is_in_file)
    }

    /// What logins are for, each with its user: those in the file by their keys, and those of its helpers by the servers
    /// that these name. Tokens have the user `<token>`, or none.
    ///
    /// # Errors
    /// If the file cannot be read or understood, or a helper fails.
    pub async fn list(&self) -> Result<BTreeMap<String, String>, Error> {
        let logins = self.read().await?;
        let mut listed = BTreeMap::new();
        for (name, servers) in logins.helpers() {
            let known = CredentialHelper::with(&name, &self.helpers).list().await?;
            let is_of = |server: &String| servers.as_ref().is_none_or(|it| it.contains(server));
            listed.extend(known.into_iter().filter(|(server, _)| is_of(server)));
        }
        listed.extend(logins.users().map(|(key, user)| (key.to_owned(), user)));
        Ok(listed)
    }

    /// The helper that keeps the login of a registry, with the name that it knows the registry by.
    async fn helper(&self, place: &Place) -> Result<Option<(CredentialHelper, String)>, Error> {
        let found = self.read().await?.helper(place.registry.as_str())?;
        Ok(found.and_then(|found| match found {
            Found::Helper { name, server } => {
                Some((CredentialHelper::with(&name, &self.helpers), server))
            }
            Found::Credentials(_) => None,
        }))
    }

    /// Reads it; a file that is missing has no logins.
    async fn read(&self) -> Result<Logins, Error> {
        let path = self.path.clone();
        on_a_thread(move || match path.exists() {
            true => Logins::read(&path),
            false => Logins::parse(b"", path.display().to_string()),
        })
        .await
    }

    /// Writes what `edit` makes of the JSON of the file, if that is anything; says whether it is.
    async fn change(
        &self,
        action: String,
        edit: impl Fn(&str) -> Option<String> + Send + 'static,
    ) -> Result<bool, Error> {
        let path = self.path.clone();
        on_a_thread(move || {
            let changed = rewrite(&path, |content| edited(&path, content, &edit));
            changed.map_err(|source| {
                let reason = format!("the file `{}` is not changed", path.display());
                Error::new(ErrorKind::Configuration, action).because(reason).with_source(source)
            })
        })
        .await
    }

    /// Whether it is by docker's name for it, so that the key for Docker Hub is docker's.
    fn is_of_docker(&self) -> bool {
        self.path.file_name().is_some_and(|name| name == "config.json")
    }
}

/// What a login is for.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    pub(crate) registry: RegistryName,
    path: Option<RepositoryName>,
}

impl Place {
    pub(crate) fn parse(text: &str, action: &str) -> Result<Self, Error> {
        let refuse = |reason| Error::name(action, reason);
        let (registry, path) = match text.split_once('/') {
            Some((registry, path)) => (registry, Some(path.parse().map_err(refuse)?)),
            None => (text, None),
        };
        Ok(Self { registry: registry.parse().map_err(refuse)?, path })
    }

    /// Under what its login is written.
    fn key(&self, is_of_docker: bool) -> String {
        match &self.path {
            Some(path) => format!("{}/{path}", self.registry),
            None if is_of_docker => docker_server(self.registry.as_str()).to_owned(),
            None => self.registry.to_string(),
        }
    }

    /// Whether `key` is for this, however it is written.
    fn is_at(&self, key: &str) -> bool {
        match &self.path {
            Some(_) => key == self.key(false),
            None => is_key_of(key, self.registry.as_str()),
        }
    }
}

/// What `edit` makes of the content of the file at `path`.
fn edited(
    path: &Path,
    content: &[u8],
    edit: impl Fn(&str) -> Option<String>,
) -> io::Result<Option<String>> {
    // What cannot be read as a whole is not changed in part.
    Logins::parse(content, path.display().to_string()).map_err(io::Error::other)?;
    let text = std::str::from_utf8(content).map_err(io::Error::other)?;
    let (mark, json) = text.split_at(text.len() - text.trim_start_matches('\u{feff}').len());
    let json = match json.trim_ascii() {
        "" | "null" => "{}",
        _ => json,
    };
    Ok(edit(json).map(|edited| format!("{mark}{edited}")))
}

/// Runs what reads or writes files where that blocks nobody.
async fn on_a_thread<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    Worker::start(work).result().await.unwrap_or_else(|stopped| {
        let action = "use the login file";
        Err(Error::new(ErrorKind::Configuration, action).with_source(stopped))
    })
}
