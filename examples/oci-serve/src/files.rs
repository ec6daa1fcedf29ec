use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use oci_cli::report::{one_line, tell};
use oci_registry::{Htpasswd, JwtKeys, Tls};

use crate::Result;
use crate::settings::Settings;

/// What is read from files and can be read again.
pub(crate) struct Files {
    pub(crate) users: Option<Htpasswd>,
    pub(crate) tls: Option<Tls>,
    /// Keys of another token service.
    pub(crate) token_keys: Option<JwtKeys>,
    token_keys_file: Option<PathBuf>,
    htpasswd: Option<PathBuf>,
    watched: Vec<PathBuf>,
    seen: Vec<Option<Seen>>,
}

/// What tells that a file has changed: its time and size.
type Seen = (SystemTime, u64);

impl Files {
    pub(crate) fn open(settings: &Settings) -> Result<Self> {
        let users = |path| read(path, "users");
        let users = settings.htpasswd.as_deref().map(users).transpose()?;
        let users = users.map(|text| Htpasswd::parse(&text)).transpose()?;
        let tls = settings.tls_cert.as_ref().zip(settings.tls_key.as_ref());
        let tls = tls.map(|(chain, key)| Tls::open(chain, key)).transpose()?;
        let token_keys = settings.token_keys.as_deref().map(|path| read(path, KEYS)).transpose()?;
        let token_keys = token_keys.map(|text| JwtKeys::parse(&text)).transpose()?;
        let files =
            [&settings.htpasswd, &settings.tls_cert, &settings.tls_key, &settings.token_keys];
        let watched: Vec<_> = files.into_iter().flatten().cloned().collect();
        let seen = watched.iter().map(|path| look(path)).collect();
        let htpasswd = settings.htpasswd.clone();
        let token_keys_file = settings.token_keys.clone();
        Ok(Self { users, tls, token_keys, token_keys_file, htpasswd, watched, seen })
    }

    /// Reads them again if one of them has changed.
    pub(crate) fn reload_changed(&mut self) {
        if self.watched.iter().map(|path| look(path)).ne(self.seen.iter().copied()) {
            self.reload();
        }
    }

    /// Reads them again, and says what is wrong; that stays as it was.
    pub(crate) fn reload(&mut self) {
        self.seen = self.watched.iter().map(|path| look(path)).collect();
        if let (Some(users), Some(path)) = (&self.users, &self.htpasswd) {
            report(read(path, "users").and_then(|text| Ok(users.replace(&text)?)));
        }
        if let (Some(keys), Some(path)) = (&self.token_keys, &self.token_keys_file) {
            report(read(path, KEYS).and_then(|text| Ok(keys.replace(&text)?)));
        }
        if let Some(tls) = &self.tls {
            report(tls.reload().map_err(Into::into));
        }
    }
}

fn report(result: Result<()>) {
    if let Err(error) = result {
        tell(format_args!("oci-serve: {}", one_line(&*error)));
    }
}

/// What a file has keys of.
const KEYS: &str = "keys of tokens";

fn read(path: &Path, what: &str) -> Result<String> {
    fs::read_to_string(path)
        .map_err(|error| format!("cannot read the {what} in `{}`: {error}", path.display()).into())
}

fn look(path: &Path) -> Option<Seen> {
    let metadata = fs::metadata(path).ok()?;
    Some((metadata.modified().ok()?, metadata.len()))
}
