use std::sync::Arc;
use std::time::Duration;

use oci_image::RepositoryName;
use oci_image::reference::RegistryName;

use crate::auth::logins::{KnownLogins, docker_server, is_same_registry};
use crate::auth::{
    CredentialError, CredentialHelper, CredentialProvider, CredentialRequest, Credentials,
};
use crate::error::{Error, ErrorKind};

/// Where logins are kept.
#[derive(Clone, Debug)]
pub(crate) enum LoginSource {
    /// The login files, with the helpers that they name.
    Files,
    /// A helper for every registry.
    Helper(CredentialHelper),
}

/// All logins that the client was given, and the places to look for more.
#[derive(Debug)]
pub(crate) struct Keyring {
    given: Vec<(RegistryName, Credentials)>,
    providers: Vec<Arc<dyn CredentialProvider>>,
    files: Vec<KnownLogins>,
    /// What is asked after providers, in order.
    sources: Vec<LoginSource>,
    /// How long a provider may take.
    timeout: Duration,
}

impl Keyring {
    pub(crate) fn new(
        given: Vec<(RegistryName, Credentials)>,
        providers: Vec<Arc<dyn CredentialProvider>>,
        files: Vec<KnownLogins>,
        sources: Vec<LoginSource>,
        timeout: Duration,
    ) -> Self {
        Self { given, providers, files, sources, timeout }
    }

    /// One without any login.
    pub(crate) fn empty() -> Self {
        Self::new(Vec::new(), Vec::new(), Vec::new(), Vec::new(), Duration::ZERO)
    }

    /// One with a single login.
    pub(crate) fn of(registry: RegistryName, credentials: Credentials) -> Self {
        Self { given: vec![(registry, credentials)], ..Self::empty() }
    }

    /// The login for `request`, if there is one.
    pub(crate) async fn find(
        &self,
        request: &CredentialRequest<'_>,
    ) -> Result<Option<Credentials>, Error> {
        if let Some(credentials) = self.given(request.registry) {
            return Ok(Some(credentials.clone()));
        }
        for provider in &self.providers {
            if let Some(credentials) = self.ask(&**provider, request).await? {
                return Ok(Some(credentials));
            }
        }
        let mut failed = None;
        for source in &self.sources {
            let found = match source {
                LoginSource::Files => self.find_in_files(request).await,
                LoginSource::Helper(helper) => {
                    helper.get(docker_server(request.registry.as_str())).await
                }
            };
            match found {
                Ok(None) => {}
                Ok(found) => return Ok(found),
                // The next one may have it all the same, as with skopeo and podman.
                Err(error) => failed = failed.or(Some(error)),
            }
        }
        failed.map_or(Ok(None), Err)
    }

    async fn find_in_files(
        &self,
        request: &CredentialRequest<'_>,
    ) -> Result<Option<Credentials>, Error> {
        let repository = request.repository.map_or("", RepositoryName::as_str);
        for file in &self.files {
            let found = file.find(request.registry.as_str(), repository).await?;
            if found.is_some() {
                return Ok(found);
            }
        }
        Ok(None)
    }

    /// The one that was given last counts.
    fn given(&self, registry: &RegistryName) -> Option<&Credentials> {
        let given = || self.given.iter().rev().filter(|(_, credentials)| !credentials.is_expired());
        let exact = given().find(|(name, _)| name == registry);
        let found = exact.or_else(|| {
            given().find(|(name, _)| is_same_registry(name.as_str(), registry.as_str()))
        });
        found.map(|(_, credentials)| credentials)
    }

    async fn ask(
        &self,
        provider: &dyn CredentialProvider,
        request: &CredentialRequest<'_>,
    ) -> Result<Option<Credentials>, Error> {
        let error = || {
            let action = format!("get credentials for `{}`", request.registry);
            Error::new(ErrorKind::Configuration, action)
        };
        match tokio::time::timeout(self.timeout, provider.credentials(request)).await {
            Ok(answer) => answer.map_err(|source| provider_failed(source, error)),
            Err(_) => Err(error().because(format!(
                "the provider took longer than {} s (`Limits::helper`)",
                self.timeout.as_secs()
            ))),
        }
    }
}

fn provider_failed(source: CredentialError, error: impl FnOnce() -> Error) -> Error {
    match source.downcast::<Error>() {
        // It says itself what was done.
        Ok(own) => *own,
        Err(source) => error().because("the provider failed").with_source(source),
    }
}
