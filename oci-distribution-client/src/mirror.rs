use oci_image::RepositoryName;
use oci_image::reference::RegistryName;

use crate::error::Error;
use crate::route::{Place, Protocol, Server, Uses};

/// Where a mirror keeps the repositories of a registry.
#[derive(Clone, Debug)]
pub(crate) struct Mirror {
    /// The registry that it stands in for.
    pub(crate) of: RegistryName,
    host: RegistryName,
    /// What stands before the names of repositories there, if anything does.
    prefix: Option<RepositoryName>,
}

impl Mirror {
    /// The mirror at `place`, a host with an optional port and path, of the registry `of`.
    pub(crate) fn parse(of: &str, place: &str) -> Result<Self, Error> {
        let action =
            format!("use the mirror `{}` of `{}`", place.escape_debug(), of.escape_debug());
        let refuse = |reason| Error::name(&action, reason);
        let (host, prefix) = match place.split_once('/') {
            Some((host, prefix)) => (host, Some(prefix.parse().map_err(refuse)?)),
            None => (place, None),
        };
        Ok(Self { of: of.parse().map_err(refuse)?, host: host.parse().map_err(refuse)?, prefix })
    }

    /// Where the repository `name` is there; `None` if its name would be longer than names may be.
    pub(crate) fn place(&self, name: &RepositoryName) -> Option<Place> {
        let repository = match &self.prefix {
            Some(prefix) => format!("{prefix}/{name}").parse().ok()?,
            None => name.clone(),
        };
        let server = Server::new(self.host.clone(), Protocol::Https);
        Some(Place { server, repository, uses: Uses::ALL, is_told: true })
    }
}
