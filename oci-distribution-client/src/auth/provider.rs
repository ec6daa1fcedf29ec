use std::error::Error as StdError;
use std::fmt;

use oci_image::RepositoryName;
use oci_image::distribution::Challenge;
use oci_image::reference::RegistryName;

use crate::auth::Credentials;
use crate::transport::BoxFuture;

/// Gives the credentials for registries, such as those of a cloud or of a keychain.
///
/// It is asked when a registry wants a login, and again when what it gave has expired
/// ([`Credentials::valid_for`]) or is refused. For one registry it is asked by one request at a time, while others wait
/// for the same answer; one answer may take as long as [`Limits::helper`](crate::Limits::helper) says.
///
/// ```
/// use oci_distribution_client::transport::BoxFuture;
/// use oci_distribution_client::{
///     Config, CredentialError, CredentialProvider, CredentialRequest, Credentials,
/// };
///
/// #[derive(Debug)]
/// struct Cloud;
///
/// impl CredentialProvider for Cloud {
///     fn credentials<'a>(
///         &'a self,
///         request: &'a CredentialRequest<'a>,
///     ) -> BoxFuture<'a, Result<Option<Credentials>, CredentialError>> {
///         Box::pin(async move {
///             if !request.registry.as_str().ends_with(".cloud.example") {
///                 return Ok(None);
///             }
///             let password = std::env::var("CLOUD_TOKEN")?;
///             let hour = std::time::Duration::from_secs(3600);
///             Ok(Some(Credentials::basic("cloud", password).valid_for(hour)))
///         })
///     }
/// }
///
/// let config = Config::default().credential_provider(Cloud);
/// ```
pub trait CredentialProvider: fmt::Debug + Send + Sync + 'static {
    /// The credentials for `request`; `None` if it has none, so that others are asked.
    ///
    /// # Errors
    /// Fails the request that wants the login. The error is shown to users, so it must hold no secret.
    fn credentials<'a>(
        &'a self,
        request: &'a CredentialRequest<'a>,
    ) -> BoxFuture<'a, Result<Option<Credentials>, CredentialError>>;
}

/// Why a [`CredentialProvider`] failed; it holds no secret.
pub type CredentialError = Box<dyn StdError + Send + Sync>;

/// What credentials are wanted for.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct CredentialRequest<'a> {
    /// The registry, as in the names of images.
    pub registry: &'a RegistryName,
    /// The repository, if the request is about one.
    pub repository: Option<&'a RepositoryName>,
    /// What they are to allow, each as `repository:team/app:pull,push`.
    pub scopes: &'a [String],
    /// What the registry asked for, if it was asked by now.
    pub challenge: Option<&'a Challenge>,
    /// Whether the registry refused the credentials that were given last.
    pub is_refused: bool,
}
