use oci_image::RepositoryName;
use oci_image::reference::RegistryName;

use crate::error::Error;

/// Where a mirror keeps the repositories of a registry.
#[derive(Clone, Debug)]
pub(crate) struct Mirror {
    /// The registry that it stands in for.
    pub(crate) of: RegistryName,
    pub(crate) host: RegistryName,
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

    /// The name there of the repository `name`; `None` if that would be longer than names may be.
    pub(crate) fn name(&self, name: &RepositoryName) -> Option<RepositoryName> {
        let Some(prefix) = &self.prefix else { return Some(name.clone()) };
        format!("{prefix}/{name}").parse().ok()
    }
}
