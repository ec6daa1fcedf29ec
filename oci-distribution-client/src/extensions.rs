use oci_image::distribution::{Endpoint, Extensions};
use oci_image::json;

use crate::auth::Scopes;
use crate::client::Client;
use crate::error::Error;
use crate::list::Pages;
use crate::repository::Repository;

/// What a registry offers beside the specification ([extensions]). Where they cannot be discovered, as is usual, the
/// error is of kind [`NotFound`](crate::ErrorKind::NotFound) or another that says that the registry refuses.
///
/// [extensions]: https://github.com/opencontainers/distribution-spec/blob/v1.1.1/extensions/_oci.md
impl Client {
    /// The extensions of `registry`, a host with an optional port.
    ///
    /// # Errors
    /// If the registry does not list them.
    pub async fn extensions(&self, registry: &str) -> Result<Extensions, Error> {
        let action = format!("list the extensions of `{}`", crate::text::printable(registry, 300));
        let registry = self.registry(registry, &action)?;
        let url = registry.url(&Endpoint::Extensions(None));
        let scopes = Scopes::default();
        read(Pages::of_registry(self.shared(), &registry, url, scopes, action)).await
    }
}

/// What the registry offers for this repository alone.
impl Repository {
    /// The extensions for this repository.
    ///
    /// # Errors
    /// If the registry does not list them.
    pub async fn extensions(&self) -> Result<Extensions, Error> {
        let source = self.source();
        let url = source.url(&Endpoint::Extensions(Some(source.name().clone())));
        read(Pages::of(source, url, format!("list the extensions of `{self}`"))).await
    }
}

async fn read(mut pages: Pages) -> Result<Extensions, Error> {
    let mut all = Extensions::new();
    while let Some((_, page)) = pages.next("application/json").await? {
        let page: Extensions =
            json::from_slice(&page).map_err(|source| pages.unreadable(source))?;
        all.extensions.extend(page.extensions);
    }
    Ok(all)
}
