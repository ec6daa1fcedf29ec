use std::error::Error as StdError;
use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::ServerCertVerifier;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};
use rustls_platform_verifier::Verifier;

use crate::transport::tls::any::AcceptAny;
use crate::transport::tls::given::Given;
use crate::transport::tls::identity::Identities;
use crate::transport::tls::provider::provider;
use crate::transport::tls::{Tls, Trust};

pub(super) type BoxError = Box<dyn StdError + Send + Sync>;

impl Tls {
    /// These settings of one server, and those of all servers that they leave open.
    pub(crate) fn over(mut self, general: &Self) -> Self {
        if self.trust == Trust::System {
            self.roots.extend_from_slice(&general.roots);
        }
        if self.identities.is_empty() {
            self.identities.clone_from(&general.identities);
        }
        self
    }

    pub(super) fn client_config(&self) -> Result<ClientConfig, BoxError> {
        let provider = provider()?;
        let identities = Identities::read(&self.identities, &provider)?;
        let verifier = self.verifier(&provider)?;
        let builder = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .dangerous()
            .with_custom_certificate_verifier(verifier);
        let mut config = match identities {
            None => builder.with_no_client_auth(),
            Some(identities) => builder.with_client_cert_resolver(Arc::new(identities)),
        };
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Ok(config)
    }

    fn verifier(
        &self,
        provider: &Arc<CryptoProvider>,
    ) -> Result<Arc<dyn ServerCertVerifier>, BoxError> {
        let mut roots = Vec::new();
        for pem in &self.roots {
            roots.extend(certificates(pem)?);
        }
        let provider = Arc::clone(provider);
        if self.trust == Trust::Any {
            return Ok(Arc::new(AcceptAny(provider)));
        }
        let inner: Arc<dyn ServerCertVerifier> = match self.trust {
            Trust::System => {
                match Verifier::new_with_extra_roots(roots.clone(), provider.clone()) {
                    Ok(verifier) => Arc::new(verifier),
                    // A system without roots of its own can still reach the registries that these roots are for.
                    Err(_) => these_alone(&roots, provider)?,
                }
            }
            Trust::Roots | Trust::Any => these_alone(&roots, provider)?,
        };
        Ok(Arc::new(Given { inner, certificates: roots }))
    }
}

fn these_alone(
    roots: &[CertificateDer<'static>],
    provider: Arc<CryptoProvider>,
) -> Result<Arc<WebPkiServerVerifier>, BoxError> {
    let mut store = RootCertStore::empty();
    for certificate in roots {
        store.add(certificate.clone())?;
    }
    if store.is_empty() {
        return Err("there is no root certificate to trust".into());
    }
    Ok(WebPkiServerVerifier::builder_with_provider(Arc::new(store), provider).build()?)
}

/// All certificates in `pem`, at least one: one that is not read would leave the caller without a reason why servers
/// are not trusted.
pub(super) fn certificates(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, BoxError> {
    let certificates: Vec<_> = CertificateDer::pem_slice_iter(pem).collect::<Result<_, _>>()?;
    match certificates.is_empty() {
        true => Err("there is no PEM certificate in what was given as one".into()),
        false => Ok(certificates),
    }
}
