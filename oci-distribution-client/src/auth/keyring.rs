use std::ffi::OsString;
use std::sync::Arc;
use std::time::Duration;

use oci_image::RepositoryName;
use oci_image::reference::RegistryName;

use crate::auth::Credentials;
use crate::auth::docker::{DockerConfig, Found, is_same_registry};
use crate::error::{Error, ErrorKind};

/// All logins that the client was given, and the places to look for more.
#[derive(Debug)]
pub(crate) struct Keyring {
    given: Vec<(RegistryName, Credentials)>,
    files: Vec<Arc<DockerConfig>>,
    #[cfg_attr(
        not(feature = "credential-helpers"),
        expect(dead_code, reason = "such a build runs no helpers")
    )]
    helpers: Helpers,
}

/// How credential helpers are run.
#[derive(Debug)]
#[cfg_attr(
    not(feature = "credential-helpers"),
    expect(dead_code, reason = "such a build runs no helpers")
)]
pub(crate) struct Helpers {
    /// Where they are looked for, if not where this process looks for programs.
    pub(crate) path: Option<OsString>,
    /// How long one may take.
    pub(crate) timeout: Duration,
}

impl Keyring {
    pub(crate) fn new(
        given: Vec<(RegistryName, Credentials)>,
        files: Vec<Arc<DockerConfig>>,
        helpers: Helpers,
    ) -> Self {
        Self { given, files, helpers }
    }

    /// One without any login.
    pub(crate) fn empty() -> Self {
        let helpers = Helpers { path: None, timeout: Duration::ZERO };
        Self::new(Vec::new(), Vec::new(), helpers)
    }

    /// The login for `repository` in `registry`, if there is one.
    pub(crate) async fn find(
        &self,
        registry: &RegistryName,
        repository: Option<&RepositoryName>,
    ) -> Result<Option<Credentials>, Error> {
        // The one that was given last counts.
        let given = || self.given.iter().rev();
        let given = given().find(|(name, _)| name == registry).or_else(|| {
            given().find(|(name, _)| is_same_registry(name.as_str(), registry.as_str()))
        });
        if let Some((_, credentials)) = given {
            return Ok(Some(credentials.clone()));
        }
        for file in &self.files {
            for found in
                file.find(registry.as_str(), repository.map_or("", RepositoryName::as_str))?
            {
                match found {
                    Found::Credentials(credentials) => return Ok(Some(credentials)),
                    Found::Helper { name, server } => {
                        if let Some(credentials) = self.ask(&name, &server).await? {
                            return Ok(Some(credentials));
                        }
                    }
                }
            }
        }
        Ok(None)
    }

    #[cfg(feature = "credential-helpers")]
    async fn ask(&self, name: &str, server: &str) -> Result<Option<Credentials>, Error> {
        let Helpers { path, timeout } = &self.helpers;
        let answer = super::helper::ask(name, server, path.as_deref(), *timeout).await;
        answer.map_err(|reason| helper_error(name, server).because(reason))
    }

    #[cfg(not(feature = "credential-helpers"))]
    async fn ask(&self, name: &str, server: &str) -> Result<Option<Credentials>, Error> {
        Err(helper_error(name, server)
            .because("this build does not have the feature `credential-helpers`"))
    }
}

fn helper_error(name: &str, server: &str) -> Error {
    let action = format!("ask the credential helper `docker-credential-{name}` for `{server}`");
    Error::new(ErrorKind::Configuration, action)
}
