#[cfg(feature = "hyper")]
mod any;
#[cfg(feature = "hyper")]
mod client;
#[cfg(feature = "hyper")]
mod given;
#[cfg(feature = "hyper")]
mod identity;
#[cfg(feature = "hyper")]
mod provider;
#[cfg(feature = "hyper")]
mod servers;

use std::fmt;

use zeroize::Zeroizing;

#[cfg(feature = "hyper")]
pub(crate) use servers::ServerConfigs;

/// What the default transport trusts and shows when it speaks TLS with one server.
///
/// ```
/// use oci_distribution_client::{Config, Tls};
/// # let (ca, certificate, key) = ("", "", "");
///
/// let tls = Tls::new().root_certificate(ca).client_certificate(certificate, key);
/// let config = Config::default().tls("registry.example:5000", tls);
/// ```
#[derive(Clone, Default)]
pub struct Tls {
    pub(super) roots: Vec<Vec<u8>>,
    pub(super) trust: Trust,
    pub(super) identities: Vec<Identity>,
}

/// Which certificates of a server are accepted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Trust {
    /// What the operating system trusts, and the given roots.
    #[default]
    System,
    /// The given roots alone.
    Roots,
    /// All.
    Any,
}

/// A client certificate with its key, both PEM.
#[derive(Clone)]
#[cfg_attr(not(feature = "hyper"), expect(dead_code, reason = "for the default transport"))]
pub(super) struct Identity {
    pub(super) chain: Vec<u8>,
    pub(super) key: Zeroizing<Vec<u8>>,
}

impl Tls {
    /// What the operating system trusts, and no client certificate.
    pub fn new() -> Self {
        Self::default()
    }

    /// Trusts the certificates in `pem`, too.
    pub fn root_certificate(mut self, pem: impl Into<Vec<u8>>) -> Self {
        self.roots.push(pem.into());
        self
    }

    /// Trusts the certificates of [`root_certificate`](Self::root_certificate) alone, neither those of the operating
    /// system nor those of [`Config::root_certificate`](crate::Config::root_certificate).
    pub fn only_these_roots(mut self) -> Self {
        self.trust = Trust::Roots;
        self
    }

    /// Shows the server, if it asks for one, a certificate, with its chain and key as PEM. Of several, it gets the
    /// first that is from an issuer that it names, or else the first.
    pub fn client_certificate(
        mut self,
        chain: impl Into<Vec<u8>>,
        key: impl Into<Vec<u8>>,
    ) -> Self {
        self.identities.push(Identity { chain: chain.into(), key: Zeroizing::new(key.into()) });
        self
    }

    /// Accepts any certificate, of any name and issuer and time: anybody on the network path reads the credentials
    /// and chooses what tags mean. What roots are given does not matter then.
    pub fn danger_accept_any_certificate(mut self) -> Self {
        self.trust = Trust::Any;
        self
    }
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tls")
            .field("trust", &self.trust)
            .field("roots", &self.roots.len())
            .field("client_certificates", &self.identities.len())
            .finish_non_exhaustive()
    }
}
