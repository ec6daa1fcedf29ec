//! The settings that files of the machine make.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::config::Config;
use crate::error::Error;
use crate::machine::{CertsDir, HostsDir, RegistriesConf};

/// By files of the machine. They are the administrator's word: a registry that they call insecure is asked
/// without verification, or over http.
impl Config {
    /// What the programs of this machine and user ask registries by: [`from_environment`](Self::from_environment),
    /// [`registries_conf`](Self::registries_conf) with the usual files, and [`certs_dir`](Self::certs_dir) with
    /// `$HOME/.config/containers/certs.d`, `/etc/containers/certs.d` and `/etc/docker/certs.d`.
    ///
    /// What may be used is another matter:
    /// `config.policy(PolicyFile::from_machine()?)`.
    ///
    /// It reads files, so it may block for a moment.
    ///
    /// # Errors
    /// If a file is there and cannot be read or understood.
    pub fn from_machine() -> Result<Self, Error> {
        Self::from_machine_variables(|name| std::env::var_os(name))
    }

    /// The same with other variables than those of this process.
    ///
    /// # Errors
    /// As [`from_machine`](Self::from_machine).
    pub fn from_machine_variables(
        variable: impl Fn(&str) -> Option<OsString>,
    ) -> Result<Self, Error> {
        let home = variable("HOME").filter(|home| !home.is_empty()).map(PathBuf::from);
        let conf = RegistriesConf::from_variables(&variable)?;
        let config = Self::from_variables(&variable)?.registries_conf(conf);
        CertsDir::usual(home).into_iter().try_fold(config, Self::certs_dir)
    }

    /// Reads images where `conf` says, and resolves short names by it ([`Client::reference`]).
    ///
    /// Its `credential-helpers` are asked for every registry, in their order; login files only if these are among them
    /// (`containers-auth.json`).
    ///
    /// A registry that is `insecure` is asked over https with any certificate, or over http if it does not speak https;
    /// anybody on the network path then reads the credentials and chooses what tags mean.
    ///
    /// [`Client::reference`]: crate::Client::reference
    pub fn registries_conf(mut self, conf: RegistriesConf) -> Self {
        if let Some(helpers) = conf.credential_helpers().filter(|it| !it.is_empty()) {
            self.helpers = helpers.to_vec();
        }
        self.places.push(Arc::new(conf));
        self
    }

    /// Asks registries as containerd's files in `hosts` say. Where `registries.conf` was given too, what was given first
    /// and knows the registry counts.
    pub fn hosts_dir(mut self, hosts: HostsDir) -> Self {
        self.places.push(Arc::new(hosts));
        self
    }

    /// Asks registries by the certificates in the directory at `path`, but those whose settings were given before,
    /// by [`tls`](Self::tls) or another directory. See [`CertsDir`].
    ///
    /// # Errors
    /// If it is there and cannot be read.
    pub fn certs_dir(mut self, path: impl AsRef<Path>) -> Result<Self, Error> {
        for (name, tls) in CertsDir::read(path)?.registries {
            let is_known = self.tls_of.iter().any(|(known, _)| *known == name.as_str())
                || self.unusable.iter().any(|(known, _)| *known == name);
            match tls {
                _ if is_known => {}
                Ok(tls) => self = self.tls(name.as_str(), tls),
                Err(error) => self.unusable.push((name, Arc::new(error))),
            }
        }
        Ok(self)
    }
}
