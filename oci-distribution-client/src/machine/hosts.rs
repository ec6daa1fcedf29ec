mod file;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use oci_image::Reference;
use oci_image::reference::RegistryName;

use self::file::Hosts;
use super::certs;
use super::toml_file;
use crate::error::Error;
use crate::route::{Extra, Place, Places, Protocol, Route, Server};

/// A directory of containerd's [`hosts.toml`] files, such as `/etc/containerd/certs.d`.
///
/// The first directory below it that is there is that of a registry: `HOST_PORT_`, `HOST:PORT` or `HOST`,
/// `_default`. Its `hosts.toml` is read when the registry is first asked. A directory without one holds
/// certificates as those of [`CertsDir`](super::CertsDir) do.
///
/// A host with the capability `pull` is a mirror of the registry. It is asked what tags mean if it has the
/// capability `resolve`, too. What is pushed goes to the `server` alone. The headers of a host are sent to it alone.
///
/// `skip_verify` is done: that host is then asked without any verification of its certificate.
///
/// [`hosts.toml`]: https://github.com/containerd/containerd/blob/main/docs/hosts.md
#[derive(Debug)]
pub struct HostsDir {
    root: PathBuf,
    /// What was read, by registry.
    known: Mutex<BTreeMap<RegistryName, Option<Arc<Hosts>>>>,
}

impl HostsDir {
    /// The directory at `root`, which is not read yet.
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into(), known: Mutex::default() }
    }

    /// Checks `text` as a `hosts.toml`; errors name `file`. The certificates that it names are not read.
    ///
    /// # Errors
    /// If it is not understood, an unknown key included.
    pub fn check(text: &str, file: impl AsRef<Path>) -> Result<(), Error> {
        file::read(text, file.as_ref()).map(drop)
    }

    fn hosts(&self, registry: &RegistryName) -> Result<Option<Arc<Hosts>>, Error> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(hosts) = known.get(registry) {
            return Ok(hosts.clone());
        }
        let hosts = self.find(registry)?.map(Arc::new);
        known.insert(registry.clone(), hosts.clone());
        Ok(hosts)
    }

    fn find(&self, registry: &RegistryName) -> Result<Option<Hosts>, Error> {
        let with_port = registry.as_str().rsplit_once(':').filter(|(host, _)| !host.is_empty());
        let names = with_port.map(|(host, port)| format!("{host}_{port}_")).into_iter();
        let names = names.chain([registry.to_string(), "_default".to_owned()]);
        let mut directories = names.map(|name| self.root.join(name));
        let Some(directory) = directories.find(|directory| directory.exists()) else {
            return Ok(None);
        };
        let file = directory.join("hosts.toml");
        match toml_file::read(&file)? {
            Some(text) => file::read(&text, &file)?.with_certificates(&directory).map(Some),
            None => {
                let tls = Some(certs::certificates(&directory)?);
                let extra = Arc::new(Extra { headers: http::HeaderMap::new(), tls });
                Ok(Some(Hosts::of_certificates(extra)))
            }
        }
    }
}

impl Places for HostsDir {
    fn route(&self, image: &Reference) -> Result<Option<Route>, Error> {
        let Some(hosts) = self.hosts(image.registry())? else { return Ok(None) };
        let mirrors = hosts.mirrors.iter().map(|(server, uses)| Place {
            server: server.clone(),
            repository: image.repository().clone(),
            uses: *uses,
            is_told: true,
        });
        let own = || Server {
            extra: hosts.own.clone(),
            ..Server::new(image.registry().clone(), Protocol::Https)
        };
        let server = hosts.server.clone().unwrap_or_else(own);
        Ok(Some(Route { mirrors: mirrors.collect(), source: None, server }))
    }
}
